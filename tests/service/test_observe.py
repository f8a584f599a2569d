"""What the service sees, and what one broken thing in it does to the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.knative import KnativeServices
from ahpa.core.decision import Reason
from ahpa.ports import ClusterError
from ahpa.targets import Target
from forecasting.choice.models import PACKAGES, models
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.peak import UNFORESEEN
from tests.service.stage import HPAS, NOW, ROOT, SETTINGS, Stage, add_knative, stage, staged


class Standing(KnativeServices):
    """Lists the very same targets again and again, as where objects are watched."""

    def __init__(self, there: Sequence[Target]) -> None:
        super().__init__(FakeKube())
        self._there = there

    def targets(self, deadline: float = math.inf) -> list[Target]:
        return list(self._there)


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"mode": "apply", "quantile": "lots"}, "not a level"),
        ({"mode": "apply", "demand": "nonsense"}, "no query 'nonsense'"),
        ({"mode": "maybe"}, "observe, apply or off"),
        ({"mode": "apply", "model": "oracle"}, "no model 'oracle'"),
    ],
)
def test_a_bad_object_harms_only_itself(annotations: dict[str, str], said: str) -> None:
    at = stage("chat")
    add_knative(at.kube, "other", **annotations)
    decisions = at.tick()
    assert decisions["knative/shop/other"].reason is Reason.INVALID_POLICY
    assert said in decisions["knative/shop/other"].message
    assert at.min_scale("other") is None
    assert int(at.min_scale("chat") or 0) >= 4


@pytest.mark.parametrize("model", ["prophet", "auto"])
def test_a_model_whose_library_is_not_installed_is_refused_with_what_to_install(model: str) -> None:
    """As in an image without extras."""
    at = staged(FakeKube(), FakePrometheus({}), SETTINGS, models=models(installed=lambda package: False))
    add_knative(at.kube, "chat", mode="apply", model=model)
    told = at.tick()["knative/shop/chat"]
    assert told.reason is Reason.INVALID_POLICY
    assert f"ahpa.dev/model: the model {model!r} needs" in told.message
    assert f"pip install 'ahpa[{PACKAGES[model]}]'" in told.message


def test_a_kind_that_cannot_be_listed_harms_only_itself() -> None:
    at = stage()
    at.kube.fail = lambda method, where: ClusterError(404, "no such kind") if "horizontalpod" in where else None
    assert "knative/shop/chat" in at.tick()


def test_a_kind_that_cannot_be_listed_is_one_line_when_it_goes_and_one_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In a cluster without Knative it was a warning in every round and every refit."""
    at = stage()
    away = [False]
    at.kube.fail = lambda method, where: ClusterError(404, "none") if away[0] and HPAS in where else None
    with caplog.at_level("INFO", logger="ahpa"):
        for minute in range(8):
            away[0] = 1 <= minute < 6
            at.tick(NOW + 60 * minute)
            at.service.refit(NOW + 60 * minute)
    told = [record for record in caplog.records if record.getMessage().startswith("targets.")]
    assert [record.getMessage() for record in told] == ["targets.unavailable", "targets.again"]
    assert vars(told[0])["fields"] == {"kind": "hpa", "problem": "404: none"}


def test_if_nothing_can_be_listed_the_round_fails_as_a_whole() -> None:
    at = stage()
    at.kube.fail = lambda method, where: ClusterError(0, "no answer")
    with pytest.raises(ClusterError):
        at.tick()
    assert at.kube.writes == []


def test_a_kind_that_did_not_answer_once_is_not_forgotten() -> None:
    at = stage(mode="observe")
    first = at.tick()["knative/shop/chat"].floor
    hpas = f"{HPAS}/other"
    at.kube.put(hpas, {
        "metadata": {"namespace": "shop", "name": "other", "annotations": {"ahpa.dev/mode": "observe"}},
        "spec": {"maxReplicas": 20}, "status": {},
    })  # fmt: skip
    at.kube.fail = lambda method, where: ClusterError(0, "timeout") if where.endswith("/services") else None
    assert "knative/shop/chat" not in at.tick(NOW + 60)
    at.kube.fail = lambda method, where: None
    assert at.tick(NOW + 120)["knative/shop/chat"].previous == first


def test_an_hpa_is_served_beside_it() -> None:
    at = stage()
    noted = {"ahpa.dev/mode": "apply", "ahpa.dev/demand": "mine", "ahpa.dev/target-per-replica": "7"}
    at.kube.put(f"{HPAS}/other", {
        "metadata": {"namespace": "shop", "name": "other", "annotations": noted},
        "spec": {"minReplicas": 1, "maxReplicas": 20, "scaleTargetRef": {"kind": "Deployment", "name": "other"}},
        "status": {"currentReplicas": 1},
    })  # fmt: skip
    at.service.refit(NOW)
    assert at.tick()["hpa/shop/other"].floor >= 4
    assert at.kube.objects[f"{HPAS}/other"]["spec"]["minReplicas"] >= 4


