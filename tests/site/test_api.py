"""The JSON behind the page is as its schema says, and says what the page says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from ahpa.site.as_json import as_json, camel, openapi, schema_of
from ahpa.site.what_if import Answer, Pending, Played
from tests.site.schema import wrong
from tests.site.stage import NOW, Shop, add_start
from tests.site.test_service_view import WAYS

DOCUMENT: Any = json.loads(openapi())
PATHS = {
    "services": "/api/v1/services",
    "services?q=chat&sort=floor&size=1": "/api/v1/services",
    "services/knative/shop/chat": "/api/v1/services/{kind}/{namespace}/{name}",
    "services/knative/shop/chat?what-if=1": "/api/v1/services/{kind}/{namespace}/{name}",
    "services/knative/shop/calm?what-if=1": "/api/v1/services/{kind}/{namespace}/{name}",
    "services/knative/shop/dark": "/api/v1/services/{kind}/{namespace}/{name}",
    "services/hpa/shop/typo": "/api/v1/services/{kind}/{namespace}/{name}",
    "decisions": "/api/v1/decisions",
    "decisions?q=chat": "/api/v1/decisions",
}


def answer(key: str) -> Answer:
    return Played(NOW, 2.0, WAYS) if key.endswith("chat") else Pending(0)


@pytest.fixture(scope="module")
def living() -> Shop:
    shop = Shop(what_if=answer)
    add_start(shop.at.kube, "chat", "chat-1", "08:00:00", "08:00:02", "08:00:05", "08:01:05", "08:02:35")
    return shop.live(2)


def schema(path: str, status: str = "200") -> Any:
    response = DOCUMENT["paths"][path]["get"]["responses"][status]
    return response["content"]["application/json"]["schema"]


@pytest.mark.parametrize("asked", PATHS)
def test_each_answer_is_as_the_schema_says(living: Shop, asked: str) -> None:
    assert wrong(living.json(asked), schema(PATHS[asked]), DOCUMENT) == []


@pytest.mark.parametrize(("asked", "status"), [("services?sort=x", "400"), ("services/knative/shop/no", "404")])
def test_a_problem_is_as_the_schema_says(living: Shop, asked: str, status: str) -> None:
    path = PATHS["services"] if status == "400" else PATHS["services/knative/shop/chat"]
    said = living.json(asked)
    assert said["status"] == int(status)
    assert wrong(said, schema(path, status), DOCUMENT) == []


def test_before_the_first_round_it_is_so_too() -> None:
    assert wrong(Shop().json("services"), schema("/api/v1/services"), DOCUMENT) == []


def test_the_schema_is_served(living: Shop) -> None:
    assert living.json("openapi.json") == DOCUMENT
    assert set(DOCUMENT["paths"]) == set(PATHS.values())


def test_a_view_that_the_schema_does_not_describe_is_found() -> None:
    """The check can fail."""
    said = Shop().json("services")
    of = schema("/api/v1/services")
    assert wrong({**said, "more": 1}, of, DOCUMENT) == ["$: nobody speaks of more"]
    assert wrong({**said, "page": "1"}, of, DOCUMENT) == ["$.page: '1' is no integer"]
    assert wrong({k: v for k, v in said.items() if k != "found"}, of, DOCUMENT) == ["$: no found"]
    assert wrong({**said, "page": True}, of, DOCUMENT) == ["$.page: True is no integer"]


@dataclass(frozen=True)
class Toy:
    """A toy."""

    some_number: float | None
    pair: tuple[int, int]
    own: tuple[Toy, ...] = ()


def test_a_view_is_described_by_its_types() -> None:
    known: dict[str, Any] = {}
    assert schema_of(Toy, known) == {"$ref": "#/components/schemas/Toy"}
    assert known["Toy"]["properties"]["someNumber"] == {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert known["Toy"]["properties"]["own"]["items"] == {"$ref": "#/components/schemas/Toy"}
    assert json.loads(as_json(Toy(None, (1, 2), (Toy(0.5, (3, 4)),)))) == {
        "someNumber": None, "pair": [1, 2], "own": [{"someNumber": 0.5, "pair": [3, 4], "own": []}],
    }  # fmt: skip


def test_names_are_as_in_kubernetes() -> None:
    assert (camel("name"), camel("step_seconds"), camel("a_b_c")) == ("name", "stepSeconds", "aBC")


def test_what_is_no_number_is_never_written() -> None:
    """`NaN` is no JSON: a view has None for it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json(Toy(float("nan"), (1, 2)))
