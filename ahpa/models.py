"""The forecasting models by the names that annotations and commands use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from forecasting.model import Model


@cache
def models() -> Mapping[str, Model]:
    """Name -> model. Heavy libraries are imported by the strategies themselves, at their first fit."""
    from forecasting.calibrated import CalibratedModel
    from forecasting.fleet import FleetModel
    from forecasting.strategies import HoltWinters, LastValue, Prophet, SeasonalNaive, Stl

    strategies = (HoltWinters(), Stl(), Prophet(), SeasonalNaive(), LastValue())
    fleet = FleetModel()
    return {"auto": fleet, "fleet": fleet, **{strategy.name: CalibratedModel(strategy) for strategy in strategies}}