def test_an_unknown_parameter_is_an_event_with_the_nearest_name() -> None:
    at = stage()
    add_knative(at.kube, "other", mode="observe", quantil="0.9")
    at.tick()
    notes = [body["note"] for _, body in at.kube.created if body["reason"] == "UnknownParameter"]
    assert notes == ["ahpa.dev/quantil is not a parameter; did you mean ahpa.dev/quantile?"]


def test_two_unknown_parameters_are_one_event_that_names_both() -> None:
    at = stage()
    add_knative(at.kube, "other", mode="observe", quantil="0.9", maxReplicas="20")
    at.tick()
    (note,) = [body["note"] for _, body in at.kube.created if body["reason"] == "UnknownParameter"]
    assert "did you mean ahpa.dev/quantile?" in note
    assert "ahpa.dev/maxReplicas is not a parameter; did you mean ahpa.dev/max?" in note


def add_hpa(at: Stage, name: str, **own: str) -> None:
    noted = {"ahpa.dev/mode": "apply", **{f"ahpa.dev/{key.replace('_', '-')}": value for key, value in own.items()}}
    at.kube.put(f"{HPAS}/{name}", {
        "metadata": {"namespace": "shop", "name": name, "annotations": noted},
        "spec": {"minReplicas": 2, "maxReplicas": 20, "scaleTargetRef": {"kind": "Deployment", "name": name}},
        "status": {"currentReplicas": 3},
    })  # fmt: skip


@pytest.mark.parametrize("minutes", [1, 7, 20])
def test_a_query_that_never_had_data_says_so_and_what_the_name_in_it_is(minutes: int) -> None:
    """An HPA that is called otherwise than its Service: "the newest data are 1140 s old" sent people looking for a
    broken exporter."""
    at = stage()
    at.prometheus.demands["nginx-custom-hpa"] = lambda now: math.nan
    add_hpa(at, "nginx-custom-hpa", demand="mine", target_per_replica="10")
    for minute in range(minutes):
        decision = at.tick(NOW + 60 * minute)["hpa/shop/nginx-custom-hpa"]
    said = 'never any data: x{a="nginx-custom-hpa"}; {{name}} is the HPA\'s name, nginx-custom-hpa'
    assert said in decision.message


def test_what_once_had_data_is_old_and_not_never_also_after_a_restart() -> None:
    """The history knows, where the last hour does not."""
    at = stage()
    at.prometheus.demands["chat"] = lambda now: math.nan if now > NOW - 7200 else 3.0
    again = staged(at.kube, at.prometheus, replace(SETTINGS, limits=UNFORESEEN))
    again.service.refit(NOW)
    for minute in range(30):  # the hold counts from the first round that finds them old
        decision = again.tick(NOW + 60 * minute)["knative/shop/chat"]
    assert decision.reason is Reason.NO_RECENT_DATA
    assert "never" not in decision.message


def test_a_lag_that_nobody_has_seen_is_said_to_be_assumed() -> None:
    at = stage()
    assert "(lag assumed" in at.tick()["knative/shop/chat"].message
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/lead": "5m"}}})
    assert "lag assumed" not in at.tick(NOW + 60)["knative/shop/chat"].message


def test_in_an_outage_the_sentence_says_what_failed() -> None:
    """One minute into it the reason was "only 0% of the last hour was observed"."""
    at = stage()
    for minute in range(5):
        at.tick(NOW + 60 * minute)
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    at.prometheus.down = True
    decision = at.tick(NOW + 300)["knative/shop/chat"]
    assert (decision.reason, decision.floor) == (Reason.NO_RECENT_DATA, 40)
    assert "but its demand could not be read: nobody listens" in decision.message


def test_a_wrong_address_of_prometheus_is_what_the_event_says() -> None:
    """It said that no forecast was made yet, and what failed stood only in the log."""
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    at = staged(kube, FakePrometheus({}))
    at.service.refit(NOW)
    decision = at.tick()["knative/shop/chat"]
    assert decision.message == "hold 0: its demand could not be read: nobody listens"


def test_a_minimum_that_was_there_all_along_is_not_raised() -> None:
    """While no Revision had traffic the thought floor was 0, and then "raise 0 -> 1, the owner's minimum"."""
    at = stage(mode="observe")
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "1"}}})
    traffic = at.kube.objects[f"{ROOT}/services/chat"]["status"].pop("traffic")
    at.prometheus.down = True
    assert at.tick()["knative/shop/chat"].reason is Reason.REFUSED
    at.kube.objects[f"{ROOT}/services/chat"]["status"]["traffic"] = traffic
    decision = at.tick(NOW + 60)["knative/shop/chat"]
    assert decision.previous == 1
    assert "raise 0" not in decision.message


