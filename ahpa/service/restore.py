"""Restore: put back what the owners had, now and without the service.

The API may say no now and then. Who is left is tried again as it is listed anew, so that no edit in between is lost,
and nobody is done before a listing shows the object without our record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from ahpa.core.policy.values import PREFIX, STATE, TARGET_STATE
from ahpa.ports import Actuator, ClusterError
from ahpa.targets import Target

ROUNDS = 12
"""So often is tried what may pass: of a thousand objects of which each call fails with one in ten, none is left."""
TRIES = 5
"""So often is listed, before anything is put back."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 4.0
PASSING = frozenset({0, 409, 429, 500, 502, 503, 504})
"""What the API says that may be otherwise in a moment; 0 is no answer."""
STOP_TRIES, STOP_PAUSE_SECONDS = 120, 1.0
"""So often is looked whether the service has stopped. Its pod has 30 s to end, and the node may be slow to say so."""
RAISED_AGAIN = (
    f"it was put back and is raised again: `ahpa serve` runs and its owner asks for it; annotate it {PREFIX}mode=off, "
    "or stop the service first"
)


class Stoppable(Protocol):
    """What runs `ahpa serve`."""

    def scale_to_zero(self) -> str:
        """Ask it to stop; the selector of its pods, empty if it is not there. Raises ClusterError."""
        ...

    def pods(self, selector: str) -> tuple[str, ...]:
        """Which of its pods may still run. Raises ClusterError."""
        ...


@dataclass(frozen=True)
class Restored:
    """What came of it, by the keys of targets."""

    done: tuple[str, ...]
    failed: Mapping[str, str]
    """Why, in words."""


def stop(service: Stoppable, sleep: Callable[[float], object], tries: int = STOP_TRIES) -> str | None:
    """Stop the service, and wait until nobody is left who could raise again what is put back. Why that is not so at the
    end, or None. Raises ClusterError for what does not pass."""
    left = "it was not asked"
    for _ in range(tries):
        try:
            selector = service.scale_to_zero()  # each time: whoever else scales it may have had the last word
            pods = service.pods(selector) if selector else ()
            if not pods:
                return None
            left = f"still running: {', '.join(pods)}"
        except ClusterError as error:
            if error.status not in PASSING:
                raise
            left = str(error)
        sleep(STOP_PAUSE_SECONDS)
    return left


def recorded(actuators: Mapping[str, Actuator]) -> tuple[dict[str, Target], dict[str, ClusterError]]:
    """By key: all objects that carry our record of what their owner had; and by kind, why it could not be listed."""
    found: dict[str, Target] = {}
    unlisted: dict[str, ClusterError] = {}
    for kind, actuator in actuators.items():
        try:
            found |= {target.key: target for target in actuator.targets() if _recorded(target)}
        except ClusterError as error:
            unlisted[kind] = error
    return found, unlisted


def _recorded(target: Target) -> bool:
    """Also one that cannot be read now: its floor may be ours."""
    return target.managed or not target.annotations.keys().isdisjoint((STATE, TARGET_STATE))


def found_at_last(
    actuators: Mapping[str, Actuator], sleep: Callable[[float], object], tries: int = TRIES
) -> tuple[dict[str, Target], dict[str, ClusterError]]:
    """As `recorded`, but what may pass is tried again."""
    found, unlisted = recorded(actuators)
    for _ in range(tries - 1):
        again = {kind: actuators[kind] for kind, error in unlisted.items() if error.status in PASSING}
        if not again:
            break
        sleep(FIRST_PAUSE_SECONDS)
        more, left = recorded(again)
        found |= more
        unlisted = {kind: error for kind, error in unlisted.items() if kind not in again} | left
    return found, unlisted


def restore(
    actuators: Mapping[str, Actuator],
    wanted: Collection[str],
    sleep: Callable[[float], object],
    tell: Callable[[str], object] = lambda key: None,
    rounds: int = ROUNDS,
) -> Restored:
    """Put back what the owners of the `wanted` (keys) had; `tell` is told each that is done. Raises nothing: what
    failed to the end is in the answer."""
    left, failed = dict.fromkeys(wanted, ""), dict[str, str]()
    done: list[str] = []
    pause = FIRST_PAUSE_SECONDS
    for _ in range(rounds):
        found, unlisted = recorded(actuators)
        for key in list(left):
            kind = key.partition("/")[0]
            if kind in unlisted:
                left[key] = f"{kind} could not be listed: {unlisted[kind]}"
                continue
            if key not in found:
                done.append(key)
                tell(key)
                del left[key]
                continue
            said = _put_back(actuators[kind], found[key])
            if said is None or said.status in PASSING:
                left[key] = RAISED_AGAIN if said is None else str(said)
            else:
                failed[key] = str(said)
                del left[key]
        if not left:
            break
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    return Restored(tuple(done), {**failed, **left})


def _put_back(actuator: Actuator, target: Target) -> ClusterError | None:
    """None: the API said yes."""
    try:
        actuator.restore(target)
    except ClusterError as error:
        return error
    except Exception as error:  # a fault of ours with one object must not keep the others from their owners
        return ClusterError(400, target.refusal or f"{type(error).__name__}: {error}")
    return None
