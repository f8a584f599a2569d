"""Knative's pod autoscaler (KPA), exactly: what it wants at each two-second tick, given what it sees.

Three parts, each usable alone:

- `Averages` (windows.py): demand per second to the averages over the stable and the panic window.
- `Decider`: averages and ready replicas to the desired count; `scaling.autoscaler.Scale` in Go.
- `DeploymentScaler`: desired count to the replicas of the Deployment: bounds, initial scale, scale to zero;
  `kpa.scaler.scale` and `computeActiveCondition` in Go.

`Kpa` joins them for a closed loop. Source: knative.dev/serving v0.50.0, pkg/autoscaler/scaling/autoscaler.go
and pkg/reconciler/autoscaling/kpa/{scaler,kpa}.go; the proof against that code is in tests/proofs. Time is
unix seconds and always given; a tick comes every `TICK_SECONDS`, a stat every second.
"""

from __future__ import annotations

import math
from enum import Enum
from math import ceil

from ahpa.reactive.kpa.config import KpaConfig
from ahpa.reactive.kpa.windows import Averages, DelayWindow

TICK_SECONDS = 2
ACTIVATION_BUFFER_SECONDS = 30.0
"""Added to the progress deadline before an activation counts as failed."""
UNKNOWN = -1
"""The desired count of a fresh decider that has not seen any data."""
NOT_PANICKING = -math.inf


