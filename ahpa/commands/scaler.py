"""The autoscaler of the services in `ahpa backtest`: what --scaler, --service and --hpa say, as it is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource

from ahpa.adapters.files.hpa_yaml import read_hpa
from ahpa.adapters.files.knative_config import read_knative_config
from ahpa.adapters.files.service_yaml import ServiceYaml, read_service
from ahpa.adapters.files.text import InputError
from ahpa.backtest.scaling import ByHpa, ByKpa, Scaling
from ahpa.commands.demand import refuse
from ahpa.core.units import IN_FLIGHT, converted
from ahpa.core.words import percent, seconds
from ahpa.reactive.hpa.autoscaler import SYNC_SECONDS
from ahpa.reactive.hpa.config import DOWN_STABILIZATION_SECONDS, HpaConfig, Metric
from ahpa.reactive.kpa.config import SMALLEST_TARGET, KpaConfig
from ahpa.simulation.scalers.hpa import aimed_at

SCALERS = ByKpa.name, ByHpa.name
ABOVE = "the floors of ahpa, static and seasonal stand above it"
CPU = "its share of the CPU request is taken for a share of the slots"


@dataclass(frozen=True)
class Reactive:
    """Which scaler, as it was said on the command line."""

    scaler: str | None
    service: Path | None
    knative_config: Path | None
    hpa: Path | None
    concurrency: int
    target_utilization: float


def owner_of(said: Reactive) -> ServiceYaml | None:
    """The object of --service or --hpa, which then says what options say otherwise. Raises InputError, UsageError."""
    if said.knative_config is not None and said.service is None:
        raise click.UsageError("--knative-config: only with --service, for what that Service does not say itself")
    if said.hpa is not None:
        if said.service is not None:
            raise click.UsageError("--service and --hpa: give the one that scales the services")
        return read_hpa(said.hpa)
    if said.service is None:
        return None
    config = None if said.knative_config is None else read_knative_config(said.knative_config)
    service = read_service(said.service, said.concurrency, config)
    if isinstance(service.scaler, KpaConfig):
        refuse(("target_utilization",), "the Service of --service says it")
    if service.concurrency:
        refuse(("concurrency",), "the Service of --service says it")
    return service


def slots_of(said: Reactive, owner: ServiceYaml | None) -> int:
    """How many requests a replica serves at once."""
    return (owner.concurrency if owner else None) or said.concurrency


def scaling_of(said: Reactive, owner: ServiceYaml | None, service_seconds: float) -> Scaling:
    """The scaler as it is simulated: the owner's, or the other one with its target and bounds where --scaler asks for
    it. Raises InputError."""
    slots = float(slots_of(said, owner))
    own: Scaling
    if owner is None:
        own = ByKpa(KpaConfig(target_value=max(SMALLEST_TARGET, slots * said.target_utilization), total_value=slots))
    elif isinstance(owner.scaler, KpaConfig):
        own = ByKpa(owner.scaler)
    else:
        target = _filled(owner.scaler, said, slots, service_seconds)
        own = ByHpa(aimed_at(owner.scaler, target), slots)
    if said.scaler is None:
        return own
    return own.kpa() if said.scaler == ByKpa.name else own.hpa(service_seconds)


def _filled(config: HpaConfig, said: Reactive, slots: float, service_seconds: float) -> float:
    """Requests in flight to which the HPA fills a replica. Raises InputError where its metrics do not say it."""
    given = click.get_current_context().get_parameter_source("target_utilization")
    if given is not ParameterSource.DEFAULT:
        return slots * said.target_utilization
    names = " and ".join(metric.name for metric in config.metrics)
    known = _in_flight(config.metrics[0], slots, service_seconds) if len(config.metrics) == 1 else None
    if known is None:
        raise InputError(
            f"{said.hpa or said.service}: its metric {names} does not say which share of its slots a replica is to "
            "fill: say it with --target-utilization"
        )
    return known


def _in_flight(metric: Metric, slots: float, service_seconds: float) -> float | None:
    """What the target of a metric comes to; a utilisation of the CPU is taken for one of the slots. None: not known."""
    from ahpa.adapters.kubernetes.hpa_metrics import unit_of_metric

    if metric.target_type == "Utilization":
        return slots * metric.target / 100 if metric.name == "cpu" else None
    unit = unit_of_metric(metric.name) if metric.source in ("Pods", "External") else None
    if unit is None or metric.target_type != "AverageValue":
        return None
    return converted(metric.target / 1000, unit, IN_FLIGHT, service_seconds)


def in_words(scaling: Scaling, slots: int, service_seconds: float) -> dict[str, str]:
    """The scaler in words, for the report."""
    return {"the scaler": _named(scaling), "the scaler fills replicas to": _fills(scaling, slots, service_seconds)}


def _named(scaling: Scaling) -> str:
    if isinstance(scaling, ByKpa):
        return f"Knative's KPA, exactly; {ABOVE}"
    config = scaling.config
    down = DOWN_STABILIZATION_SECONDS if config.down is None else config.down.stabilization_seconds
    up = 0 if config.up is None else config.up.stabilization_seconds
    rates = "" if config.down is None else "; its behavior's policies hold"
    return (
        f"Kubernetes' HPA, exactly: every {SYNC_SECONDS} s, tolerance {percent(config.tolerances.up)} up and "
        f"{percent(config.tolerances.down)} down, stabilised over {seconds(up)} up and {seconds(down)} down{rates}; "
        f"{ABOVE}"
    )


def _fills(scaling: Scaling, slots: int, service_seconds: float) -> str:
    if isinstance(scaling, ByKpa) and scaling.config.metric == "rps":
        most = slots / service_seconds
        return f"{scaling.config.target_value:g} requests per second each, of {most:.3g} that its slots can serve"
    return f"{scaling.per_replica(service_seconds):.3g} of {slots} slots"


def told(said: Reactive, owner: ServiceYaml) -> dict[str, str]:
    """Who said how the scaler works, and what bounds it."""
    rest = "".join(f"; {remark}" for remark in owner.remarks)
    if isinstance(owner.scaler, HpaConfig):
        bounds = f"minReplicas {owner.scaler.min_replicas}, maxReplicas {owner.scaler.max_replicas}"
        metrics = ", ".join(f"{metric.source} {metric.name}" for metric in owner.scaler.metrics)
        taken = f"; {CPU}" if any(metric.target_type == "Utilization" for metric in owner.scaler.metrics) else ""
        return {"the HPA": f"{owner.name} of {said.hpa or said.service}: {bounds}, metric {metrics}{taken}{rest}"}
    kpa = owner.scaler
    bounds = f"min-scale {kpa.min_scale}, max-scale {kpa.max_scale or 'none'}"
    limit = f"containerConcurrency {owner.concurrency}" if owner.concurrency else "no containerConcurrency"
    rest += f"; the cluster's defaults from {said.knative_config}" if said.knative_config else ""
    return {"the Service": f"{owner.name} of {said.service}: {limit}, metric {kpa.metric}, {bounds}{rest}"}
