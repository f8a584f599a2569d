"""The world of `ahpa backtest` and what is asked of it: from words on the command line to a setting and a question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import click

from ahpa.adapters.files.service_yaml import ServiceYaml
from ahpa.adapters.files.text import InputError
from ahpa.adapters.files.tiers import read_tiers
from ahpa.backtest.scaling import Scaling
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Setting
from ahpa.commands.demand import Demand, refuse
from ahpa.commands.options import lag_of
from ahpa.commands.scaler import in_words as scaler_in_words
from ahpa.core.known.events import Event
from ahpa.core.known.knowledge import Known
from ahpa.core.known.windows import Window
from ahpa.core.policy.values import Policy
from ahpa.core.readiness import Readiness
from ahpa.core.words import seconds
from ahpa.render.report import MONEY
from ahpa.simulation.stream import SimulatedService


@dataclass(frozen=True)
class World:
    """How services work and scale."""

    lag_p50: float
    lag_p95: float | None
    tiers: Path | None
    late_after: float
    give_up_after: float
    burstiness: float
    test_days: float
    seed: int


@dataclass(frozen=True)
class Wish:
    """What is asked of ours; None where nothing was said."""

    late_target: float | None
    quantile: float | None
    manage_target: bool
    model: str | None
    sweep: bool
    windows: tuple[Window, ...] | None = None
    events: tuple[Event, ...] | None = None
    time_zone: str | None = None
    holidays: str | None = None


def setting_of(world: World, scaling: Scaling, slots: int, service_seconds: float, known: Known) -> Setting:
    """The world as it is simulated. Raises InputError, UsageError."""
    try:
        readiness, prices = _starts(world)
        simulated = SimulatedService(service_seconds, slots, world.late_after, world.give_up_after, readiness, prices)
    except InputError:
        raise
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return Setting(simulated, scaling, world.test_days, world.seed, world.burstiness, known)


def _starts(world: World) -> tuple[Readiness, tuple[float, ...] | None]:
    """How long replicas take, tier by tier, and what they cost there."""
    if world.tiers is None:
        return Readiness.single(lag_of(world.lag_p50, world.lag_p95)), None
    refuse(("lag_p50", "lag_p95"), "--tiers says it")
    return read_tiers(world.tiers)


def question_of(wish: Wish, service: ServiceYaml | None) -> Question:
    """What was asked here, and else by the owner's annotations. Raises UsageError."""
    if wish.late_target is not None and wish.quantile is not None:
        raise click.UsageError("--late-target and --quantile: give one of them")
    owner = service.policy.policy if service else Policy()
    quantile = owner.quantile if wish.quantile is None and wish.late_target is None else wish.quantile
    late_target = owner.late_target if wish.late_target is None else wish.late_target
    return Question(late_target, quantile, wish.manage_target or owner.manage_target, wish.sweep)


def policy_of(wish: Wish, service: ServiceYaml | None) -> Policy:
    """The owner's annotations, with what was said here in their place: the model, what is known beforehand, the
    calendar."""
    owner = service.policy.policy if service else Policy()
    return replace(
        owner,
        model=wish.model or owner.model,
        windows=wish.windows or owner.windows,
        events=wish.events or owner.events,
        time_zone=wish.time_zone or owner.time_zone,
        holidays=wish.holidays or owner.holidays,
    )


def in_words(setting: Setting, demand: Demand, model: str, world: World, owner: Mapping[str, str]) -> dict[str, str]:
    """The world in words, for the report; `owner` is what a file told of the scaler."""
    service = setting.service
    takes = seconds(service.service_seconds)
    luck = "Poisson" if setting.dispersion == 1 else f"{setting.dispersion:g} times as bursty as Poisson"
    come = f"at random seconds of the step that counted them, {luck}"
    if demand.lists:
        takes, come = f"each request's own, {takes} in the mean", "each at its own moment"
    named = "" if model == Policy().model else f"{model}: "
    doubts = {"of the input": "; ".join(demand.remarks)} if demand.remarks else {}
    return {
        **owner,
        "the input counts": demand.counts,
        **doubts,
        "service time": takes,
        "slots of a replica": str(service.concurrency),
        **scaler_in_words(setting.scaling, service.concurrency, service.service_seconds),
        **dict(_starts_in_words(setting, world.tiers)),
        "late": f"waited more than {seconds(service.late_after_seconds)} for a slot",
        "gives up after": seconds(service.give_up_seconds),
        "requests come": come,
        "queue": "one, first come first served, over all ready replicas",
        "a replica costs": "from the moment it is asked for until it is withdrawn; not-ready ones are withdrawn first",
        **_known_in_words(setting.known),
        "the model": f"{named}learns from what came before, anew every day or few (a service: every hour)",
    }


def _known_in_words(known: Known) -> dict[str, str]:
    """What ours is told beforehand, and nobody else."""
    told = {"windows": [one.line for one in known.windows], "planned events": [one.line for one in known.events]}
    return {f"{name}, by the clock of {known.clock}": "; ".join(lines) for name, lines in told.items() if lines}


def _starts_in_words(setting: Setting, file: Path | None) -> Iterator[tuple[str, str]]:
    """How long replicas take, and what they cost, tier by tier where there are tiers."""
    service = setting.service
    prices = service.prices or (None,) * len(service.readiness.tiers)
    for tier, price in zip(service.readiness.tiers, prices, strict=True):
        lag = f"median {seconds(tier.lag.quantile(0.5))}, 95 % within {seconds(tier.lag.quantile(0.95))}"
        if file is None:
            yield "from asked for to ready", lag
            continue
        held = f"{tier.replicas} replicas" if tier.replicas else "all further replicas"
        yield f"tier {tier.name}", f"{held}: {lag}" + (f"; {price:g} for a replica-hour" if price is not None else "")
    if file is not None:
        yield "tiers", f"of {file}; they fill in this order"
    if service.prices:
        yield "money", MONEY
