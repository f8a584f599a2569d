"""Which models there are, by what is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from forecasting.choice.models import PACKAGES, is_installed, models, not_among

EXTRAS = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize(
    ("installed", "known"),
    [
        ((), {"fleet", "seasonal-naive", "last-value"}),
        (("statsmodels",), {"fleet", "seasonal-naive", "last-value", "holt-winters", "ets", "stl", "auto"}),
        (("prophet",), {"fleet", "seasonal-naive", "last-value", "prophet"}),
    ],
)
def test_there_is_a_model_where_its_library_is(installed: tuple[str, ...], known: set[str]) -> None:
    assert set(models(installed=lambda package: package in installed)) == known


def test_here_where_the_tests_run_all_are_there() -> None:
    """Or the contract of all models would leave some out and nobody would know."""
    assert PACKAGES.keys() <= models().keys()


@pytest.mark.parametrize("name", PACKAGES)
def test_what_to_install_is_an_extra_that_brings_the_library(name: str) -> None:
    package = PACKAGES[name]
    assert any(each.startswith(package) for each in EXTRAS[package])
    assert f"pip install 'ahpa[{package}]'" in not_among(name, ("fleet",))


def test_a_name_that_is_nobodys_is_told_which_there_are() -> None:
    assert not_among("oracle", ("fleet", "stl")) == "no model 'oracle'; there are fleet, stl"


def test_what_is_not_there_is_not_installed() -> None:
    assert is_installed("numpy")
    assert not is_installed("numpy_of_nowhere")
