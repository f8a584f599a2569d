"""The reader of the request log finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.reliability.audit import MIN_SCALE, OURS, Write, broken

REVISION = "/apis/serving.knative.dev/v1/namespaces/team-001/revisions/service-00001-00001"
SERVICE = "/apis/serving.knative.dev/v1/namespaces/team-001/services/service-00001"
BODY = {"metadata": {"resourceVersion": "7", "annotations": {MIN_SCALE: "5"}}}


def write(old: int, new: int) -> Write:
    return Write(100.0, REVISION, BODY, "ahpa", {MIN_SCALE: str(old)}, {MIN_SCALE: str(new)}, True)


def record(key: str) -> Write:
    return replace(write(0, 0), path=SERVICE, before={}, after={key: "{}"})


@pytest.mark.parametrize(
    ("one", "what"),
    [
        (write(5, 1), "I1"),
        (write(50, 51), "I2"),
        (replace(write(5, 4), readable=False), "I3"),
        (write(5, 15), "I4"),
        (replace(write(5, 6), manager="kubectl"), "I6"),
        (replace(write(5, 6), body={"metadata": {"annotations": {}}}), "I6"),
        (replace(write(5, 6), body={**BODY, "spec": {}}), "I6"),
        (write(5, 5), "I7"),
        (replace(write(5, 4), at=10.0), "the first round"),
        (record("their/own"), "I6"),
    ],
)
def test_a_broken_invariant_is_found(one: Write, what: str) -> None:
    assert what in " ".join(broken(one, own=2, restarted=50.0))


@pytest.mark.parametrize(
    "one",
    [
        write(5, 14),
        write(5, 4),
        replace(write(5, 6), readable=False),
        record(OURS[0]),
    ],
)
def test_what_is_allowed_breaks_none(one: Write) -> None:
    assert broken(one, own=2, restarted=50.0) == []
