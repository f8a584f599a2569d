"""`ahpa survey`: a cluster that nobody has annotated is ranked by what ahpa would bring, and not touched."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.commands.survey import surveyed, told
from ahpa.ports import ClusterError
from ahpa.service.settings import Settings
from ahpa.survey import faces
from ahpa.survey import survey as surveying
from ahpa.survey.candidates import candidates
from ahpa.survey.survey import Surveyed, prepare
from forecasting.executor import Executor, Serial
from tests.backtest.examples import Spread
from tests.commands.bazaar import DAY, NOW, flat, hpa, knative, office, pod, ports_of
from tests.commands.looks import typed
from tests.fakes.kube import FakeKube

SETTINGS = Settings(history_seconds=3 * DAY)


@contextlib.contextmanager
def here() -> Iterator[Executor]:
    yield Serial()


def bazaar() -> tuple[FakeKube, Surveyed]:
    """A service that rises each morning, one that does so above a minimum held for it, one that is flat, an HPA on cpu;
    and all that cannot be judged."""
    kube = FakeKube()
    demands = {"chat": office(80), "held": office(80), "flat": flat(30), "api": office(3), "idle": lambda at: 0.0}
    knative(kube, "shop", "chat")
    knative(kube, "shop", "held", least=14)
    knative(kube, "shop", "flat")
    hpa(kube, "shop", "api")
    hpa(kube, "shop", "made", owner={"kind": "ScaledObject", "name": "orders"})
    hpa(kube, "shop", "queue", metric="queue_depth_total")
    knative(kube, "ops", "idle")
    knative(kube, "ops", "silent")
    for i in range(25):
        pod(kube, "shop", f"p{i}", 90.0 + 3 * i)
    return kube, surveyed(ports_of(kube, demands, {"fleet": Spread()}), SETTINGS, NOW, 1.0, here)


@pytest.fixture(scope="module")
def found() -> tuple[FakeKube, Surveyed]:
    return bazaar()


def shown(found: Surveyed, out: Path, output: str = "table") -> Result:
    return typed(lambda: told(found, out, output))


TABLE = """\
SERVICE             PAYS   HOURS NOW   WITH AHPA   LATE NOW   WITH AHPA    SAVES   SPARES
─────────────────────────────────────────────────────────────────────────────────────────
knative/shop/held   yes          336         123        0 %         0 %    213 h        0
knative/shop/chat   yes          125         123     0.23 %         0 %   2.12 h    3,226
hpa/shop/api        yes          101        96.1     0.16 %         0 %   4.64 h        –
knative/shop/flat   no           120         120        0 %         0 %      0 h        0
HOURS are replica-hours. NOW is what the service has, its own scaler with its own minimum; WITH AHPA the same \
with a floor of ours. Ranked by hours and late requests together, at the price by which ahpa chooses settings.
ahpa pays for 3 of 4 services: together 3,226 fewer late requests and 220 replica-hours fewer in 1 day.
To try it on those that pay (with mode=observe nothing is written to them):
  kubectl annotate -n shop service.serving.knative.dev/held ahpa.dev/mode=observe
  kubectl annotate -n shop service.serving.knative.dev/chat ahpa.dev/mode=observe
  kubectl annotate -n shop horizontalpodautoscaler.autoscaling/api ahpa.dev/mode=observe
