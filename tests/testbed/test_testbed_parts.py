"""What the testbed is made of, without starting a control plane."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.activator import encode_loads
from testbed.build import KEDA, KNATIVE, MODULES, cache_directory, find_parts, upstream
from testbed.golang import go_command
from testbed.kserve import AUTOSCALER_CLASS, MODE, wants
from testbed.kube import Object
from testbed.locks import holder, locked
from testbed.openmetrics import Series, lines
from testbed.processes import Processes, TestbedError, can_listen, free_ports, wait_until
from testbed.prometheus import LiveMetrics

REPOSITORY = Path(__file__).parents[2]


def series(times: list[float], values: list[float], name: str = "x", label: str = "v") -> Series:
    return Series(name, {"l": label}, np.array(times), np.array(values))


def test_a_missing_minute_is_not_written() -> None:
    text = "".join(lines([series([60, 120, 180.5], [1.0, float("nan"), 2.5])]))
    assert text == '# TYPE x unknown\nx{l="v"} 1.0 60.000\nx{l="v"} 2.5 180.500\n# EOF\n'


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ([1_764_000_000_000.0], "milliseconds"),
        ([60.0, 60.0], "ascend"),
        ([120.0, 60.0], "ascend"),
        ([], "not empty"),
    ],
    ids=["milliseconds", "twice the same", "backwards", "empty"],
)
def test_what_promtool_would_lose_without_a_word_is_refused(times: list[float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        series(times, [1.0] * len(times))


@given(value=st.text(st.characters(codec="utf-8"), max_size=30))
def test_a_label_value_of_any_characters_stays_on_its_line_and_reads_back(value: str) -> None:
    """Read with the three rules of the format, and no others."""
    head = "".join(lines([series([60], [1.0], label=value)])).removesuffix("# EOF\n").split("\n", 1)[1]
    quoted = head.removeprefix('x{l="').removesuffix('"} 1.0 60.000\n')
    assert "\n" not in quoted
    read, rest = "", iter(quoted)
    for character in rest:
        read += {"n": "\n"}.get(after := next(rest), after) if character == "\\" else character
    assert read == value


def test_a_live_metric_is_asked_for_at_each_scrape_and_absent_when_there_is_no_value() -> None:
    live = LiveMetrics()
    live.set("demand", {"service": "chat"}, lambda now: now / 2)
    live.set("gone", {}, lambda now: None)
    assert live.text(10) == 'demand{service="chat"} 5.0\n'
    assert live.text(12) == 'demand{service="chat"} 6.0\n'


def test_a_report_has_the_bytes_that_the_autoscaler_reads() -> None:
    """Written out by hand from stat.proto: tags 0a, 12, 1a are fields 1, 2, 3 with a length; 11, 21 doubles."""
    five = struct.pack("<d", 5.0)
    stat = b"\x0a\x11activator-testbed" + b"\x11" + five + b"\x21" + five
    message = b"\x0a\x02ns" + b"\x12\x03rev" + b"\x1a" + bytes([len(stat)]) + stat
    assert encode_loads({("ns", "rev"): 5.0}) == b"\x0a" + bytes([len(message)]) + message


def test_a_length_over_127_takes_two_bytes() -> None:
    """300 is ac 02: a name of 300 bytes follows its tag and these."""
    assert b"\x12\xac\x02" + b"r" * 300 in encode_loads({("ns", "r" * 300): 1.0})


OWNER = """
import signal, sys, time
from pathlib import Path
from testbed.processes import Processes
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs us in the background ignores it
processes = Processes(Path(sys.argv[1]), keep=False)
processes.start("one", [sys.executable, "-S", "-c", sys.argv[2], sys.argv[3]])
print(processes.pids()["one"], flush=True)
time.sleep(600)
"""
SERVER = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_however_the_owner_dies_no_process_port_or_file_is_left(how: signal.Signals, tmp_path: Path) -> None:
    """Not even of a process that ignores SIGTERM."""
    directory = tmp_path / "bed"
    (port,) = free_ports(1)
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory), SERVER, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        wait_until(lambda: _listens(port), "the server listens")
        assert not can_listen(port)
        owner.send_signal(how)
    wait_until(lambda: not directory.exists(), "the directory is gone")
    wait_until(lambda: not _runs(pid), "the process is gone")
    assert can_listen(port)


def test_a_process_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    processes = Processes(tmp_path / "bed", keep=False)
    try:
        processes.start("brief", [sys.executable, "-S", "-c", "print('last words'); raise SystemExit(3)"])
        with pytest.raises(TestbedError, match=r"brief ended with code 3:\nlast words"):
            wait_until(lambda: False, "nothing", check=processes.check)
    finally:
        processes.close()


def test_a_lock_names_its_holder_and_is_free_again_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, 0, "the first"):
        assert holder(path) == {"pid": os.getpid()}
        with pytest.raises(TestbedError, match=f"the first is running.*{os.getpid()}"), locked(path, 0, "the first"):
            pass
    assert holder(path) == {}
    with locked(path, 0, "the second"):
        pass


def test_existing_binaries_are_used_and_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("etcd", "kube-apiserver", "kubectl", "kube-controller-manager", "kube-scheduler"):
        (tmp_path / name).touch()
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    wanted = [*MODULES, KNATIVE["1.20"], KEDA]
    for module in wanted:
        for name in set(module.packages) - {"kubernetes", "etcd", "kubectl"}:
            (tmp_path / f"my-{name}").touch()
            variable = f"AHPA_TESTBED_{name.upper().replace('-', '_').replace('.', '_')}"
            monkeypatch.setenv(variable, str(tmp_path / f"my-{name}"))
    for module_name in ("KNATIVE", "KNATIVE_1_20", "KEDA"):
        monkeypatch.setenv(f"AHPA_TESTBED_{module_name}_MANIFESTS", str(tmp_path))
    monkeypatch.setenv("AHPA_TESTBED_CACHE", str(tmp_path / "cache"))

    parts = find_parts(wanted)

    assert parts.binaries["kube-apiserver"] == tmp_path / "kube-apiserver"
    assert parts.binaries["prometheus"] == tmp_path / "my-prometheus"
    assert parts.binaries["knative-1.20-webhook"] == tmp_path / "my-knative-1.20-webhook"
    assert parts.manifests == dict.fromkeys(("knative", "knative-1.20", "keda"), tmp_path)
    assert not (tmp_path / "cache").exists()


def test_a_named_binary_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AHPA_TESTBED_ETCD", str(tmp_path / "no-etcd"))
    with pytest.raises(TestbedError, match=r"AHPA_TESTBED_ETCD names .*no-etcd, which is not there"):
        find_parts()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _runs(pid: int) -> bool:
    """False also for a zombie, which nobody may reap in a container."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_waiting_ends_when_the_time_is_over() -> None:
    begun = time.monotonic()
    with pytest.raises(TestbedError, match=r"not within 0\.2 s: pigs fly"):
        wait_until(lambda: None, "pigs fly", 0.2)
    assert 0.2 <= time.monotonic() - begun < 60