def test_an_outage_is_one_line_when_it_begins_and_one_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """208 lines a round were logged, 200 of them "not asked"."""
    at = stage(*(f"chat-{i}" for i in range(30)))
    with caplog.at_level("INFO", logger="ahpa"):
        for minute in range(6):
            at.prometheus.down = 1 <= minute < 4
            at.tick(NOW + 60 * minute)
    told = [record for record in caplog.records if record.getMessage() in ("tick.no_data", "tick.data_again")]
    assert [record.getMessage() for record in told] == ["tick.no_data", "tick.data_again"]
    assert vars(told[0])["fields"] == {
        "of": 30, "targets": 30, "first": [f"knative/shop/chat-{i}" for i in range(3)], "problem": "nobody listens",
    }  # fmt: skip


def test_an_hpa_that_a_target_of_ours_made_is_spoken_for_by_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """KEDA copies all annotations of a ScaledObject to the HPA that it makes: the copy was refused once a round."""
    at = stage()
    add_hpa(at, "orders", demand="mine", target_per_replica="10")
    owner = {"kind": "ScaledObject", "name": "orders", "controller": True}
    at.kube.edit(f"{HPAS}/orders", {"metadata": {"ownerReferences": [owner]}})
    assert at.tick()["hpa/shop/orders"].message.endswith("annotate that ScaledObject")
    at.kube.put("/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/orders", {
        "metadata": {"namespace": "shop", "name": "orders", "annotations": {"ahpa.dev/mode": "apply"}},
        "spec": {"scaleTargetRef": {"name": "orders"}, "triggers": []},
    })  # fmt: skip
    assert sorted(at.tick(NOW + 60)) == ["keda/shop/orders", "knative/shop/chat"]


def test_what_its_maker_holds_is_not_restored_while_that_cannot_be_listed() -> None:
    """One failed list of InferenceServices: each of their Knative Services, which has nothing but our record, looked
    like one that nobody asks for any more, and its floor went from 6 to 0 at once."""
    at = stage()
    at.tick()
    owner = {"kind": "InferenceService", "name": "chat", "controller": True}
    at.kube.edit(
        f"{ROOT}/services/chat", {"metadata": {"ownerReferences": [owner], "annotations": {"ahpa.dev/mode": None}}}
    )
    at.kube.fail = lambda method, where: ClusterError(503, where) if where.endswith("/inferenceservices") else None
    assert at.tick(NOW + 60) == {}
    at.kube.fail = lambda method, where: None
    assert str(at.tick(NOW + 120)["knative/shop/chat"].reason) == "Restored", "and is, where its maker does not ask"


@pytest.mark.parametrize(
    ("own", "refused"),
    [({"mode": "apply"}, True), ({"mode": "observe"}, False), ({"mode": "apply", "minimum_in_git": "ignored"}, False)],
)
def test_a_minimum_that_git_keeps_is_refused_only_where_it_would_be_written(own: dict[str, str], refused: bool) -> None:
    at = stage()
    add_hpa(at, "api", **{"demand": "mine", "target_per_replica": "10", **own})
    fields: dict[str, object] = {"f:spec": {"f:minReplicas": {}, "f:maxReplicas": {}}}
    at.kube.objects[f"{HPAS}/api"]["metadata"]["managedFields"] = [{"manager": "argocd-controller", "fieldsV1": fields}]
    decision = at.tick()["hpa/shop/api"]
    assert (decision.reason is Reason.REFUSED) == refused
    assert ("Argo CD keeps the minimum of this HPA as Git has it" in decision.message) == refused


def test_what_is_asked_of_the_very_same_target_is_not_read_again_and_of_one_that_changed_it_is() -> None:
    """Of ten thousand it takes a second; while objects are watched, the target of one that did not change stays."""
    at = stage("chat", "other")
    same, there = at.observer.list(), at.observer.actuators["knative"].targets()
    watched = replace(at.observer, actuators={"knative": Standing(there)})
    first = watched.list(before=same)
    second = watched.list(before=first)
    assert [old is new for old, new in zip(same.asked, first.asked, strict=True)] == [False, False]
    assert [old is new for old, new in zip(first.asked, second.asked, strict=True)] == [True, True]
    annotated = {**there[0].annotations, "ahpa.dev/mode": "off"}
    other_now = [replace(there[0], annotations=annotated), there[1]]
    changed = replace(at.observer, actuators={"knative": Standing(other_now)})
    third = changed.list(before=second)
    assert [asked.parsed.policy.mode for asked in third.asked] == ["off", "apply"]
    assert third.asked[1] is first.asked[1]


def test_what_was_said_of_a_target_in_one_round_is_not_said_in_the_next() -> None:
    """It was over its namespace's share; its neighbour is switched off now."""
    at = stage("chat", "other", settings=replace(SETTINGS, most_targets=1))
    there = at.observer.actuators["knative"].targets()
    refused = replace(at.observer, actuators={"knative": Standing(there)}).list()
    assert [asked.query is None for asked in refused.asked] == [False, True]
    off = replace(there[0], annotations={**there[0].annotations, "ahpa.dev/mode": "off"})
    free = replace(at.observer, actuators={"knative": Standing([off, there[1]])}).list(before=refused)
    assert [asked.query is None for asked in free.asked] == [True, False]
