"""Connections that trust the same share one TLS context, and nothing that one of them is told counts for another."""

from __future__ import annotations

import os
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import MaxRetryError, SSLError

from ahpa.tls import Trust
from ahpa.transport import cause_of, ending
from tests.adapters.certificates import certificates
from tests.adapters.prometheus.server import Server, say


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return certificates(tmp_path, "server", "client")


@pytest.fixture
def secure(files: Path) -> Iterator[Callable[[str], Server]]:
    """By a certificate for the name `server`, and for a client who has one too."""
    made = []

    def make(protocol: str) -> Server:
        server = Server(protocol)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files / "server.pem", files / "server.key")
        context.load_verify_locations(files / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        server.speak_tls(context)
        server.answer = say(200, b"yes")
        made.append(server)
        return server

    yield make
    for server in made:
        server.close()


def ours(files: Path) -> dict[str, str]:
    return {"cert_file": str(files / "client.pem"), "key_file": str(files / "client.key")}


def trust(files: Path) -> Trust:
    return Trust(str(files / "ca.pem"), ssl.CERT_REQUIRED, **ours(files))


def pool(files: Path, url: str, **more: Any) -> urllib3.HTTPConnectionPool:
    asked = {"ca_certs": str(files / "ca.pem"), "cert_reqs": "CERT_REQUIRED", "server_hostname": "server"}
    manager = urllib3.PoolManager(**{**asked, **ours(files), **more})
    ending(manager)
    return manager.connection_from_url(url)


def test_who_trusts_the_same_has_the_same_context(files: Path) -> None:
    first = trust(files).context()
    assert trust(files).context() is first
    assert (first.check_hostname, first.verify_mode) == (True, ssl.CERT_REQUIRED)
    nobody = Trust(str(files / "ca.pem")).context()
    whoever = Trust(str(files / "ca.pem"), ssl.CERT_NONE).context()
    assert len({first, nobody, whoever}) == 3
    assert (whoever.check_hostname, whoever.verify_mode) == (False, ssl.CERT_NONE)


def written_over(file: Path, new: bytes) -> None:
    file.write_bytes(new)


def in_its_place(file: Path, new: bytes) -> None:
    """As old as the one before, to the nanosecond."""
    other, age = file.with_suffix(".new"), file.stat().st_mtime_ns
    other.write_bytes(new)
    os.utime(other, ns=(age, age))
    other.replace(file)


@pytest.mark.parametrize("rotate", [written_over, in_its_place])
@pytest.mark.parametrize("names", [["ca.pem"], ["client.pem", "client.key"]])
def test_what_was_rotated_counts_from_the_next_connection_on(
    files: Path, tmp_path_factory: pytest.TempPathFactory, names: list[str], rotate: Callable[[Path, bytes], None]
) -> None:
    before = trust(files).context()
    new = certificates(tmp_path_factory.mktemp("new"), "client")
    for name in names:
        rotate(files / name, (new / name).read_bytes())
    assert trust(files).context() is not before


def test_a_volume_whose_data_are_another_folder_now(files: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kubernetes projects secrets so: `ca.pem` leads to `..data/ca.pem`, and `..data` to the newest folder."""
    volume, new = tmp_path_factory.mktemp("volume"), certificates(tmp_path_factory.mktemp("new"))
    (volume / "..data").symlink_to(files)
    (volume / "ca.pem").symlink_to(Path("..data") / "ca.pem")
    mine = Trust(str(volume / "ca.pem"))
    before = mine.context()
    (volume / "..data_tmp").symlink_to(new)
    (volume / "..data_tmp").replace(volume / "..data")
    assert mine.context() is not before


def test_a_file_that_is_gone_is_an_error_and_no_context_of_before(files: Path) -> None:
    trust(files).context()
    (files / "ca.pem").unlink()
    with pytest.raises(FileNotFoundError):
        trust(files).context()


def test_an_encrypted_key_asks_nobody(files: Path) -> None:
    key = files / "client.key"
    words = ["openssl", "ec", "-in", str(key), "-aes256", "-passout", "pass:x", "-out", str(key.with_suffix(".new"))]
    subprocess.run(words, check=True, capture_output=True)
    key.with_suffix(".new").replace(key)
    with pytest.raises(ssl.SSLError, match="encrypted"):
        trust(files).context()


def test_connections_at_once_have_one_context_that_is_told_everything_once(
    secure: Callable[[str], Server], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """urllib3 would load the files, and say its protocols, into the context anew for each."""
    at = pool(files, secure("HTTP/1.1").url, maxsize=8)
    told: Counter[str] = Counter()

    def counting(name: str, real: Callable[..., None]) -> Callable[..., None]:
        def counted(*words: Any, **more: Any) -> None:
            told[name] += 1
            time.sleep(0.05)  # so that others would make theirs meanwhile
            real(*words, **more)

        return counted

    for name in ("load_verify_locations", "load_cert_chain", "set_alpn_protocols"):
        monkeypatch.setattr(ssl.SSLContext, name, counting(name, getattr(ssl.SSLContext, name)))
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: at.request("GET", "/", preload_content=False), range(8)))
    contexts = {getattr(answer.connection, "ssl_context", None) for answer in answers}
    assert [answer.data for answer in answers] == [b"yes"] * 8
    assert contexts == {trust(files).context()}
    assert told == {"load_verify_locations": 1, "load_cert_chain": 1, "set_alpn_protocols": 1}


def test_a_connection_that_is_made_anew_looks_again(
    secure: Callable[[str], Server], files: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The server hangs up after each answer."""
    at = pool(files, secure("HTTP/1.0").url, maxsize=1)
    for _ in range(3):
        assert at.request("GET", "/").data == b"yes"
    (files / "ca.pem").write_bytes((certificates(tmp_path_factory.mktemp("new")) / "ca.pem").read_bytes())
    with pytest.raises(MaxRetryError) as found:
        at.request("GET", "/", retries=0)
    assert "certificate verify failed" in str(found.value.reason)


@pytest.mark.parametrize("lax", [{"assert_hostname": False}, {"assert_hostname": "server"}])
def test_who_looks_at_no_name_lets_nobody_else_off(
    secure: Callable[[str], Server], files: Path, lax: dict[str, object]
) -> None:
    """urllib3 notes on the context that a name is not to be looked at."""
    url = secure("HTTP/1.0").url
    strict = {"server_hostname": "127.0.0.1", "retries": False}
    for _ in range(2):
        with pytest.raises(SSLError, match="IP address mismatch"):
            pool(files, url, **strict).request("GET", "/", retries=False)
        assert pool(files, url, **strict, **lax).request("GET", "/").data == b"yes"


@pytest.mark.parametrize(
    "peculiar",
    [
        {"proxy": urllib3.util.parse_url("https://proxy.example.com")},
        {"ssl_context": ssl.create_default_context()},
        {"ssl_minimum_version": ssl.TLSVersion.TLSv1_3},
        {"ssl_maximum_version": ssl.TLSVersion.TLSv1_2},
        {"key_password": "secret"},
        {"ca_cert_dir": "/certs"},
        {"ca_cert_data": "PEM"},
        {"assert_fingerprint": "00"},
        {"ca_certs": None},
        {"ca_certs": ""},
    ],
    ids=lambda peculiar: next(iter(peculiar)),
)
def test_what_more_a_connection_was_told_counts_as_ever(
    files: Path, monkeypatch: pytest.MonkeyPatch, peculiar: dict[str, object]
) -> None:
    """A TLS proxy among it, which urllib3 holds against the authorities that stand on the connection."""
    asked = {"ca_certs": str(files / "ca.pem"), "cert_reqs": "CERT_REQUIRED", **ours(files), **peculiar}
    manager = urllib3.PoolManager()
    ending(manager)
    made = manager.connection_from_url("https://localhost").ConnectionCls("localhost", 443)
    for name, value in asked.items():
        setattr(made, name, value)
    before = dict(vars(made))
    monkeypatch.setattr(HTTPSConnection, "connect", lambda self: None)
    made.connect()
    assert vars(made) == before


def test_a_certificate_that_cannot_be_read_is_an_error_of_tls(secure: Callable[[str], Server], files: Path) -> None:
    (files / "nothing.pem").write_text("nothing")
    lost = pool(files, secure("HTTP/1.0").url, ca_certs=str(files / "nothing.pem"))
    with pytest.raises(MaxRetryError) as found:
        lost.request("GET", "/", retries=0)
    assert isinstance(found.value.reason, SSLError)
    assert "NO_CERTIFICATE" in cause_of(found.value)
