"""What `ahpa serve` refuses before its first round: each refusal names the option, the path and what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ahpa.cli import main

KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: abc}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig"
    file.write_text(KUBECONFIG)
    return file


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens at."""
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        yield other.getsockname()[1]


def serve(kubeconfig: Path, *words: str) -> Result:
    usual = ("--prometheus", "http://127.0.0.1:9", "--kubeconfig", str(kubeconfig), "--dry-run")
    return CliRunner().invoke(main, ["serve", *usual, *words])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--journal", "/absent/journal"), "--journal /absent/journal: it cannot be written: No such file"),
        (("--tick", "0.5s"), "--tick: at least 1s, not 0.5s"),
        (("--step", "2h"), "--step must be at most 3600s"),
        (("--lag-p50", "5m", "--lag-p95", "60s"), "--lag-p50 and --lag-p95: need 0 < p50 <= p95, got 300s and 60s"),
        (("--metrics-port", "99999"), "Invalid value for '--metrics-port'"),
        (("--kinds", "ksvc"), "--kinds: 'ksvc' is not one of knative, hpa"),
        (("--prometheus-key", "{kubeconfig}"), "--prometheus-key needs the certificate, --prometheus-cert"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_cannot_be_done_names_its_option(kubeconfig: Path, words: tuple[str, ...], says: str) -> None:
    done = serve(kubeconfig, *(word.replace("{kubeconfig}", str(kubeconfig)) for word in words))
    assert done.exit_code == 2, done.output
    assert says in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("option", ["--metrics-port", "--health-port", "--page-port"])
def test_a_port_that_is_taken_names_its_option(kubeconfig: Path, taken: int, option: str) -> None:
    others = {"--metrics-port", "--health-port", "--page-port"} - {option}
    done = serve(kubeconfig, option, str(taken), *(word for other in sorted(others) for word in (other, "-1")))
    assert done.exit_code == 2, done.output
    assert f"{option} {taken}: Address already in use; 0 takes any that is free, -1 none" in done.output


def test_a_kubeconfig_that_is_none_is_one_sentence_and_exit_code_3(tmp_path: Path) -> None:
    """It was a traceback of the YAML library."""
    broken = tmp_path / "broken"
    broken.write_text("a: [b")
    done = serve(broken)
    assert done.exit_code == 3
    assert done.output.startswith(f"ahpa serve: {broken}: not a kubeconfig: while parsing a flow sequence")
    assert done.output.count("\n") == 1
