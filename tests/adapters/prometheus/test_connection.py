"""Ways to Prometheus that people have (H): through a login, with a token, a tenant, a CA or a certificate of one's own.
Each works, and where an option is missing the refusal names it.
"""

from __future__ import annotations

import base64
import http.server
import os
import ssl
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ahpa.adapters.prometheus.connection import Connection
from ahpa.adapters.prometheus.refusals import tls_refusal_of
from ahpa.adapters.prometheus.source import Prometheus
from tests.adapters.certificates import certificates as certificates_of
from tests.adapters.prometheus.server import END, START, STEP, Answer, Server, matrix, say

GOOD = matrix([[60, "1"]])


def only_with(header: str, value: str, refusal: Answer) -> Answer:
    """A server that answers those who say who they are."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (GOOD if handler.headers.get(header) == value else refusal)(handler)

    return answer


def problem(url: str, connection: Connection | None = None) -> str:
    """Why nothing was read; empty if it was."""
    reading = Prometheus(url, connection).read({"up": "up"}, START, END, STEP)
    if not reading.problems:
        assert reading.panel.values[0, 0] == 1.0
    return reading.problems.get("up", "")


REFUSALS: dict[str, tuple[Answer, str]] = {
    "a proxy's login": (
        say(302, b"", {"Location": "https://user:secret@login.example.com/sign_in?rd=secret"}),
        "302: redirected to https://login.example.com, which is not followed. Is it a login? Then give an address "
        "behind it, or --prometheus-token-file, --prometheus-basic-auth-file, --prometheus-headers-file or "
        "--prometheus-cert",
    ),
    "another path": (say(301, b"", {"Location": "/prometheus/"}), "301: redirected to another path"),
    "a login page": (
        say(200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"}),
        "200: an HTML page and not Prometheus' API. Is it a login (--prometheus-token-file",
    ),
    "a page without a type": (say(200, b"\n<html>", {}), "or does the address lack a path, as /prometheus?"),
    "bearer": (
        say(401, b"Unauthorized\n", {"WWW-Authenticate": "Bearer"}),
        "401: Unauthorized; say who we are with --prometheus-token-file",
    ),
    "basic": (
        say(401, b"Unauthorized\n", {"WWW-Authenticate": "Basic realm=x"}),
        "401: Unauthorized; say who we are with --prometheus-basic-auth-file",
    ),
    "forbidden": (say(403, b""), "403: no; say who we are with --prometheus-token-file"),
    "a tenant": (
        say(401, b"no org id\n"),
        "401: no org id; name the tenant in --prometheus-headers-file, as 'X-Scope-OrgID: team-a'",
    ),
    "a wrong path": (say(404, b"404 page not found\n"), "does the address end where /api/v1/query_range begins?"),
    "TLS": (
        say(400, b"Client sent an HTTP request to an HTTPS server.\n"),
        "400: it speaks TLS; the address begins with https://",
    ),
    "a bad query": (
        say(422, b'{"status":"error","error":"expanding series: boom\\u001b[31m"}'),
        "422: expanding series: boom [31m",
    ),
}


@pytest.mark.parametrize("way", REFUSALS)
def test_a_refusal_names_the_option_that_would_help(server: Server, way: str) -> None:
    answer, said = REFUSALS[way]
    server.answer = answer
    found = problem(server.url)
    assert said in found
    assert "secret" not in found


def test_a_token_that_is_refused_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    server.answer = say(401, b"expired", {"WWW-Authenticate": "Bearer"})
    found = problem(server.url, Connection(token_file=str(tmp_path / "token")))
    assert found == "401: expired; not accepted as we are, look into --prometheus-token-file"


WITH: dict[str, Callable[[str], Connection]] = {
    "token": lambda file: Connection(token_file=file),
    "basic": lambda file: Connection(basic_auth_file=file),
    "headers": lambda file: Connection(headers_file=file),
}


@pytest.mark.parametrize(
    ("kind", "text", "header", "value"),
    [
        ("token", "s3cret\n", "Authorization", "Bearer s3cret"),
        ("basic", "me:pass:wörd\n", "Authorization",
         "Basic " + base64.b64encode("me:pass:wörd".encode()).decode()),
        ("headers", "# ours\n\nX-Scope-OrgID: team-a | team b \n", "X-Scope-OrgID", "team-a | team b"),
        ("headers", "authorization: Custom x\n", "Authorization", "Custom x"),
    ],
)  # fmt: skip
def test_what_a_file_says_of_us_is_sent_and_read_anew(
    server: Server, tmp_path: Path, kind: str, text: str, header: str, value: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    server.answer = only_with(header, value, say(401, b"no"))
    reader = Prometheus(server.url, WITH[kind](str(file)))
    assert reader.read({"up": "up"}, START, END, STEP).problems == {}
    file.write_text(text.replace("s", "z").replace("t", "z").replace("x", "z"))
    assert "401" in reader.read({"up": "up"}, START, END, STEP).problems["up"]


OPTION = {"token": "token", "basic": "basic-auth", "headers": "headers"}


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("token", "s3cret\nmore", "does not hold one token"),
        ("token", "", "does not hold one token"),
        ("basic", "s3cret", "does not hold one user:password"),
        ("basic", "a:s3cret\nb:c", "does not hold one user:password"),
        ("headers", "X-Good: 1\nX-Bad: s3cret\x01", ":2: not a header"),
        ("headers", "Host: s3cret", ":1: not a header"),
        ("headers", "s3cret", ":1: not a header"),
        ("headers", "X-A: s3cret\nX-B\n", ":2: not a header"),
        ("headers", "X" * 70_000, "over 64 KiB"),
        ("headers", "X-A: \udcff", "not UTF-8"),
    ],
)
def test_a_file_that_says_nothing_usable_is_refused_and_never_quoted(
    server: Server, tmp_path: Path, kind: str, text: str, said: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(text.encode(errors="surrogateescape"))
    server.answer = GOOD
    found = problem(server.url, WITH[kind](str(file)))
    assert said in found
    assert found.startswith(f"--prometheus-{OPTION[kind]}-file {file}")
    assert "s3cret" not in found
    assert server.requests == []


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, certificates of it for the server, for another name and for us, and another CA."""
    folder = tmp_path_factory.mktemp("tls")
    stranger = certificates_of(tmp_path_factory.mktemp("stranger"))
    (stranger / "ca.pem").replace(folder / "stranger.pem")
    return certificates_of(folder, "client", server="IP:127.0.0.1", other="DNS:elsewhere")


