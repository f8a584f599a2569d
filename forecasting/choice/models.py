"""The forecasting models by the names that annotations and commands use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec

from forecasting.executor import Executor, Serial
from forecasting.fleet.calendar import Calendar
from forecasting.libraries.calibrated import FitAll
from forecasting.model import Model

_AUTO = ("holt-winters", "stl", "seasonal-naive", "last-value")
"""What `auto` tries beside the fleet model. Of 58 services Prophet did best on 4, in more time than the other libraries
together, and ETS, which is nearly Holt-Winters, on 2; who wants them names them (docs/forecasting.md)."""

PACKAGES: Mapping[str, str] = {
    "holt-winters": "statsmodels",
    "ets": "statsmodels",
    "stl": "statsmodels",
    "prophet": "prophet",
    "auto": "statsmodels",  # of fewer candidates it would choose otherwise, and nobody would know
}
"""What a model needs that is not always installed, each an extra of the same name (docs/decisions/0087)."""


def is_installed(package: str) -> bool:
    """Asked without importing it, which would take seconds and a hundred MiB."""
    return find_spec(package) is not None


def not_among(name: str, known: Iterable[str]) -> str:
    """Why `known` has no model of that name, and what to do."""
    if package := PACKAGES.get(name):
        return f"the model {name!r} needs {package}, which is not installed: pip install 'ahpa[{package}]'"
    return f"no model {name!r}; there are {', '.join(known)}"


def models(
    fit_all: FitAll | None = None,
    calendar: Calendar | None = None,
    executor: Executor | None = None,
    elsewhere: Executor | None = None,
    installed: Callable[[str], bool] = is_installed,
) -> Mapping[str, Model]:
    """Name -> model, of those whose packages are `installed`; `not_among` has words for the others.
    `fit_all` says where the named libraries are fitted, `executor` where the fleet model works (None: one after the
    other, here), and `elsewhere` where the whole of its fit is done (None: here). It goes by `calendar`, if there is
    one; the named libraries by UTC.

    `fleet` is the default: on the services that nothing was tuned on it did better than any of these on at least nine
    in ten (docs/results-forecasting.md), for a hundredth of their cost. `auto` scores it against the others, service
    by service, and falls back on them where it has no opinion.
    """
    from forecasting.choice.auto import AutoModel
    from forecasting.choice.elsewhere import Elsewhere
    from forecasting.fleet.model import FleetModel
    from forecasting.libraries.calibrated import CalibratedModel, fit_here
    from forecasting.libraries.strategies import Ets, HoltWinters, LastValue, Prophet, SeasonalNaive, Stl, Strategy

    fleet: Model = FleetModel(calendar, executor=executor or Serial())
    if elsewhere is not None:
        fleet = Elsewhere(fleet, elsewhere)
    strategies: tuple[Strategy, ...] = (HoltWinters(), Ets(), Stl(), Prophet(), SeasonalNaive(), LastValue())
    named = {strategy.name: CalibratedModel(strategy, fit_all or fit_here) for strategy in strategies}
    candidates: tuple[Model, ...] = (fleet, *(named[name] for name in _AUTO))
    every: dict[str, Model] = {"fleet": fleet, **named, "auto": AutoModel(candidates)}
    return {name: model for name, model in every.items() if name not in PACKAGES or installed(PACKAGES[name])}
