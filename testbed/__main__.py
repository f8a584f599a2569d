"""python -m testbed build | up | down | status | logs | kubectl: the testbed for a person."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from testbed.bed import Testbed
from testbed.build import KEDA, KNATIVE, NEWEST_KNATIVE, cache_directory, find_parts, modules
from testbed.locks import holder, locked, note
from testbed.processes import TestbedError, wait_until

EXTRAS = {
    "example": Testbed.play_example,
    "keda": Testbed.start_keda,
    "kserve": Testbed.play_kserve,
    "rollouts": Testbed.play_rollouts,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m testbed", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    kind = argparse.ArgumentParser(add_help=False)
    kind.add_argument("--knative", choices=KNATIVE, default=NEWEST_KNATIVE, help=f"default: {NEWEST_KNATIVE}")
    kind.add_argument("--with", action="append", default=[], choices=EXTRAS, dest="extras", help="may be repeated")
    build = "build what is missing (about 10 minutes the first time; with KEDA 5 more)"
    commands.add_parser("build", parents=[kind], help=build)
    commands.add_parser("up", parents=[kind], help="start the testbed in the background")
    commands.add_parser("down", help="end the testbed that `up` started")
    status = commands.add_parser("status", help="say how to reach the running testbed (exit code 1 if there is none)")
    status.add_argument("part", nargs="?", choices=("api", "directory", "kubeconfig", "prometheus"), help="this alone")
    logs = commands.add_parser("logs", help="print the end of the logs")
    logs.add_argument("part", nargs="*", help="kube-apiserver, knative-autoscaler, … (default: all)")
    kubectl = commands.add_parser("kubectl", help="kubectl as administrator of the running testbed")
    kubectl.add_argument("words", nargs=argparse.REMAINDER)
    account = commands.add_parser(
        "account", help="make a kubeconfig with the rights of a ServiceAccount; print its path"
    )
    account.add_argument("namespace")
    account.add_argument("name")
    commands.add_parser("hold", parents=[kind])  # what `up` runs in the background
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "build":
            for name, path in sorted(_build(options.knative, options.extras).items()):
                print(f"{name:24} {path}")
        case "up":
            _up(options.knative, options.extras)
        case "hold":
            _hold(options.knative, options.extras)
        case "down":
            _down()
        case "status":
            print(_running()[options.part] if options.part else json.dumps(_running(), indent=1))
        case "logs":
            _logs(options.part)
        case "account":
            print(_account(options.namespace, options.name))
        case "kubectl":
            kubectl = str(find_parts().binaries["kubectl"])
            environment = os.environ | {"KUBECONFIG": _running()["kubeconfig"]}
            return subprocess.run([kubectl, *options.words], env=environment, check=False).returncode
    return 0


def _build(knative: str, extras: Sequence[str]) -> Mapping[str, Path]:
    return find_parts([*modules(knative), *([KEDA] if "keda" in extras else [])]).binaries


def _up(knative: str, extras: Sequence[str]) -> None:
    if holder(_lock()):
        raise TestbedError("a testbed runs already; see `python -m testbed status`")
    _build(knative, extras)  # here, where the person sees the progress
    log = _home().with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    words = [f"--with={extra}" for extra in extras]
    with log.open("w") as out:
        hold = subprocess.Popen(
            [sys.executable, "-m", "testbed", "hold", f"--knative={knative}", *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=Path(__file__).parent.parent,
        )

    def alive() -> None:
        if hold.poll() is not None:
            raise TestbedError(f"it did not come up:\n{log.read_text()}")

    wait_until(lambda: "kubeconfig" in holder(_lock()), f"the testbed is up (see {log})", check=alive)
    print(f"testbed: up in {time.monotonic() - begun:.1f} s", file=sys.stderr)
    print(json.dumps(_running(), indent=1))


def _hold(knative: str, extras: Sequence[str]) -> None:
    """Be the testbed until told to end; `python -m testbed up` starts this in the background."""
    shutil.rmtree(_home(), ignore_errors=True)
    _home().mkdir(parents=True)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    with locked(_lock(), 0, "another testbed of yours"), Testbed(knative=knative, directory=_home(), keep=True) as bed:
        for extra in extras:
            EXTRAS[extra](bed)
        note(_lock(), bed.describe())
        while True:
            signal.pause()


def _stop(number: int, frame: object) -> None:
    raise SystemExit(0)


def _down() -> None:
    running = holder(_lock())
    if not running:
        print("testbed: none is running", file=sys.stderr)
        return
    os.kill(running["pid"], signal.SIGTERM)
    wait_until(lambda: not holder(_lock()), f"the testbed of process {running['pid']} ends")


def _logs(parts: Sequence[str]) -> None:
    directory = Path(holder(_lock()).get("directory", _home()))  # or those of the last one
    for path in sorted((directory / "logs").glob("*.log")):
        if not parts or path.stem in parts:
            print(f"==> {path} <==", *path.read_text(errors="replace").splitlines()[-20:], "", sep="\n")


def _account(namespace: str, name: str) -> Path:
    """A kubeconfig for a pod's account, whose containers do not run here: so they can be run by hand."""
    running = _running()
    kubectl = [str(find_parts().binaries["kubectl"]), "--kubeconfig", running["kubeconfig"], "-n", namespace]
    asked = subprocess.run([*kubectl, "create", "token", name], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise TestbedError(asked.stderr.strip())
    config = yaml.safe_load(Path(running["kubeconfig"]).read_text())
    for user in config["users"]:
        user["user"] = {"token": asked.stdout.strip()}
    file = Path(running["directory"]) / f"kubeconfig.{namespace}.{name}"
    file.write_text(yaml.safe_dump(config))
    return file


def _running() -> dict[str, str]:
    if "kubeconfig" not in (running := holder(_lock())):
        raise TestbedError("none is running; `python -m testbed up` starts one")
    return running


def _home() -> Path:
    """The directory of the testbed that `up` starts."""
    return cache_directory() / "run"


def _lock() -> Path:
    """Held by the process that is that testbed; in it, once it is up, how to reach it."""
    return cache_directory() / "running.lock"


if __name__ == "__main__":
    sys.exit(main())
