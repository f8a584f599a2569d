"""Certificates for tests in TLS, by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def certificates(folder: Path, *names: str, **elsewhere: str) -> Path:
    """`ca.pem`, and for each name a certificate of it, for a host of that name, and its key; for `elsewhere` those of
    names that are for another host, as `server="IP:127.0.0.1"`."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-days", "2", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca",
            "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    for name, host in {**{name: f"DNS:{name}" for name in names}, **elsewhere}.items():
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
                "-addext", f"subjectAltName={host}")  # fmt: skip
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", "2", "-copy_extensions", "copy", "-out", f"{name}.pem")  # fmt: skip
    return folder
