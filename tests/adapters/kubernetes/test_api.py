"""Paths of the API."""

from __future__ import annotations

import pytest

from ahpa.adapters.kubernetes.api import path


@pytest.mark.parametrize("name", ["../../secrets", "a/b", "a?b=c", "a#b", "%2f"])
def test_a_name_cannot_become_a_path(name: str) -> None:
    assert path("api", "v1", name).count("/") == 3
    assert not set(path(name)[1:]) & set("/?#")
