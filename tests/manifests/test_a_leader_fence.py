"""Who holds the lease may write and nobody else, on a real API server: it tells by the pod that a token is bound to.
First of this folder, and what deletes the policy comes last: from then on that server follows Leases no more
(docs/decisions/0079-the-fence-stays.md).

A pod needs no kubelet for that: the API server gives out a token for the object.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.leases import KubeLeases
from ahpa.core.election import Record, Terms
from ahpa.core.shards import DIGITS, shards
from ahpa.ports import ClusterError
from ahpa.service.elector import FENCE_SECONDS, Elector
from testbed import Testbed
from testbed.control_plane import write_kubeconfig
from testbed.kube import KubeApi, KubeError
from tests.manifests.account import (
    FENCE,
    HOME,
    HPA,
    MERGE,
    MIN_SCALE,
    RBAC,
    RECORD,
    REVISION,
    SERVICE,
    TEAM,
    annotation,
    refusal,
    token_of_ours,
)
from tests.manifests.conftest import _await, _delete
from tests.manifests.overlays import CONFIG, render, rendered
from tests.reliability.contender import Quiet
from tests.reliability.reached import Reached

pytestmark = pytest.mark.testbed
PODS = ("ahpa-a", "ahpa-b")
HANDOVERS = 30


@dataclass(frozen=True)
class Copies:
    """Two pods of ours, a token of our account that is bound to none, and the administrator."""

    bed: Testbed
    apis: Mapping[str, KubeApi]
    """By the pod's name; `podless`, `admin`."""
    kubes: Mapping[str, Kube]
    """Our own port to the API, as each pod."""
    identities: Mapping[str, str]
    """As `--identity` has them."""
    paths: Mapping[str, str]
    """What is written to."""
    uids: Mapping[str, str]

    def elect(self, **holders: str) -> None:
        """By the lease's name, with `_` for `-`: who holds it, and which digits it covers: `ahpa-a 01`."""
        for name, said in holders.items():
            who, _, digits = said.partition(" ")
            noted = {"labels": {"ahpa.dev/lease": "shard"}, "annotations": {"ahpa.dev/digits": digits}}
            holder = f"{self.identities[who]}_1f2e" if who in self.identities else None
            lease = name.replace("_", "-")
            body = {"metadata": {"name": lease, **noted}, "spec": {"holderIdentity": holder}}
            where = self.bed.api.resource("leases").path(HOME)
            try:
                self.bed.api.request("PATCH", f"{where}/{lease}", body, MERGE)
            except KubeError:
                self.bed.api.request("POST", where, body)

    def refused(self, what: str, patch: Any) -> dict[str, int]:
        """By who asks: the status with which this is refused; 0: it is not."""
        return {who: refusal(api, self.paths[what], patch) for who, api in self.apis.items()}

    def await_refusals(self, what: str, patch: Any, **expected: int) -> None:
        """Of a, b, podless and admin; the API server hears of a lease a moment later."""
        names = {"a": "ahpa-a", "b": "ahpa-b"}
        wanted = {names.get(who, who): status for who, status in expected.items()}

        def so() -> bool:
            found = self.refused(what, patch)
            return all(found[who] == status for who, status in wanted.items())

        self.bed.wait_for(so, what=f"{what}: {expected}")


def record(uid: str) -> dict[str, Any]:
    return {"data": {"kserve.inference.x": json.dumps({"uid": uid, "own": 1}, separators=(",", ":"))}}


FLOORS: dict[str, Any] = {
    SERVICE: annotation(RECORD, "{}"),
    REVISION: annotation(MIN_SCALE, "3"),
    HPA: {"spec": {"minReplicas": 3}},
    "records": record("4cce5ee4"),
}