NAME = "autoscaling.knative.dev"


@pytest.mark.parametrize(
    ("annotations", "kinds"),
    [
        ({}, ["Service"]),
        ({MODE: "Serverless"}, ["Service"]),
        ({MODE: "Knative"}, ["Service"]),
        ({MODE: "RawDeployment"}, ["Deployment", "HorizontalPodAutoscaler"]),
        ({MODE: "Standard"}, ["Deployment", "HorizontalPodAutoscaler"]),
        ({MODE: "Standard", AUTOSCALER_CLASS: "external"}, ["Deployment"]),
    ],
    ids=lambda value: "+".join(value.values()) or "nothing" if isinstance(value, dict) else "",
)
def test_kserve_makes_what_the_mode_says(annotations: dict[str, str], kinds: list[str]) -> None:
    assert [each["kind"] for each in wants(inference_service(annotations), []).children] == kinds


@pytest.mark.parametrize(
    ("predictor", "bounds"),
    [
        ({}, {"min-scale": "1"}),
        ({"minReplicas": 0}, {"min-scale": "0", "initial-scale": "0"}),
        ({"minReplicas": 2, "maxReplicas": 5}, {"min-scale": "2", "max-scale": "5"}),
    ],
    ids=["unset", "zero", "both"],
)
def test_kserve_writes_the_predictors_bounds_over_those_of_annotations(
    predictor: dict[str, int], bounds: dict[str, str]
) -> None:
    asked = {f"{NAME}/min-scale": "7", f"{NAME}/max-scale": "9", "example.com/team": "a"}
    (service,) = wants(inference_service(asked, **predictor), []).children
    found = service["spec"]["template"]["metadata"]["annotations"]
    assert found == {
        **{f"{NAME}/{key}": value for key, value in bounds.items()},
        f"{NAME}/class": f"kpa.{NAME}",
        "example.com/team": "a",
    }


def inference_service(annotations: dict[str, str], **predictor: int) -> Object:
    metadata = {"name": "llm", "namespace": "ml", "annotations": annotations}
    return {"metadata": metadata, "spec": {"predictor": {"model": {"modelFormat": {"name": "vllm"}}, **predictor}}}


def test_what_is_read_of_a_module_is_fetched_where_no_build_has_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions, source = tmp_path / "proxy/example.com/upstream/@v", tmp_path / "source"
    versions.mkdir(parents=True)
    source.mkdir()
    (versions / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (versions / "v1.0.0.mod").write_text("module example.com/upstream\n")
    with zipfile.ZipFile(versions / "v1.0.0.zip", "w") as packed:
        packed.writestr("example.com/upstream@v1.0.0/go.mod", "module example.com/upstream\n")
        packed.writestr("example.com/upstream@v1.0.0/cmd/tool/main.go", "package main\n")
    (source / "go.mod").write_text("module example.com/ours\n\ngo 1.24\n\nrequire example.com/upstream v1.0.0\n")
    for name, value in {"GOPROXY": (tmp_path / "proxy").as_uri(), "GONOSUMDB": "*", "GOFLAGS": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "cache"))
    go = go_command(cache_directory(), lambda text: None)
    found = upstream(go, source, "example.com/upstream cmd/tool")
    assert (found / "main.go").read_text() == "package main\n"
    subprocess.run([str(go), "clean", "-modcache"], cwd=source, check=True)  # its files cannot be written, nor removed