class Decider:
    """The desired count of one Revision; the state is panic and the scale-down delay.

    A decider born beside more than one ready replica starts in panic mode holding that many, so that a
    restart of the autoscaler, which loses all averages, cannot shrink a service.
    """

    __slots__ = (
        "_activation_scale",
        "_delay",
        "_max_down_rate",
        "_max_up_rate",
        "_panic_threshold",
        "_reachable",
        "_stable_window",
        "_target",
        "_target_burst",
        "_total",
        "desired",
        "excess_burst_capacity",
        "max_panic_replicas",
        "panic_since",
    )

    def __init__(self, config: KpaConfig, now: float, ready: int = 0, reachable: bool = True) -> None:
        self.desired = UNKNOWN
        burst = config.target_burst_capacity
        enough_at_first = int(config.initial_scale * config.total_value - burst)
        self.excess_burst_capacity = int(burst) if burst in (-1, 0) else enough_at_first
        self.panic_since = now if ready > 1 else NOT_PANICKING
        self.max_panic_replicas = ready
        # The delay is fixed at creation; everything else follows the annotations.
        slots = ceil(config.scale_down_delay_seconds / TICK_SECONDS)
        self._delay = DelayWindow(slots) if slots else None
        self.update(config, reachable)

    def update(self, config: KpaConfig, reachable: bool = True) -> None:
        """Follow changed annotations. Unreachable: no route leads to the Revision any more."""
        self._target = config.target_value
        self._total = config.total_value
        self._target_burst = config.target_burst_capacity
        self._panic_threshold = config.panic_threshold_ratio
        self._stable_window = config.stable_window_seconds
        self._max_up_rate = config.max_scale_up_rate
        self._max_down_rate = config.max_scale_down_rate
        self._activation_scale = config.activation_scale
        self._reachable = reachable

    @property
    def panicking(self) -> bool:
        return self.panic_since != NOT_PANICKING

    def scale(self, now: float, stable: float, panic: float, ready: int) -> int:
        """The desired count at `now`; also left in `desired`, with `excess_burst_capacity` beside it.

        `stable` and `panic` are the averages of the service's total demand, `ready` its ready replicas.
        Without data do not call it: the desired count stays what it was.
        """
        # At zero replicas the rates work as if there were one.
        base = ready if ready > 1 else 1
        # At 1.1 x 2 replicas the limit is 3, not 2: rounding down could hold a service for ever.
        max_up = ceil(self._max_up_rate * base)
        max_down = int(base / self._max_down_rate) if self._reachable else 0
        stable_need = ceil(stable / self._target)
        panic_need = ceil(panic / self._target)

        by_stable = max_down if stable_need < max_down else stable_need
        if by_stable > max_up:
            by_stable = max_up
        by_panic = max_down if panic_need < max_down else panic_need
        if by_panic > max_up:
            by_panic = max_up
        activation = self._activation_scale
        if activation > 1:
            if stable_need > 0 and activation > by_stable:
                by_stable = activation
            if panic_need > 0 and activation > by_panic:
                by_panic = activation

        # The unlimited need decides on panic: 2.0 means twice what the ready replicas can take.
        if panic_need / base >= self._panic_threshold:
            self.panic_since = now
        elif self.panic_since + self._stable_window < now and self.panic_since != NOT_PANICKING:
            self.panic_since = NOT_PANICKING
            self.max_panic_replicas = 0

        desired = by_stable
        if self.panic_since != NOT_PANICKING:
            # In panic the count never falls; stable may be above panic when a surge has just ended.
            if by_panic > desired:
                desired = by_panic
            if desired < self.max_panic_replicas:
                desired = self.max_panic_replicas
            else:
                self.max_panic_replicas = desired
        if self._delay is not None and self._reachable:
            desired = self._delay.record(int(now) // TICK_SECONDS, desired)

        burst = self._target_burst
        if burst > 0:
            self.excess_burst_capacity = math.floor(ready * self._total - burst - panic)
        else:
            self.excess_burst_capacity = 0 if burst == 0 else -1
        self.desired = desired
        return desired


class Activity(Enum):
    """The condition Active of a PodAutoscaler with its reason; either one's change restarts the clock."""

    CREATED = "Unknown"
    ACTIVATING = "Unknown: Queued"
    ACTIVE = "True"
    IDLE = "False: NoTraffic"
    FAILED = "False: TimedOut"


INACTIVE = frozenset({Activity.IDLE, Activity.FAILED})


class DeploymentScaler:
    """The replicas of the Deployment: bounds, initial scale and the way down to zero.

    Simplified against a cluster: the network follows at once (the activator is in the path as soon as it is
    asked for, its probe succeeds), and a reconcile happens when `reconcile` is called, so at each tick and
    whenever the caller wants one, not when Go's work queue gets to it.
    """

    __slots__ = ("activity", "config", "initialized", "proxied_since", "reachable", "replicas", "since")

    def __init__(self, config: KpaConfig, now: float, replicas: int | None = None, reachable: bool = True) -> None:
        self.config = config
        self.reachable = reachable
        self.replicas = config.initial_scale if replicas is None else replicas
        """spec.replicas of the Deployment: what exists or is being started."""
        self.activity = Activity.CREATED
        self.since = now
        """When `activity` became what it is."""
        self.initialized = False
        """True once the initial scale was ready; from then on it is ignored."""
        self.proxied_since: float | None = now
        """Since when the activator is in the path; None while it is not."""

    def reconcile(
        self, now: float, desired: int, excess_burst_capacity: int, ready: int, min_scale: int | None = None
    ) -> int:
        """Carry out `desired` (or UNKNOWN) and return the Deployment's replicas.

        `min_scale` stands for an annotation that changes while the service runs: our floor. None means that
        of the configuration.
        """
        floor = self.config.min_scale if min_scale is None else min_scale
        if not self.reachable:
            floor = 0
        want = self._want(now, desired, floor)
        if want > 0 and excess_burst_capacity >= 0 and ready > 0:
            self.proxied_since = None
        elif self.proxied_since is None:
            self.proxied_since = now
        activity = self._activity(want, ready, floor)
        if activity is not self.activity:
            self.activity = activity
            self.since = now
        return self.replicas

    def _want(self, now: float, desired: int, floor: int) -> int:
        """The count wanted, put into `replicas` unless it has to wait: scaler.scale."""
        config = self.config
        if desired < 0 and self.activity not in (Activity.CREATED, Activity.ACTIVATING):
            return desired
        if not self.initialized and config.initial_scale > floor and config.initial_scale > 1 and self.reachable:
            floor = config.initial_scale
        # The minimum is looked at first: it wins over a smaller maximum.
        want = desired
        if want < floor:
            want = floor
        elif want > config.max_scale and config.max_scale != 0:
            want = config.max_scale
        if want != 0:
            self.replicas = want
            return want
        want, apply = self._to_zero(now)
        if apply:
            self.replicas = want
        return want

    def _to_zero(self, now: float) -> tuple[int, bool]:
        """Nothing is wanted, but may the last replica go? (count, whether to apply it): handleScaleToZero."""
        config = self.config
        lasted = now - self.since
        if not config.enable_scale_to_zero:
            return 1, True
        if self.activity in (Activity.CREATED, Activity.ACTIVATING):
            failed = lasted > config.progress_deadline_seconds + ACTIVATION_BUFFER_SECONDS
            return (0, True) if failed else (UNKNOWN, False)
        if self.activity is Activity.ACTIVE:
            # First it is marked inactive, which brings the activator into the path; then the replica goes.
            return (0, False) if lasted >= config.stable_window_seconds else (1, True)
        # Upstream's shortcut, inactive for the longer of the two, is within this: while idle we are proxied.
        retention = config.pod_retention_seconds if self.reachable else 0.0
        proxied = 0.0 if self.proxied_since is None else now - self.proxied_since
        return 0, lasted >= retention and proxied >= config.grace_period_seconds

    def _activity(self, want: int, ready: int, floor: int) -> Activity:
        """The condition Active after this reconcile: computeActiveCondition."""
        threshold = 1 if self.initialized else self.config.initial_scale
        if floor > threshold:
            threshold = floor
        enough = ready >= threshold
        if enough:
            self.initialized = True
        before = self.activity
        if want > 0 and threshold > 0:
            return Activity.ACTIVE if enough else Activity.ACTIVATING
        if want == 0 or threshold == 0:
            failed = before in (Activity.CREATED, Activity.ACTIVATING) and threshold > 0
            return Activity.FAILED if failed else Activity.IDLE
        if before in INACTIVE:
            return before if enough else Activity.IDLE
        return Activity.ACTIVE if enough else Activity.ACTIVATING


class Kpa:
    """The whole loop for one service: `tick` every two seconds gives the replicas of its Deployment."""

    __slots__ = ("decider", "scaler")

    def __init__(
        self,
        config: KpaConfig,
        now: float,
        ready: int = 0,
        replicas: int | None = None,
        reachable: bool = True,
    ) -> None:
        self.decider = Decider(config, now, ready, reachable)
        self.scaler = DeploymentScaler(config, now, replicas, reachable)

    def tick(self, now: float, stable: float | None, panic: float, ready: int, min_scale: int | None = None) -> int:
        """One tick: averages and ready replicas in, replicas of the Deployment out.

        The averages come from `Averages.at`, or from arrays made by `linear_averages`. `stable` None means
        no data: no opinion, the desired count stays.
        """
        decider = self.decider
        if stable is not None:
            decider.scale(now, stable, panic, ready)
        return self.scaler.reconcile(now, decider.desired, decider.excess_burst_capacity, ready, min_scale)

    def update(self, config: KpaConfig, reachable: bool = True) -> None:
        """Follow changed annotations (except the scale-down delay, which Knative reads once)."""
        self.decider.update(config, reachable)
        self.scaler.config = config
        self.scaler.reachable = reachable


def averages_of(config: KpaConfig) -> Averages:
    """The windows that this configuration asks for."""
    return Averages(config.stable_window_seconds, config.panic_window_seconds, config.weighted)
