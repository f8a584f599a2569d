"""Builds the testbed's binaries from the Go modules beside this file, once, into a cache outside the repository.

Each directory under modules/ pins one upstream project by go.mod and go.sum. They are separate because
Kubernetes' replace directives would force its client libraries on the others. What was built is kept under a
hash of what was pinned and how it is built, so a changed go.mod builds anew and an unchanged one never does.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testbed.golang import go_command
from testbed.locks import locked
from testbed.processes import TestbedError

MODULES_DIRECTORY = Path(__file__).with_name("modules")
_K8S_VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Changed:
    """A command of upstream's that is compiled otherwise than it is written."""

    package: str  # "module path/of/package"
    without: str  # a line of its main.go
    instead: str  # a file of ours beside it


@dataclass(frozen=True)
class Module:
    """One upstream project: which binaries are built from which packages, and which YAML of it we need."""

    name: str
    packages: Mapping[str, str]  # binary -> Go package; "." is our own main, "./x" the changed command x
    links: Mapping[str, str] = field(default_factory=dict)  # further names of a binary
    ldflags: str = "-s -w"
    manifests: Mapping[str, str] = field(default_factory=dict)  # directory of ours -> "module path/sub/directory"
    cold_minutes: float = 1  # on 2 cores, for the progress message
    changed: Mapping[str, Changed] = field(default_factory=dict, repr=False)

    @property
    def binaries(self) -> list[str]:
        return [*self.packages, *self.links]


AUTOSCALER_ADDRESS = "AHPA_TESTBED_AUTOSCALER_ADDRESS"
_AUTOSCALER = Changed(
    "knative.dev/serving cmd/autoscaler",
    '\tstatsServerAddr = ":8080"\n',
    f'package main\n\nimport "os"\n\nvar statsServerAddr = os.Getenv("{AUTOSCALER_ADDRESS}")\n',
)
"""Its server of statistics has a fixed port, on all interfaces, with which a machine had room for one testbed."""


def _knative(name: str) -> Module:
    return Module(
        name,
        {
            **{f"{name}-{each}": f"knative.dev/serving/cmd/{each}" for each in ("webhook", "controller")},
            f"{name}-autoscaler": "./autoscaler",
        },
        manifests={
            "serving": "knative.dev/serving config/core",
            # Symbolic links in serving, which module zips drop.
            "networking": "knative.dev/networking config",
            "caching": "knative.dev/caching config",
        },
        cold_minutes=2,
        changed={"autoscaler": _AUTOSCALER},
    )


ETCD = Module("etcd", {"etcd": "go.etcd.io/etcd/server/v3"})
KUBERNETES = Module(
    "kubernetes",
    {"kubernetes": ".", "kubectl": "k8s.io/kubernetes/cmd/kubectl"},
    links={
        "kube-apiserver": "kubernetes",
        "kube-controller-manager": "kubernetes",
        "kube-scheduler": "kubernetes",
    },
    # Knative refuses a server that does not say its version (it wants 1.34 or newer).
    ldflags=f"-s -w -X {_K8S_VERSION}.gitVersion=v1.36.2 -X {_K8S_VERSION}.gitMajor=1 -X {_K8S_VERSION}.gitMinor=36",
    cold_minutes=4,
)
KWOK = Module("kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"})
PROMETHEUS = Module(
    "prometheus",
    {each: f"github.com/prometheus/prometheus/cmd/{each}" for each in ("prometheus", "promtool")},
    cold_minutes=2,
)
KEDA = Module(
    "keda",
    {f"keda-{each}": f"github.com/kedacore/keda/v2/cmd/{each}" for each in ("operator", "adapter")},
    manifests={"crds": "github.com/kedacore/keda/v2 config/crd/bases"},
    cold_minutes=5,
)
_HELM = "helm.sh/helm/v3"
HELM = Module(
    "helm",
    {"helm": f"{_HELM}/cmd/helm"},
    # What `helm template` takes for the cluster's version; without it 1.20.
    ldflags=f"-s -w -X {_HELM}/pkg/chartutil.k8sVersionMajor=1 -X {_HELM}/pkg/chartutil.k8sVersionMinor=36",
    cold_minutes=2,
)
"""Not part of a testbed: tests of the chart ask for it."""
KNATIVE = {"1.23": _knative("knative"), "1.20": _knative("knative-1.20")}
"""By version. Module knative.dev/serving v0.N is Knative 1.(N-27)."""
NEWEST_KNATIVE = "1.23"


def modules(knative: str = NEWEST_KNATIVE) -> tuple[Module, ...]:
    """What every testbed runs on, with this version of Knative; `TestbedError` if there is no such version here."""
    if knative not in KNATIVE:
        raise TestbedError(f"no Knative {knative} here; there is {' and '.join(KNATIVE)}")
    return (ETCD, KUBERNETES, KNATIVE[knative], KWOK, PROMETHEUS)


MODULES = modules()


@dataclass(frozen=True)
class Parts:
    """Everything a testbed runs on."""

    binaries: Mapping[str, Path]
    manifests: Mapping[str, Path]  # module -> the directory of its YAML; Knative's: serving/, networking/, caching/


