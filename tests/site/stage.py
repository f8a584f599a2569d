"""A small shop and the page over it, on fakes: services that act, one that is watched, some with something wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ahpa.adapters.telemetry.http import MOST_SECONDS, Answer, serve
from ahpa.service.chronicle import Chronicle, Chronicled
from ahpa.site.routes import Site
from ahpa.site.running import Running
from ahpa.site.what_if import Answer as WhatIfAnswer
from forecasting.panel import Panel
from tests.commands.looks import shop
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, ROOT, Stage

PODS = "/api/v1/namespaces/shop/pods"


def add_start(kube: FakeKube, of: str, name: str, asked: str, *moments: str) -> None:
    """A pod of `of` that was asked for and scheduled, initialised, running and ready at these times of the clock."""
    scheduled, initialised, started, ready = (f"2023-11-14T{moment}Z" for moment in moments)
    steps = {"PodScheduled": scheduled, "Initialized": initialised, "Ready": ready}
    kube.put(f"{PODS}/{name}", {
        "metadata": {"namespace": "shop", "name": name, "uid": name, "creationTimestamp": f"2023-11-14T{asked}Z",
                     "labels": {"serving.knative.dev/service": of}},
        "spec": {"nodeName": "n1"},
        "status": {
            "conditions": [{"type": k, "status": "True", "lastTransitionTime": at} for k, at in steps.items()],
            "containerStatuses": [{"restartCount": 0, "state": {"running": {"startedAt": started}}}],
        },
    })  # fmt: skip


class Silent:
    """Whom nobody tells of a fault: it is one of the test's."""

    def fault(self, event: str, **fields: object) -> None:
        raise AssertionError(event)


@dataclass
class Shop:
    """The page over a stage."""

    at: Stage = field(default_factory=shop)
    led: Callable[[str], bool] = lambda uid: True
    what_if: Callable[[str], WhatIfAnswer] | None = None
    dry: bool = False
    chronicle: Chronicle = field(default_factory=Chronicle)

    def __post_init__(self) -> None:
        service = self.at.service
        self.jobs = Chronicled(service, lambda: service.shown, self.chronicle, Silent())
        self.site = Site(Running(
            shown=lambda: service.shown, chronicle=self.chronicle, held=self._held, sketch=service.sketch,
            savings=lambda: service.savings, saving=service.saving, settings=service.settings, leads=self.led,
            what_if=self.what_if, dry=self.dry,
        ))  # fmt: skip

    def _held(self, queries: Mapping[str, str], start: float, end: float) -> Panel:
        return self.at.prometheus.read(queries, start, end, self.at.service.settings.step_seconds).panel

    def live(self, minutes: int = 2, start: float = NOW) -> Shop:
        """Learned from two days, then so many rounds."""
        self.jobs.refit(start)
        for minute in range(minutes):
            self.jobs.tick(start + 60 * minute)
        return self

    def page(self, path: str) -> str:
        """The markup of a page that there is."""
        answer = self.site(path)
        assert answer.status == 200, (path, answer.body)
        return answer.body.decode()

    def json(self, path: str) -> Any:
        """What the API says."""
        answer = self.site(f"/api/v1/{path}")
        assert answer.kind == "application/json"
        return json.loads(answer.body)


@contextmanager
def served(site: Callable[[str], Answer], most_seconds: float = MOST_SECONDS) -> Iterator[str]:
    """The address of the page on a real port."""
    server = serve(0, site, "127.0.0.1", most_seconds=most_seconds)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


__all__ = ["NOW", "ROOT", "Shop", "add_start", "served"]
