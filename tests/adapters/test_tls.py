"""Connections that trust the same share one TLS context, and nothing that one of them is told counts for another."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import MaxRetryError

from ahpa.tls import Trust
from ahpa.transport import cause_of, ending
from tests.adapters.dask.cluster import certificates
from tests.adapters.prometheus.server import Server, say


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates(tmp_path_factory.mktemp("tls"), "server", "client")


@pytest.fixture
def secure(files: Path) -> Iterator[Server]:
    """By a certificate for the name `server`; it answers without hanging up."""
    server = Server("HTTP/1.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem", files / "server.key")
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True, do_handshake_on_connect=False)
    server.url = server.url.replace("http://", "https://")
    server.answer = say(200, b"yes")
    yield server
    server.http.shutdown()
    server.http.server_close()


def trust(files: Path) -> Trust:
    return Trust(ssl.CERT_REQUIRED, str(files / "ca.pem"))


def manager(files: Path, **more: Any) -> urllib3.PoolManager:
    made = urllib3.PoolManager(ca_certs=str(files / "ca.pem"), cert_reqs="CERT_REQUIRED", retries=False, **more)
    ending(made)
    return made


def test_who_trusts_the_same_has_the_same_context(files: Path) -> None:
    first = trust(files).context()
    assert trust(files).context() is first
    assert first.check_hostname
    assert first.verify_mode is ssl.CERT_REQUIRED
    assert [each["subject"] for each in first.get_ca_certs()] == [((("commonName", "ca"),),)]
    ours = replace(trust(files), cert_file=str(files / "client.pem"), key_file=str(files / "client.key"))
    believes_all = Trust(ssl.CERT_NONE).context()
    assert len({first, ours.context(), believes_all, Trust(ssl.CERT_REQUIRED).context()}) == 4
    assert not believes_all.check_hostname


@pytest.mark.parametrize("how", ["written over", "in its place"])
def test_what_was_rotated_counts_from_the_next_connection_on(files: Path, tmp_path: Path, how: str) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes((files / "ca.pem").read_bytes())
    mine = Trust(ssl.CERT_REQUIRED, str(ca))
    before = mine.context()
    folder = tmp_path / "new"
    folder.mkdir()
    new = certificates(folder) / "ca.pem"
    if how == "in its place":
        os.utime(new, ns=(1, ca.stat().st_mtime_ns))  # as old, to the nanosecond
        os.replace(new, ca)
    else:
        ca.write_bytes(new.read_bytes())
        os.utime(ca, ns=(1, 1))
    assert mine.context() is not before


def test_a_file_that_is_gone_is_an_error_and_no_context_of_before(files: Path, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes((files / "ca.pem").read_bytes())
    mine = Trust(ssl.CERT_REQUIRED, str(ca))
    mine.context()
    ca.unlink()
    with pytest.raises(FileNotFoundError):
        mine.context()


def test_an_encrypted_key_asks_nobody(files: Path, tmp_path: Path) -> None:
    key = tmp_path / "client.key"
    words = ["openssl", "ec", "-in", str(files / "client.key"), "-aes256", "-passout", "pass:x", "-out", str(key)]
    subprocess.run(words, check=True, capture_output=True)
    with pytest.raises(ssl.SSLError, match="encrypted"):
        Trust(ssl.CERT_REQUIRED, cert_file=str(files / "client.pem"), key_file=str(key)).context()


def test_connections_at_once_share_what_it_takes_and_each_looks_at_its_server(secure: Server, files: Path) -> None:
    """A pool keeps them; whatever one loaded into the context would be there for all."""
    pool = manager(files, maxsize=8, server_hostname="server").connection_from_url(secure.url)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: pool.request("GET", "/", preload_content=False), range(8)))
    contexts = {id(getattr(answer.connection, "ssl_context", None)) for answer in answers}
    assert all(answer.data == b"yes" for answer in answers)
    assert contexts == {id(trust(files).context())}
    assert len(trust(files).context().get_ca_certs()) == 1


@pytest.mark.parametrize("lax", [{"assert_hostname": False}, {"assert_hostname": "server"}])
def test_who_looks_at_no_name_lets_nobody_else_off(secure: Server, files: Path, lax: dict[str, object]) -> None:
    """urllib3 notes on the context that a name is not to be looked at."""
    with pytest.raises(urllib3.exceptions.SSLError, match="IP address mismatch"):
        manager(files).request("GET", secure.url)
    assert manager(files, **lax).request("GET", secure.url).data == b"yes"
    with pytest.raises(urllib3.exceptions.SSLError, match="IP address mismatch"):
        manager(files).request("GET", secure.url)


def test_a_certificate_that_cannot_be_read_is_an_error_of_tls(secure: Server, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    lost = urllib3.PoolManager(ca_certs=str(tmp_path / "ca.pem"), cert_reqs="CERT_REQUIRED", retries=0)
    ending(lost)
    with pytest.raises(MaxRetryError) as found:
        lost.request("GET", secure.url)
    assert isinstance(found.value.reason, urllib3.exceptions.SSLError)
    assert "NO_CERTIFICATE" in cause_of(found.value)
