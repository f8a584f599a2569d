"""What is printed is what our own readers and the adapter for HPAs take, without a word against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ahpa.adapters.files.hpa_yaml import read_hpa
from ahpa.adapters.files.service_yaml import read_service
from ahpa.adapters.kubernetes.hpa import HorizontalPodAutoscalers
from ahpa.core.policy.rules import parse_policy
from ahpa.render.migrated import as_yaml
from tests.adapters.files.examples import put
from tests.fakes.kube import FakeKube
from tests.migration.examples import ALL, HPAS, KEDA, KNATIVE, moved


@pytest.mark.parametrize("name", HPAS)
def test_the_hpa_is_read_by_our_parser_and_by_the_adapter(name: str, tmp_path: Path) -> None:
    out = moved(HPAS[name])
    text = as_yaml([out])
    told = read_hpa(put(tmp_path, "moved.yaml", text))
    assert (told.policy.problems, told.policy.warnings, told.policy.requested) == ((), (), True)
    item = yaml.safe_load(text)
    item["metadata"].setdefault("namespace", "default")
    kube = FakeKube()
    where = "/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers/{name}"
    kube.put(where.format(**item["metadata"]), item)
    (target,) = HorizontalPodAutoscalers(kube).targets()
    assert target.refusal is None
    assert (target.baseline, target.maximum) == (item["spec"]["minReplicas"], item["spec"]["maxReplicas"])


def test_the_scaled_object_is_read_by_our_parser(tmp_path: Path) -> None:
    told = read_hpa(put(tmp_path, "moved.yaml", as_yaml([moved(KEDA)])))
    assert (told.policy.problems, told.policy.warnings, told.policy.requested) == ((), (), True)


@pytest.mark.parametrize("metric", ["rps", "concurrency", "rt"])
def test_the_service_is_read_by_our_parser(metric: str, tmp_path: Path) -> None:
    path = put(tmp_path, "moved.yaml", as_yaml([moved(KNATIVE.replace("metric: rps", f"metric: {metric}"))]))
    told = read_service(path, 4)
    assert (told.policy.problems, told.policy.warnings, told.policy.requested) == ((), (), True)


def hostile(text: str) -> dict[str, Any]:
    """An object in all of whose texts lines are broken and an object begins."""
    found = yaml.safe_load(text)
    evil = "x\n---\nkind: Evil\n\u2028kind: Evil\x85kind: Evil\r"
    found["spec"]["scaleStrategy" if "scaleStrategy" in text else "aaUnknown"] = evil
    found["spec"][evil] = evil
    found["metadata"]["annotations"] = {f"{found['apiVersion'].partition('/')[0]}/{evil}": evil, "ours": evil}
    return dict(found)


@pytest.mark.parametrize("name", ALL)
def test_no_text_of_an_object_leaves_its_comment(name: str) -> None:
    from ahpa.migration.kinds import migrate

    out = migrate(hostile(ALL[name]))
    assert out is not None
    printed = as_yaml([out])
    documents = [each for each in yaml.safe_load_all(printed) if each is not None]
    assert documents == ([] if out.result is None else [out.result])
    assert "Evil" in printed


@pytest.mark.parametrize("text", list(ALL.values()), ids=ALL)
def test_no_annotation_of_ours_has_a_problem(text: str) -> None:
    out = moved(text)
    if out.result is not None:
        noted = yaml.safe_load(as_yaml([out]))["metadata"]["annotations"]
        assert parse_policy(noted).problems == ()
