"""Where a Dask scheduler is, and by which certificates we and it know each other."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from distributed.security import Security

SCHEME = "dask"
"""The rest of an address is a host and a port; whether it is spoken to in TLS the certificates say."""


@dataclass(frozen=True)
class Scheduler:
    """Whoever reaches a scheduler runs code on its workers, and on us by what it answers: so both show a certificate of
    one CA, or are one machine."""

    host: str
    port: int
    ca_file: str | None = None
    """Only who has a certificate by this CA is spoken to; its names are not compared, so let it sign no others."""
    cert_file: str | None = None
    key_file: str | None = None

    @classmethod
    def at(
        cls,
        url: str,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        *,
        insecure: bool = False,
    ) -> Self:
        """By `dask://HOST:PORT`. Without certificates only on this machine, or where `insecure` says so. Raises
        ValueError."""
        parts = urlsplit(url)
        rest = parts.path or parts.query or parts.fragment or parts.username or parts.password
        if parts.scheme != SCHEME or not parts.hostname or not parts.port or rest:
            raise ValueError(f"--executor {url[:100]!r}: write {SCHEME}://HOST:PORT, as {SCHEME}://localhost:8786")
        files = (ca_file, cert_file, key_file)
        if any(files) and not all(files):
            raise ValueError("--executor-ca, --executor-cert and --executor-key: all three or none")
        if not any(files) and not insecure and not _is_this_machine(parts.hostname):
            raise ValueError(
                f"--executor {url}: whoever reaches that port can run code; give --executor-ca, --executor-cert and "
                "--executor-key, or --executor-insecure where nobody else can reach it"
            )
        return cls(parts.hostname, parts.port, *files)

    @property
    def address(self) -> str:
        """As Dask writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.ca_file else 'tcp'}://{host}:{self.port}"

    def security(self) -> Security | None:
        """For Dask's client; None: plain TCP. Source: distributed/security.py."""
        from distributed.security import Security

        if self.ca_file is None:
            return None
        return Security(
            require_encryption=True,
            tls_ca_file=self.ca_file,
            tls_client_cert=self.cert_file,
            tls_client_key=self.key_file,
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
