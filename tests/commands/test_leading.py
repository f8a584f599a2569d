"""`ahpa serve --leader-elect` as a process, and a command that leads for as long as it takes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ahpa.cli import main
from ahpa.commands.leading import held
from ahpa.core.election import Terms
from ahpa.ports import ClusterError
from tests.fakes.lease_server import LEASES, LeaseServer
from tests.reliability.contender import Contender
from tests.waiting import until

TERMS = Terms(1, 0.6, 0.15)
WAIT_SECONDS = 60


@pytest.fixture
def server() -> Iterator[LeaseServer]:
    server = LeaseServer()
    yield server
    server.close()


@pytest.fixture
def kubeconfig(server: LeaseServer, tmp_path: Path) -> Path:
    named = {"clusters": {"server": server.url}, "users": {"token": "pod-a"}, "contexts": {"cluster": "x", "user": "x"}}
    config = {kind: [{"name": "x", kind[:-1]: said}] for kind, said in named.items()}
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "x", **config}))
    return file


def test_serve_takes_the_lease_as_its_pod_and_gives_it_back_when_it_is_ended(
    server: LeaseServer, kubeconfig: Path
) -> None:
    """Once it has looked."""
    looking = ["--kinds", "hpa", "--prometheus", "http://127.0.0.1:9", "--kubeconfig", str(kubeconfig)]
    alone = [
        "--metrics-port",
        "-1",
        "--health-port",
        "-1",
        "--page-port",
        "-1",
        "--leader-elect",
        "--identity",
        "pod-a_uid-1",
    ]
    words = [sys.executable, "-m", "ahpa", "serve", *looking, *alone]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        until(server.holder, "it leads", WAIT_SECONDS)
        spec = server.objects[f"{LEASES}/ahpa-0"]["spec"]
        assert isinstance(spec, dict)
        assert str(spec["holderIdentity"]).startswith("pod-a_uid-1_")
        assert spec["leaseDurationSeconds"] == 15
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
    finally:
        process.kill()
    assert server.holder() == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--shards", "2"), "--shards needs --leader-elect"),
        (("--leader-elect", "--renew-deadline", "20s"), "a lease of 15s must be longer than its renew deadline (20s)"),
        (("--leader-elect", "--shards", "17"), "17 is not in the range 1<=x<=16"),
    ],
)
def test_what_cannot_be_elected_names_its_option(kubeconfig: Path, words: tuple[str, ...], says: str) -> None:
    usual = ("--prometheus", "http://127.0.0.1:9", "--kubeconfig", str(kubeconfig))
    done = CliRunner().invoke(main, ["serve", *usual, *words])
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


def test_a_command_that_leads_waits_for_its_turn_and_gives_it_back(server: LeaseServer) -> None:
    """A Job of our own account may write only so, and whoever led before it does not go on."""
    service, job = (Contender(server.url, name, TERMS).elector for name in ("service", "job"))
    service.start()
    until(lambda: service.holds("0"), "it leads", WAIT_SECONDS)
    with pytest.raises(ClusterError, match="another process holds a Lease"), held(job, 0.2):
        raise AssertionError("two lead")
    service.stop()
    job = Contender(server.url, "job", TERMS).elector
    with held(job, WAIT_SECONDS):
        assert server.holder() == "job"
        assert job.holds("f")
    assert (server.holder(), job.holds("f")) == ("", False)