@pytest.fixture(scope="module")
def copies(bed: Testbed, targets: str) -> Iterator[Copies]:
    """As the production overlay installs us, with the ConfigMap of KServe's records beside it."""
    kserve = list(yaml.safe_load_all((CONFIG / "components/kserve/rbac.yaml").read_text()))
    records = [each for each in kserve if each["metadata"]["name"] == "ahpa-records"]
    records.append(yaml.safe_load((CONFIG / "components/kserve/records.yaml").read_text()))
    objects = [*render("production"), *records]
    for lease in bed.find("leases", HOME):  # of what ran here before, and is gone
        bed.delete("leases", lease["metadata"]["name"], HOME)
    bed.apply(*objects)
    (template,) = (each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment")
    identities, tokens = {}, {"podless": token_of_ours(bed, None)}
    for name in PODS:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": template}
        made = bed.api.request("POST", bed.api.resource("pods").path(HOME), pod)
        identities[name] = f"{name}_{made['metadata']['uid']}"
        tokens[name] = token_of_ours(bed, made["metadata"])
    with ExitStack() as stack:
        apis = {
            who: stack.enter_context(closing(KubeApi(bed.api_url, token, bed.ca_file))) for who, token in tokens.items()
        }
        configs = {
            who: write_kubeconfig(bed.directory / f"kubeconfig.{who}", bed.api_url, bed.ca_file, who, token)
            for who, token in tokens.items()
        }
        kubes = {who: Kube.connect(str(file)) for who, file in configs.items()}
        names = {SERVICE: "chat", REVISION: targets, HPA: "api"}
        paths = {what: bed.api.resource(what).path(TEAM, name) for what, name in names.items()}
        _await(bed, apis["ahpa-a"], [*paths.values()], FENCE)
        paths["records"] = bed.api.resource("configmaps").path(HOME, "ahpa-records")
        uids = {what: bed.get(what, name, TEAM)["metadata"]["uid"] for what, name in names.items()}
        yield Copies(bed, {**apis, "admin": bed.api}, kubes, identities, paths, uids)
        _delete(bed, [each for each in objects if each["kind"].startswith("ValidatingAdmission")])
        _await(bed, apis["ahpa-a"], [paths[what] for what in names], 0)
    for name in PODS:
        bed.delete("pods", name, HOME)
    _delete(bed, [each for each in objects if not each["kind"].startswith("ValidatingAdmission")])


def test_without_a_lease_nobody_is_refused(copies: Copies) -> None:
    """A single replica that was started without --leader-elect."""
    for what in (SERVICE, REVISION, HPA):
        assert set(copies.refused(what, FLOORS[what]).values()) == {0}, what


def test_only_the_holders_pod_may_write_and_whoever_is_no_pod_of_ours_is_untouched(copies: Copies) -> None:
    for number, holder in enumerate(PODS):
        copies.elect(ahpa_0=f"{holder} {DIGITS}")
        a, b = (0, FENCE) if number == 0 else (FENCE, 0)
        for what, patch in FLOORS.items():
            copies.await_refusals(what, patch, a=a, b=b, podless=0, admin=0)


def test_a_lease_that_was_given_back_lets_none_of_our_pods_write(copies: Copies) -> None:
    """Between two leaders a late write of the one before them would pass else."""
    copies.elect(ahpa_0=f"nobody {DIGITS}")
    copies.await_refusals(HPA, FLOORS[HPA], a=FENCE, b=FENCE, podless=0, admin=0)


def test_each_object_is_its_shards_holders_and_a_revision_goes_with_its_service(copies: Copies) -> None:
    for what, of in ((SERVICE, SERVICE), (REVISION, SERVICE), (HPA, HPA)):
        digit = copies.uids[of][0]
        copies.elect(ahpa_0=f"ahpa-a {DIGITS.replace(digit, '')}", ahpa_1=f"ahpa-b {digit}")
        copies.await_refusals(what, FLOORS[what], a=FENCE, b=0)
    copies.elect(ahpa_0=f"ahpa-a {DIGITS[:4]}", ahpa_1=f"ahpa-b {DIGITS[4:]}")
    for uid, (a, b) in (("0cce", (0, FENCE)), ("4cce", (FENCE, 0)), ("fcce", (FENCE, 0))):
        copies.await_refusals("records", record(uid), a=a, b=b)


def test_of_leases_that_overlap_all_must_be_held(copies: Copies) -> None:
    """While the number of shards changes two leases may cover an object: then neither holder writes alone."""
    copies.elect(ahpa_0=f"ahpa-a {DIGITS}", ahpa_1=f"ahpa-b {DIGITS}")
    copies.await_refusals(HPA, FLOORS[HPA], a=FENCE, b=FENCE)
    copies.elect(ahpa_1="nobody")
    copies.await_refusals(HPA, FLOORS[HPA], a=0, b=FENCE)


def test_a_stale_lease_is_a_conflict_and_no_other_lease_is_ours_to_write(copies: Copies, reached: Reached) -> None:
    """With the rights that are installed: made, renewed, never overwritten; none of another name."""
    copies.elect(ahpa_0="nobody")
    store, other = (KubeLeases(copies.kubes[name], HOME, time.time) for name in PODS)
    there = store.read(5)["ahpa-0"]
    mine = store.write("ahpa-0", Record("a_1", 1, 1, 15, "01", "", there.version), 5)
    assert store.read(5)["ahpa-0"] == mine
    statuses = {}
    for what, name, version in (("stale", "ahpa-0", there.version), ("foreign", "kube-scheduler", "1")):
        with pytest.raises(ClusterError) as refused:
            other.write(name, Record("b_1", 2, 2, 15, "01", "", version), 5)
        statuses[what] = refused.value.status
    assert statuses == {"stale": 409, "foreign": 403}
    made = store.write("ahpa-9", Record("a_1", 1, 1, 15, "", "", ""), 5)
    with pytest.raises(ClusterError) as twice:
        other.write("ahpa-9", Record("b_1", 1, 1, 15, "", "", ""), 5)
    assert (made.holder, twice.value.status) == ("a_1", 409)
    back = store.write("ahpa-9", Record("", 2, 2, 15, "", "", made.version), 5)
    assert back.holder == ""
    reached("T21", "leases: made, renewed, stale, foreign, made twice", "allowed, allowed, 409, 403, 409")


def test_the_fence_knows_of_a_new_holder_before_that_writes(copies: Copies, reached: Reached) -> None:
    """The API server reads leases from a cache; a new holder waits longer than that takes."""
    store = KubeLeases(copies.kubes["podless"], HOME, time.time)
    late = []
    for number in range(HANDOVERS):
        holder, former = PODS[number % 2], PODS[1 - number % 2]
        there = store.read(5)["ahpa-0"]
        wish = Record(f"{copies.identities[holder]}_1", there.beat + 1, number, 15, DIGITS, "", there.version)
        store.write("ahpa-0", wish, 5)
        began = begun = time.monotonic()
        while refusal(copies.apis[former], copies.paths[HPA], FLOORS[HPA]) == 0:
            begun = time.monotonic()
        late.append(begun - began)
        assert refusal(copies.apis[holder], copies.paths[HPA], FLOORS[HPA]) == 0
    assert max(late) < FENCE_SECONDS
    most, median = (1000 * each for each in (max(late), sorted(late)[len(late) // 2]))
    figure = f"a former holder was let through for {most:.0f} ms at most, median {median:.0f} ms"
    reached("T6", f"the fence of a real API server, {HANDOVERS} changes of the holder", figure)


def test_two_electors_with_their_pods_tokens_lead_one_after_the_other(copies: Copies) -> None:
    """The whole of it: elector, store, token and fence."""
    copies.elect(ahpa_0="nobody", ahpa_1="nobody")
    terms = Terms(15, 10, 2)

    def elector(name: str) -> Elector:
        store = KubeLeases(copies.kubes[name], HOME, time.time)
        return Elector(store, f"{copies.identities[name]}_1f2e", shards("ahpa", 1), terms, Quiet())

    first, second = (elector(name) for name in PODS)
    first.start()
    copies.bed.wait_for(lambda: first.holds("0"), what="the first leads")
    second.start()
    copies.await_refusals(HPA, FLOORS[HPA], a=0, b=FENCE)
    assert not second.holds("0")
    first.stop()
    copies.bed.wait_for(lambda: second.holds("0"), what="the second leads")
    copies.await_refusals(HPA, FLOORS[HPA], a=FENCE, b=0)
    assert not first.holds("0")
    second.stop()


def removed(copies: Copies, objects: list[dict[str, Any]], status: int) -> None:
    """Once the API server has heard of it: these, and the Leases as their namespace goes."""
    for lease in copies.bed.find("leases", HOME):
        copies.bed.delete("leases", lease["metadata"]["name"], HOME)
    for what in (SERVICE, REVISION, HPA):
        copies.await_refusals(what, FLOORS[what], a=0, b=0)
    _delete(copies.bed, objects)
    _await(copies.bed, copies.apis["ahpa-a"], [copies.paths[what] for what in (SERVICE, REVISION, HPA)], status)


def installed(copies: Copies) -> None:
    copies.bed.apply(*render("production"))
    _await(copies.bed, copies.apis["ahpa-a"], [copies.paths[what] for what in (SERVICE, REVISION, HPA)], FENCE)


def test_removed_and_installed_again_it_follows_the_new_leases(copies: Copies, reached: Reached) -> None:
    """As the documentation removes it: the fence stays."""
    removed(copies, rendered(CONFIG / "uninstall/rest"), RBAC)
    installed(copies)
    copies.elect(ahpa_0=f"ahpa-b {DIGITS}")
    copies.await_refusals(HPA, FLOORS[HPA], a=FENCE, b=0, podless=0, admin=0)
    copies.elect(ahpa_0=f"ahpa-a {DIGITS}")
    copies.await_refusals(HPA, FLOORS[HPA], a=0, b=FENCE, podless=0, admin=0)
    reached("T21", "removed and installed again", "the fence follows the new Leases")


def test_where_the_fence_was_removed_too_but_after_the_leases_the_new_leader_may_write(copies: Copies) -> None:
    """The API server may know of no Leases then, but of no old ones either."""
    removed(copies, [each for each in render("production") if each["kind"].startswith("ValidatingAdmission")], 0)
    installed(copies)
    copies.elect(ahpa_0=f"ahpa-a {DIGITS}")
    copies.await_refusals(HPA, FLOORS[HPA], a=0, podless=0, admin=0)
    refusals = [refusal(copies.apis["ahpa-a"], copies.paths[HPA], FLOORS[HPA]) for _ in range(20)]
    assert refusals == [0] * 20
