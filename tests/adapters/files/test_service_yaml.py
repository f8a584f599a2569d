"""Claims about what a Knative Service's YAML says, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ahpa.adapters.files.service_yaml import read_service
from ahpa.adapters.files.text import InputError
from tests.adapters.files.examples import put

SERVICE = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: chat
  annotations: {ahpa.dev/late-target: "1%", ahpa.dev/manage-target: "true"}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/target-utilization-percentage: "80"
        autoscaling.knative.dev/min-scale: "2"
    spec:
      containerConcurrency: 8
      containers: [{image: model}]
"""


def test_a_knative_service_says_how_it_scales(tmp_path: Path) -> None:
    told = read_service(put(tmp_path, "svc.yaml", SERVICE), 4)
    assert (told.name, told.concurrency, told.kpa.total_value, told.kpa.min_scale) == ("chat", 8, 8.0, 2)
    assert told.kpa.target_value == pytest.approx(6.4)
    assert (told.policy.policy.late_target, told.policy.policy.manage_target) == (0.01, True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: Deployment\nspec: {}\n", "no Knative Service"),
        ("a: [1,\n  b\n", ":3: not YAML"),
        ("a: &x [1]\nb: *x\n", ":2: YAML aliases"),
        (SERVICE.replace('"80"', '"800"'), "target-utilization-percentage"),
        (SERVICE.replace('"1%"', '"1.5"'), "ahpa.dev/late-target"),
        (SERVICE.replace("Concurrency: 8", "Concurrency: many"), "containerConcurrency"),
        ("!!python/object/apply:os.system ['true']\n", "not YAML"),
    ],
    ids=["other kind", "broken", "alias", "bad annotation", "bad policy", "bad concurrency", "python tag"],
)
def test_a_service_that_cannot_be_read_is_refused_with_words(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_service(put(tmp_path, "svc.yaml", text), 4)
