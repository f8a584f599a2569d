"""A copy of the service as far as leadership goes: the real elector, store and fence, and a thing that it writes to as
often as it may. On a thread, or as a process: `python -m tests.reliability.contender URL NAME LEASE RENEW RETRY`.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from kubernetes import client

from ahpa.adapters.kubernetes.api import Kube, KubeApi
from ahpa.adapters.kubernetes.fenced import Fenced
from ahpa.adapters.kubernetes.leases import KubeLeases
from ahpa.core.election import Terms
from ahpa.core.shards import shards
from ahpa.core.sight import Sight
from ahpa.ports import ClusterError
from ahpa.service.elector import Elector
from tests.fakes.lease_server import THING, UID

WRITE_SECONDS = 0.04
"""How often it writes."""


class Quiet:
    """A herald that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def log(self, event: str, level: int = logging.INFO, **fields: object) -> None:
        self.events.append(event)

    def fault(self, event: str, **fields: object) -> None:
        raise AssertionError(event)

    def led(self, lease: str, holds: bool) -> None:
        pass


class Stoppable(client.ApiClient):
    """May be stopped at the last moment: all checks are passed, nothing is sent yet."""

    def __init__(self, settings: client.Configuration, before_send: Callable[[], None]) -> None:
        super().__init__(settings)
        self._before_send = before_send

    def call_api(self, method: str, *rest: Any, **named: Any) -> Any:
        if method == "PATCH":
            self._before_send()
        return super().call_api(method, *rest, **named)


def kube_of(url: str, name: str, before_send: Callable[[], None] = lambda: None) -> Kube:
    """As the client `name`, which is its token."""
    settings = client.Configuration(host=url, retries=False)
    settings.api_key = {"BearerToken": f"Bearer {name}"}
    return Kube(Stoppable(settings, before_send))


class Contender:
    """One who would lead."""

    def __init__(
        self,
        url: str,
        name: str,
        terms: Terms,
        wall_clock: Callable[[], float] = time.time,
        before_send: Callable[[], None] = lambda: None,
        count: int = 1,
        sight: Callable[[], Sight] = Sight,
    ) -> None:
        self.herald = Quiet()
        store = KubeLeases(kube_of(url, name), "ahpa-system", wall_clock)
        self.elector = Elector(
            store, f"{name}_{secrets.token_hex(4)}", shards("ahpa", count), terms, self.herald, sight=sight
        )
        self._kube: KubeApi = Fenced(kube_of(url, name, before_send), self.elector.seconds_left)
        self._ended = threading.Event()
        self._number = 0

    def write(self) -> bool:
        """Whether it was allowed to; what became of it is in the server's log."""
        with self.elector.writing(UID) as allowed:
            if allowed:
                self._number += 1
                with suppress(ClusterError):
                    self._kube.merge_patch(THING, {"spec": {"minReplicas": self._number}})
        return allowed

    def run(self) -> None:
        """Until it is stopped; then the lease is given back."""
        self.elector.start()
        while not self._ended.wait(WRITE_SECONDS):
            self.write()
        self.elector.stop()

    def stop(self) -> None:
        self._ended.set()


def main(url: str, name: str, *seconds: str) -> None:
    ahead, stall = [0.0], [False]

    def stop_before_it_is_sent() -> None:
        if stall[0]:
            stall[0] = False
            os.kill(os.getpid(), signal.SIGSTOP)

    terms = Terms(*map(float, seconds))
    contender = Contender(url, name, terms, lambda: time.time() + ahead[0], stop_before_it_is_sent)
    signal.signal(signal.SIGTERM, lambda *_: contender.stop())
    signal.signal(signal.SIGUSR1, lambda *_: ahead.__setitem__(0, ahead[0] + 3600))
    signal.signal(signal.SIGUSR2, lambda *_: ahead.__setitem__(0, ahead[0] - 3600))
    signal.signal(signal.SIGALRM, lambda *_: stall.__setitem__(0, True))
    contender.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
