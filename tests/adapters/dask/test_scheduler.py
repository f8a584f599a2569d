"""Claims about where a scheduler is, and whom we speak to without certificates: nobody else's machine."""

from __future__ import annotations

import sys

import pytest

from ahpa.adapters.dask.executor import Dask
from ahpa.adapters.dask.scheduler import Scheduler

FILES = ("ca.pem", "cert.pem", "key.pem")


@pytest.mark.parametrize(
    ("url", "files", "insecure", "address"),
    [
        ("dask://pool:8786", FILES, False, "tls://pool:8786"),
        ("dask://localhost:8786", FILES, False, "tls://localhost:8786"),
        ("dask://localhost:8786", (), False, "tcp://localhost:8786"),
        ("dask://127.0.0.9:8786", (), False, "tcp://127.0.0.9:8786"),
        ("dask://[::1]:8786", (), False, "tcp://[::1]:8786"),
        ("dask://10.0.0.1:8786", (), True, "tcp://10.0.0.1:8786"),
    ],
)
def test_certificates_make_it_tls(url: str, files: tuple[str, ...], insecure: bool, address: str) -> None:
    assert Scheduler.at(url, *files, insecure=insecure).address == address


@pytest.mark.parametrize(
    ("url", "files", "says"),
    [
        ("dask://pool:8786", (), "can run code"),
        ("dask://10.0.0.1:8786", (), "can run code"),
        ("dask://localhost.example.org:8786", (), "can run code"),
        ("dask://pool:8786", ("ca.pem",), "all three or none"),
        ("dask://pool", FILES, "dask://HOST:PORT"),
        ("dask://:8786", FILES, "dask://HOST:PORT"),
        ("dask://pool:0", FILES, "dask://HOST:PORT"),
        ("dask://pool:99999", FILES, "[Pp]ort"),
        ("dask://pool:8786/x", FILES, "dask://HOST:PORT"),
        ("dask://me:secret@pool:8786", FILES, "dask://HOST:PORT"),
        ("tcp://pool:8786", FILES, "dask://HOST:PORT"),
        ("pool:8786", FILES, "dask://HOST:PORT"),
    ],
)
def test_what_is_no_safe_address_is_refused_in_words(url: str, files: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Scheduler.at(url, *files)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'ahpa\[dask\]'"):
        Dask(Scheduler.at("dask://localhost:8786"))
