"""TLS of a client: connections that trust the same share what that takes."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from urllib3.util.ssl_ import ALPN_PROTOCOLS, create_urllib3_context

_MAKING = threading.Lock()
Stamp = tuple[int, ...]
"""Of a file: another one where it was written, or is another file now."""


@dataclass(frozen=True)
class Trust:
    """Whom a client believes, and as whom it comes: names of files in PEM."""

    ca_file: str
    verify: int = ssl.CERT_REQUIRED
    """As `ssl.VerifyMode` has it. urllib3 says it again on the context for each connection."""
    cert_file: str | None = None
    key_file: str | None = None
    """None: `cert_file` has the key too."""

    def context(self) -> ssl.SSLContext:
        """Of the files as they are now, so that what was rotated counts from the next connection on. Raises OSError, to
        which ssl's own belong."""
        stamps = [_stamp(file) for file in (self.ca_file, self.cert_file, self.key_file) if file]
        with _MAKING:  # threads that all open their first connection would make one each
            return _context(self, tuple(stamps))


class _Shared(ssl.SSLContext):
    """Of connections that threads open at the same time."""

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Nothing: urllib3 says the same anew for each connection, and OpenSSL frees what was said before, which
        another thread's connection may be copying. Source: SSL_CTX_set_alpn_protos and SSL_new, which take no lock."""


def _stamp(file: str) -> Stamp:
    found = os.stat(file)
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


@lru_cache(maxsize=4)
def _context(trust: Trust, stamps: tuple[Stamp, ...]) -> ssl.SSLContext:
    """As urllib3 makes it, for as long as the files have these `stamps`."""
    context = create_urllib3_context(cert_reqs=trust.verify)
    context.set_alpn_protocols(ALPN_PROTOCOLS)
    context.load_verify_locations(trust.ca_file)
    if trust.cert_file:
        context.load_cert_chain(trust.cert_file, trust.key_file, password=_no_password)
    context.__class__ = _Shared
    return context


def _no_password() -> str:
    raise ssl.SSLError("the client's key is encrypted; give one that is not")
