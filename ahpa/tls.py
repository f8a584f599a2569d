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


@dataclass(frozen=True)
class Trust:
    """Whom a client believes, and as whom it comes: names of files in PEM, but where it says otherwise."""

    verify: int
    """As `ssl.VerifyMode` has it."""
    ca_file: str | None = None
    ca_folder: str | None = None
    ca_text: str | bytes | None = None
    """Authorities themselves. None of the three: those of this system."""
    cert_file: str | None = None
    key_file: str | None = None
    """None: `cert_file` has the key too."""
    by_name: bool = True
    """Whether OpenSSL holds the server's certificate against the name that was asked for, where it looks at it."""

    def context(self) -> ssl.SSLContext:
        """Of the files as they are now, so that what was rotated counts from the next connection on. Raises OSError, to
        which ssl's own belong."""
        files = (self.ca_file, self.ca_folder, self.cert_file, self.key_file)
        seen = [os.stat(file) for file in files if file]
        with _MAKING:  # threads that all open their first connection would make one each
            return _context(self, tuple((each.st_ino, each.st_mtime_ns) for each in seen))


class _Shared(ssl.SSLContext):
    """Of connections that threads open at the same time."""

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Nothing: urllib3 says the same anew for each connection, and OpenSSL frees what was said before, which
        another thread's connection may be copying. Source: SSL_CTX_set_alpn_protos and SSL_new, which take no lock."""


@lru_cache(maxsize=4)
def _context(trust: Trust, stamps: tuple[tuple[int, int], ...]) -> ssl.SSLContext:
    """As urllib3 makes it, for as long as the files have these `stamps`."""
    context = create_urllib3_context(cert_reqs=trust.verify)
    context.set_alpn_protocols(ALPN_PROTOCOLS)
    context.check_hostname = trust.by_name and trust.verify == ssl.CERT_REQUIRED
    if trust.ca_file or trust.ca_folder or trust.ca_text:
        context.load_verify_locations(trust.ca_file, trust.ca_folder, trust.ca_text)
    elif trust.verify != ssl.CERT_NONE:
        context.load_default_certs()
    if trust.cert_file:
        context.load_cert_chain(trust.cert_file, trust.key_file, password=_no_password)
    context.__class__ = _Shared
    return context


def _no_password() -> str:
    raise ssl.SSLError("the client's key is encrypted; give one that is not")
