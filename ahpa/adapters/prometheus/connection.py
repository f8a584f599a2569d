"""How a Prometheus is reached: who we say we are, and whom we believe it is. Secrets come from files only, and what a
file holds is never quoted.
"""

from __future__ import annotations

import base64
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

_MOST_BYTES = 64 * 1024
_TOKEN = re.compile(r"[!-~]+", re.ASCII)
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~](?:[ -~]*[!-~])?)", re.ASCII)
_OURS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
"""Headers that the transport makes; another value would break it."""


@dataclass(frozen=True)
class Connection:
    """Paths of files, all read anew for each request, so that a rotated secret counts at once."""

    token_file: str | None = None
    """One bearer token."""
    basic_auth_file: str | None = None
    """`user:password`."""
    headers_file: str | None = None
    """Lines `Name: value`, as `X-Scope-OrgID: team-a`; empty lines and lines with # are skipped."""
    ca_file: str | None = None
    cert_file: str | None = None
    """The client's certificate, with its key unless `key_file` has it."""
    key_file: str | None = None
    insecure: bool = False
    """Believe any server."""

    def __post_init__(self) -> None:
        """Raises ValueError for what contradicts itself and for certificates that cannot be used: now, not at the
        first tick."""
        if self.token_file and self.basic_auth_file:
            raise ValueError("--prometheus-token-file and --prometheus-basic-auth-file: give one of them")
        if self.key_file and not self.cert_file:
            raise ValueError("--prometheus-key needs the certificate, --prometheus-cert")
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # ssl's errors are OSErrors
            raise ValueError(f"--prometheus-ca {self.ca_file}: {_unreadable(error, 'no certificate')}") from error
        if self.cert_file:
            key = f" with --prometheus-key {self.key_file}" if self.key_file else ""
            given = f"--prometheus-cert {self.cert_file}{key}"
            try:
                context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
            except OSError as error:
                raise ValueError(f"{given}: {_unreadable(error, 'no certificate with its key')}") from error
            except ValueError as error:
                raise ValueError(f"{given}: {error}") from error

    @property
    def verify(self) -> bool | str:
        """As `requests` calls it."""
        return False if self.insecure else (self.ca_file or True)

    @property
    def cert(self) -> str | tuple[str, str] | None:
        """As `requests` calls it."""
        return (self.cert_file, self.key_file) if self.cert_file and self.key_file else self.cert_file

    def stamp(self) -> tuple[int, ...]:
        """Changes with the certificates: connections made before are then not used again."""
        files = (name for name in (self.ca_file, self.cert_file, self.key_file) if name)
        return tuple(Path(name).stat().st_mtime_ns for name in files)

    def headers(self) -> dict[str, str]:
        """What is sent besides. Raises ValueError, which names option and file."""
        found = _headers(self.headers_file) if self.headers_file else {}
        if self.token_file:
            token = _text("--prometheus-token-file", self.token_file).strip()
            if not _TOKEN.fullmatch(token):
                raise ValueError(f"--prometheus-token-file {self.token_file}: it does not hold one token")
            found["Authorization"] = f"Bearer {token}"
        if self.basic_auth_file:
            option = "--prometheus-basic-auth-file"
            pair = _text(option, self.basic_auth_file).rstrip("\r\n")
            if ":" not in pair or "\n" in pair:
                raise ValueError(f"{option} {self.basic_auth_file}: it does not hold one user:password")
            found["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return found


def _headers(file: str) -> dict[str, str]:
    option = "--prometheus-headers-file"
    found: dict[str, str] = {}
    for number, line in enumerate(_text(option, file).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        header = _HEADER.fullmatch(line.strip())
        if header is None or header[1].lower() in _OURS:
            raise ValueError(f"{option} {file}:{number}: not a header that can be sent, as 'X-Scope-OrgID: team-a'")
        found[header[1]] = header[2]
    return found


def _text(option: str, file: str) -> str:
    """What a file holds that `option` named. Raises ValueError."""
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError(f"{option} {file}: over {_MOST_BYTES >> 10} KiB")
        return data.decode("utf-8")
    except OSError as error:
        raise ValueError(f"{option} {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise ValueError(f"{option} {file}: not UTF-8 text") from None


def _unreadable(error: OSError, holds: str) -> str:
    """Why a certificate cannot be used: the file is not there, or OpenSSL's words, which name no cause."""
    return f"it holds {holds} in PEM" if isinstance(error, ssl.SSLError) else str(error.strerror)


def _no_password() -> str:
    raise ValueError("the client's key is encrypted; give one that is not")
