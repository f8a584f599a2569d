"""Look: what a service would decide now that has run for a while, in a process that has just begun."""

from __future__ import annotations

from collections.abc import Callable

from ahpa.service.rounds import Service
from ahpa.service.showing import Shown


def look(service: Service, now: float, say: Callable[[str], object] = lambda what: None) -> Shown:
    """It learns, looks, tries settings on the days before and looks again, as a service does in its first minutes.
    `say` is told what comes next. Raises ClusterError."""
    say("reading the history and learning from it")
    service.refit(now)
    say("looking at all services")
    service.tick(now)
    service.tick(now)  # settings are tried from the first round on; the second wishes for their past
    if service.take_wish("refit"):
        say("trying settings on the days before")
        service.refit(now)
    return look_again(service, now)


def look_again(service: Service, now: float) -> Shown:
    """A moment later, with what was learned. Raises ClusterError."""
    service.settle()
    service.tick(now)
    return service.shown