knative/shop/held: 0 % late instead of 0 %, for 213 replica-hours (63 %) less, with its own minimum lowered \
from 14 to 1 once ahpa acts
"""


def test_it_ranks_those_that_can_be_judged(found: tuple[FakeKube, Surveyed], tmp_path: Path) -> None:
    """And says what to type for each that pays."""
    done = shown(found[1], tmp_path)
    assert done.exit_code == 0
    assert done.stdout == TABLE


@pytest.mark.parametrize(
    "said",
    [
        "hpa/shop/made: ScaledObject/orders made this HPA and would revert us; annotate that ScaledObject",
        "hpa/shop/queue: ahpa.dev/demand: no query of the list is for pods/queue_depth_total; name one in",
        "knative/ops/idle: nothing was asked of it in all that time",
        "knative/ops/silent: its demand could not be read: nobody listens; asked was sum(max by (kn_revision_name)",
    ],
)
def test_who_cannot_be_judged_is_told_why(found: tuple[FakeKube, Surveyed], tmp_path: Path, said: str) -> None:
    assert f"not judged: {said}" in shown(found[1], tmp_path).stderr


def test_the_report_ranks_all_and_has_a_chapter_for_the_best(
    found: tuple[FakeKube, Surveyed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line for each, a chapter with pictures for so many as are read; what to type, and who was left out."""
    monkeypatch.setattr(faces, "BEST", 2)
    shown(found[1], tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert [name for name in ("held", "chat", "api", "flat") if f"/shop/{name}" not in page] == []
    assert page.count('<section class="service"') == 2
    assert page.count("<svg") == 4
    assert "kubectl annotate -n shop horizontalpodautoscaler.autoscaling/api ahpa.dev/mode=observe" in page
    assert "annotate that ScaledObject" in page
    assert "<script" not in page


def test_programs_get_the_same_as_people(found: tuple[FakeKube, Surveyed], tmp_path: Path) -> None:
    said = json.loads(shown(found[1], tmp_path, "json").stdout)
    assert said == json.loads((tmp_path / "survey.json").read_text())
    services = {row["service"]: row for row in said["services"]}
    held = services["knative/shop/held"]
    assert (held["pays"], held["minimum"], held["scaler"], held["starts_seen"]) == (True, 14, "kpa", 25)
    assert services["hpa/shop/api"]["spared_late_requests"] is None
    assert sorted(said["not_judged"]) == ["hpa/shop/made", "hpa/shop/queue", "knative/ops/idle", "knative/ops/silent"]


def test_without_anybody_to_judge_it_says_so(tmp_path: Path) -> None:
    """A cluster in which nothing is scaled, or a Prometheus of another one."""
    nobody = surveyed(ports_of(FakeKube(), {}, {"fleet": Spread()}), SETTINGS, NOW, 1.0, here)
    done = shown(nobody, tmp_path)
    assert (done.exit_code, done.stdout) == (4, "no service could be judged.\n")


def test_a_prometheus_that_does_not_answer_is_no_finding(tmp_path: Path) -> None:
    """Exit code 0 or 4 would be taken for "it pays for nobody"."""
    kube = FakeKube()
    knative(kube, "shop", "chat")
    done = shown(surveyed(ports_of(kube, {}, {"fleet": Spread()}), SETTINGS, NOW, 1.0, here), tmp_path)
    assert done.exit_code == 3
    assert "no demand could be read: nobody listens; look into --prometheus" in done.stderr


def test_a_cluster_that_cannot_be_listed_is_an_error() -> None:
    kube = FakeKube()
    kube.fail = lambda method, where: ClusterError(403, "no") if method == "LIST" else None
    with pytest.raises(ClusterError):
        surveyed(ports_of(kube, {}, {"fleet": Spread()}), SETTINGS, NOW, 1.0, here)


def test_many_services_are_tested_on_fewer_days_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "MANY", 1)
    kube = FakeKube()
    demands = {"one": flat(5), "two": flat(5)}
    for name in demands:
        knative(kube, "shop", name)
    ports = ports_of(kube, demands, {"fleet": Spread()})
    seen = candidates(ports.actuators, ports, SETTINGS, NOW)
    ready = prepare(seen, {name: kind.scaler for name, kind in KINDS.items()}, 2.0)
    assert ready.test_days == 1
    assert ready.cut == "with 2 services each was tested on the last 1 day instead of 2"


def test_it_writes_nothing_to_the_cluster(found: tuple[FakeKube, Surveyed]) -> None:
    kube, _ = found
    assert kube.writes == kube.created == []
