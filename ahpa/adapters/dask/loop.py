"""The thread on which the clients of one executor talk, one client after the other."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tornado.ioloop import IOLoop


class Loop:
    """An event loop that runs until it is stopped. A client left to itself starts one of its own, which outlives it
    where it cannot connect (a thread and three descriptors for each attempt: distributed 2026.8.0, `LoopRunner`)."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="ahpa-dask", daemon=True)
        self._thread.start()
        self._begun.wait()

    def stop(self) -> None:
        """Back when the thread has ended, with all that was left on it."""
        self.tornado.add_callback(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        from tornado.ioloop import IOLoop

        self.tornado: IOLoop = IOLoop.current()
        self._begun.set()
        await self._over.wait()