def cache_directory() -> Path:
    """${AHPA_TESTBED_CACHE}, else ${XDG_CACHE_HOME:-~/.cache}/ahpa/testbed."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("AHPA_TESTBED_CACHE") or base / "ahpa" / "testbed")


def find_parts(wanted: Sequence[Module] = MODULES) -> Parts:
    """Where each binary is, building what is neither named in the environment nor built already.

    Existing binaries are named by AHPA_TESTBED_<NAME> (AHPA_TESTBED_KUBE_APISERVER=/path), a module's YAML by
    AHPA_TESTBED_<MODULE>_MANIFESTS, or binaries are found in the directory KUBEBUILDER_ASSETS. Raises `TestbedError`
    if one that is named is missing or a build fails.
    """
    binaries: dict[str, Path] = {}
    manifests: dict[str, Path] = {}
    for number, module in enumerate(wanted, 1):
        found = {name: path for name in module.binaries if (path := _named_binary(name))}
        yaml = _named(_variable(f"{module.name}-manifests")) if module.manifests else None
        needed = set(module.binaries) - set(found) - {"kubernetes"}  # the name of the file the links point to
        if needed or (module.manifests and not yaml):
            built = _built(module, f"{number} of {len(wanted)}")
            found = {name: built / "bin" / name for name in module.binaries} | found
            yaml = yaml or built / "manifests"
        binaries |= found
        if module.manifests and yaml:
            manifests[module.name] = yaml
    return Parts(binaries, manifests)


def fingerprint(module: Module) -> str:
    """A hash of all that decides what is built: the module's files, how we build, and for which machine."""
    directory = MODULES_DIRECTORY / module.name
    recipe = hashlib.sha256(f"{module!r} {platform.system()} {platform.machine()}".encode())
    for path in sorted(directory.iterdir()):
        recipe.update(path.name.encode() + b"\0" + path.read_bytes())
    for name, changed in module.changed.items():
        recipe.update(f"{name} {changed!r}".encode())
    return recipe.hexdigest()[:16]


def _built(module: Module, position: str) -> Path:
    """The directory with the module's bin/ and manifests/, built if it is not there."""
    place = cache_directory() / f"{module.name}-{fingerprint(module)}"
    if place.is_dir():
        return place
    with locked(place.with_suffix(".lock"), 3600, f"another build of {module.name}"):
        if not place.is_dir():  # another one may have built it while we waited
            _say(f"building {module.name} ({position}, about {module.cold_minutes:g} min on 2 cores)")
            begun = time.monotonic()
            scratch = place.with_name(f".building-{place.name}")
            shutil.rmtree(scratch, ignore_errors=True)  # of a build that was interrupted
            _build(module, scratch)
            scratch.rename(place)  # atomic: the directory is complete or not there
            _say(f"built {module.name} in {time.monotonic() - begun:.0f} s")
    return place


def _build(module: Module, into: Path) -> None:
    go = go_command(cache_directory(), _say)
    source = into / "source"
    shutil.copytree(MODULES_DIRECTORY / module.name, source)
    for name, changed in module.changed.items():
        _change(changed, upstream(go, source, changed.package), source / name)
    (into / "bin").mkdir(parents=True)
    for binary, package in module.packages.items():
        _go(go, source, "build", "-trimpath", "-ldflags", module.ldflags, "-o", str(into / "bin" / binary), package)
    for name, target in module.links.items():
        (into / "bin" / name).symlink_to(target)
    for name, yaml in module.manifests.items():
        _copy_yaml(upstream(go, source, yaml), into / "manifests" / name)


def _change(changed: Changed, package: Path, into: Path) -> None:
    into.mkdir()
    for path in package.glob("*.go"):
        (into / path.name).write_bytes(path.read_bytes())
    main = into / "main.go"
    text = main.read_text()
    if text.count(changed.without) != 1:
        raise TestbedError(f"main.go of {changed.package} does not have this line once: {changed.without.strip()}")
    main.write_text(text.replace(changed.without, ""))
    (into / "testbed.go").write_text(changed.instead)


def upstream(go: Path, source: Path, which: str) -> Path:
    """Where "module path/in/it" is in Go's cache, fetched if it is not there yet."""
    path, inside = which.split()
    return Path(json.loads(_go(go, source, "mod", "download", "-json", path))["Dir"]) / inside


def _go(go: Path, source: Path, *arguments: str) -> str:
    environment = os.environ | {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",  # never fetch another Go behind our back
    }
    done = subprocess.run(
        [str(go), *arguments],
        cwd=source,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-20:])
        raise TestbedError(f"go {' '.join(arguments)} failed in {source}:\n{tail}")
    return done.stdout


def _copy_yaml(source: Path, target: Path) -> None:
    """Copy the YAML files with their folders; contents only, since files of the module cache are read-only."""
    for path in source.rglob("*.yaml"):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def _named_binary(name: str) -> Path | None:
    if path := _named(_variable(name)):
        return path
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    return path if assets and (path := Path(assets) / name).is_file() else None


def _variable(name: str) -> str:
    """The environment variable that names it: AHPA_TESTBED_KNATIVE_1_20_WEBHOOK for knative-1.20-webhook."""
    return "AHPA_TESTBED_" + name.upper().replace("-", "_").replace(".", "_")


def _named(variable: str) -> Path | None:
    if not (value := os.environ.get(variable)):
        return None
    if not (path := Path(value).absolute()).exists():
        raise TestbedError(f"{variable} names {value}, which is not there")
    return path


def _say(text: str) -> None:
    print(f"testbed: {text}", file=sys.stderr, flush=True)
