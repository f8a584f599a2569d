"""`python -m benchmarks.savings [made-up|traces]`: what would have been (ahpa/core/courses.py) beside the exact world.

Each service is played twice in the exact simulation, two days long: with our floors and with its scaler alone; beside
each the courses are counted, minute by minute, from nothing but the demand, the replicas and the floors. What they say of
the other course, and of a constant floor, is held against that course played exactly. Floors follow yesterday's peak: how
good forecasts are is not the question. Made-up services of 20 and 60 replicas, traces of 30; KPA and HPA; starts of 60,
180 and 600 s. A line for each estimate that lies outside its interval, then how many did not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ahpa.backtest import alternatives
from ahpa.backtest.chosen import chooser, served_by
from ahpa.backtest.foresight import foresee, windows_of
from ahpa.backtest.ours import Ahpa
from ahpa.backtest.trial import Setting, Span, Trial
from ahpa.core.controller import step
from ahpa.core.courses import Came, Courses
from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.readiness import Lag, Readiness
from ahpa.core.savings import Course, Estimate, Saving
from ahpa.simulation.outcome import Run
from ahpa.simulation.stream import SimulatedService
from benchmarks.backtest import TRACES_DIR
from benchmarks.results import KPA, TRACES, panel_of
from forecasting.fleet.synthetic import services
from forecasting.panel import Array, Floats, Panel
from tests.backtest.examples import Spread
