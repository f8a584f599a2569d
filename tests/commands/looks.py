"""A small shop that commands look at: services that act, one that is watched, some with which something is wrong."""

from __future__ import annotations

from collections.abc import Callable

import click
from click.testing import CliRunner, Result

from ahpa.commands.looking import Looking, looking
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, Stage, add_hpa, add_knative, morning, never, staged


def flat(now: float) -> float:
    return 5.0


def shop() -> Stage:
    """At nine; from five past nine on `chat` and `watched` need six replicas, `calm` one all day."""
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "watched": morning, "calm": flat})
    add_knative(kube, "chat", mode="apply")
    add_knative(kube, "watched", mode="observe")
    add_knative(kube, "calm", mode="apply")
    add_knative(kube, "dark", mode="apply")
    add_hpa(kube, "typo", mode="aply")
    return staged(kube, prometheus, may_write=never)


def looking_at(stage: Stage, now: float = NOW) -> Looking:
    return looking(stage.ports, stage.service.settings, lambda: now)


def typed(go: Callable[[], int]) -> Result:
    """What people see of it, in a pipe."""

    @click.command()
    @click.pass_context
    def command(context: click.Context) -> None:
        context.exit(go())

    return CliRunner().invoke(command, env={"COLUMNS": "150"}, catch_exceptions=False)