@pytest.fixture
def secure(certificates: Path) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(certificate: str = "server", client: bool = False) -> Server:
        server = Server()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / f"{certificate}.pem", certificates / f"{certificate}.key")
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(certificates / "ca.pem")
            context.maximum_version = ssl.TLSVersion.TLSv1_2  # says no within the handshake
        server.speak_tls(context)
        server.answer = GOOD
        made.append(server)
        return server

    yield make
    for server in made:
        server.close()


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server prints what it thinks of a broken handshake."""
    monkeypatch.setattr(http.server.ThreadingHTTPServer, "handle_error", lambda *_: None)


def test_a_ca_of_ones_own(secure: Callable[..., Server], certificates: Path) -> None:
    """It said "SSLError"."""
    url = secure().url
    assert problem(url, Connection(ca_file=str(certificates / "ca.pem"))) == ""
    assert problem(url, Connection(insecure=True)) == ""
    for connection in (None, Connection(ca_file=str(certificates / "stranger.pem"))):
        assert "comes from a CA that is not known; give --prometheus-ca" in problem(url, connection)


def test_a_certificate_for_another_name(secure: Callable[..., Server], certificates: Path) -> None:
    found = problem(secure("other").url, Connection(ca_file=str(certificates / "ca.pem")))
    assert "its certificate is for another name" in found


def test_a_certificate_of_our_own(secure: Callable[..., Server], certificates: Path) -> None:
    url, ca = secure(client=True).url, str(certificates / "ca.pem")
    ours = Connection(ca_file=ca, cert_file=str(certificates / "client.pem"), key_file=str(certificates / "client.key"))
    assert problem(url, ours) == ""
    assert "give --prometheus-cert and --prometheus-key" in problem(url, Connection(ca_file=ca))


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "--prometheus-cert"),
        ("EOF occurred in violation of protocol (_ssl.c:2427)", "--prometheus-cert"),
        ("certificate verify failed: self-signed certificate in certificate chain", "--prometheus-ca"),
        ("certificate verify failed: certificate has expired", "expired"),
    ],
)
def test_what_tls_libraries_say_is_understood(reason: str, said: str) -> None:
    assert said in (tls_refusal_of(reason) or "")


def test_one_that_speaks_no_tls(server: Server) -> None:
    server.answer = GOOD
    found = problem(server.url.replace("http://", "https://"))
    assert "it does not speak TLS; does the address begin with http:// ?" in found


def test_certificates_are_read_anew_when_they_change(
    secure: Callable[..., Server], certificates: Path, tmp_path: Path
) -> None:
    """A CA is rotated while the service runs."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes((certificates / "ca.pem").read_bytes())
    reader = Prometheus(secure().url, Connection(ca_file=str(ca)))
    assert reader.read({"up": "up"}, START, END, STEP).problems == {}
    ca.write_bytes((certificates / "stranger.pem").read_bytes())
    os.utime(ca, (1, 1))
    assert "--prometheus-ca" in reader.read({"up": "up"}, START, END, STEP).problems["up"]
