"""What is said where a way to Prometheus cannot be gone: the option, the path, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ahpa.adapters.prometheus.connection import Connection
from tests.adapters.prometheus.server import Server
from tests.adapters.prometheus.test_connection import problem


def test_a_file_that_is_not_there_is_a_reason_with_option_and_path(server: Server, tmp_path: Path) -> None:
    """It said "[Errno 2] No such file or directory" and a path, but not who had named it."""
    absent = str(tmp_path / "absent")
    found = problem(server.url, Connection(token_file=absent))
    assert found == f"--prometheus-token-file {absent}: No such file or directory"


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="--prometheus-token-file and --prometheus-basic-auth-file: give one of them"):
        Connection(token_file="a", basic_auth_file="b")
    with pytest.raises(ValueError, match="--prometheus-key needs the certificate, --prometheus-cert"):
        Connection(key_file="a")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda file: Connection(ca_file=file), "--prometheus-ca {file}: it holds no certificate in PEM"),
        (
            lambda file: Connection(cert_file=file),
            "--prometheus-cert {file}: it holds no certificate with its key in PEM",
        ),
        (
            lambda file: Connection(cert_file=file, key_file=file),
            "--prometheus-cert {file} with --prometheus-key {file}: it holds no certificate with its key in PEM",
        ),
    ],
)
def test_a_certificate_that_cannot_be_read_names_its_option(
    tmp_path: Path, made: Callable[[str], Connection], said: str
) -> None:
    """It said "--prometheus-*: [SSL] PEM lib"."""
    file = tmp_path / "x.pem"
    file.write_text("no certificate")
    with pytest.raises(ValueError) as refusal:
        made(str(file))
    assert str(refusal.value) == said.format(file=file)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9", "[Errno 111] Connection refused: nothing listens there; look into the address."),
        ("http://absent.invalid:9090", "that name is not known here; inside a cluster it is NAME.NAMESPACE."),
    ],
)
def test_where_nobody_is_reached_the_way_from_outside_a_cluster_is_told(url: str, said: str) -> None:
    """Most who try it have their Prometheus in a cluster, and the address that only the cluster knows."""
    found = problem(url)
    assert said in found
    assert "`kubectl -n monitoring port-forward svc/prometheus 9090`" in found
