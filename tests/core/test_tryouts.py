"""Claims about the coarse world in which all settings of a fleet are tried minute by minute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from ahpa.backtest import alternatives
from ahpa.backtest.scaling import ByKpa, Scaling
from ahpa.backtest.trial import Setting as World
from ahpa.core.experience import Experience
from ahpa.core.readiness import Lag, Readiness
from ahpa.core.served import KPA as KNATIVES
from ahpa.core.served import Reaction, Served, largest_lately, wishes
from ahpa.core.setting import CHOICE_LEVELS, Rule, Setting
from ahpa.core.tryouts import RULES, SETTINGS, Minute, Tryouts
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.outcome import Outcome
from ahpa.simulation.stream import SimulatedService
from forecasting.levels import LEVELS
from forecasting.panel import Array, Floats, Panel
from tests.core.conftest import candidates

DAY = 1440
FIRST_CONSTANT = RULES


KPA = ByKpa(KpaConfig(target_value=2.8, total_value=4.0))


def served(lag_seconds: float = 180.0, services: int = 1, reaction: Reaction = KNATIVES) -> Served:
    """4 slots, filled to 70 %, requests of 2 s that may wait 1 s."""
    n = services
    known = [2.8] * n, [4.0] * n, [0] * n, [np.inf] * n, [0.25] * n, [lag_seconds] * n, [2.0] * n, [1.0] * n
    return Served.of(*known, reactions=[reaction] * n)


def begun(services: int = 1, needed: float = 1.0, largest: float = 20.0) -> Tryouts:
    keys = tuple(f"s{i}" for i in range(services))
    return Tryouts.fresh(keys, np.full(services, needed), np.full(services, largest))


def flat(value: float, services: int = 1) -> Array:
    """Every rule wants so many."""
    return np.full((services, RULES), value, np.float32)


def walked(tryouts: Tryouts, world: Served, demand: Floats, wanted: float = 0.0) -> Tryouts:
    for load in demand:
        tryouts = tryouts.seen(world, Minute.untold(flat(wanted), flat(wanted), np.array([load], np.float32)))
    return tryouts


def bursty(minutes: int, seed: int = 3) -> Floats:
    """Around 15 in flight with a burst to 60 for ten minutes every hour or so."""
    rng = np.random.default_rng(seed)
    out = np.full(minutes, 15.0)
    for at in rng.integers(90, minutes - 20, minutes // 72):
        out[at : at + 10] = 60.0
    return np.asarray(out * np.exp(rng.normal(0, 0.1, minutes)))


def in_both_worlds(scaling: Scaling) -> tuple[Array, Array, list[Outcome]]:
    """Constant floors under a bursty day above this scaler: (late, cost) of the coarse world, and of the exact one."""
    demand = bursty(DAY)
    tried = walked(begun(needed=6.0, largest=24.0), served(reaction=scaling.reaction), demand)
    late, cost = (values[0, FIRST_CONSTANT:] for values in tried.shares())
    world = World(SimulatedService(readiness=Readiness.single(Lag.of(180, 270))), scaling)
    scenario = world.scenario(Panel.of(0.0, 60.0, demand), 0.0, 60.0 * DAY)
    return late, cost, [alternatives.static(scenario, floor).outcome for floor in tried.constants[0].tolist()]


def test_constant_floors_are_ranked_as_the_exact_world_ranks_them() -> None:
    """By lateness, and by cost where less than a tenth is late; with none it is the same."""
    late, cost, exact = in_both_worlds(KPA)
    assert spearmanr(late, [one.late_ratio for one in exact]).statistic > 0.9
    assert spearmanr(cost[5:], [one.replica_hours for one in exact[5:]]).statistic > 0.95
    assert cost[-2:] == pytest.approx([one.replica_hours / 24 for one in exact[-2:]], rel=0.1)
    assert late[0] > 20 * late[-1]


def test_a_replica_serves_a_lag_after_it_was_asked_for() -> None:
    """Nobody scales but the plan; it asks for 9 from the third minute on."""
    tryouts, ready = begun(), []
    for at in range(8):
        plan = flat(9.0 if at >= 2 else 0.0)
        tryouts = tryouts.seen(served(), Minute.untold(plan, plan, np.array([2.0], np.float32)))
        ready.append(int(tryouts.world.ready[0, 0]))
    assert ready == [1, 1, 1, 1, 1, 5, 9, 9]  # four more at once, then double: the limit of a raise


def test_a_withdrawn_start_begins_anew_and_one_that_is_kept_does_not() -> None:
    """A plan that wants 5 every other minute; what it would let go is kept while it is likely to be needed."""
    most = {}
    for name, kept in (("dropped", 0.0), ("kept", 5.0)):
        tryouts, ready = begun(), []
        for at in range(60):
            plan = flat(5.0 if at % 2 == 0 else 0.0)
            minute = Minute.untold(plan, np.maximum(plan, flat(kept)), np.array([2.0], np.float32))
            tryouts = tryouts.seen(served(), minute)
            ready.append(float(tryouts.world.ready[0, 0]))
        most[name] = max(ready)
    assert most["kept"] == 5.0
    assert most["dropped"] < 5.0


def test_services_do_not_know_of_each_other() -> None:
    """Two with different lags, together and each alone."""
    demand = np.stack([bursty(300, 1), bursty(300, 2)])
    both = replace(served(services=2), lag=np.array([1, 4]))
    together = begun(2)
    for at in range(300):
        together = together.seen(both, Minute.untold(flat(6.0, 2), flat(6.0, 2), demand[:, at].astype(np.float32)))
    for row, lag in enumerate((60.0, 240.0)):
        alone = walked(begun(), served(lag), demand[row], 6.0)
        np.testing.assert_allclose(together.shares()[0][row], alone.shares()[0][0], rtol=1e-4)


def test_who_waits_is_late_until_the_queue_has_gone() -> None:
    """A minute of four times what is there leaves a queue: the minute after is late too, though it has room."""
    tryouts = walked(begun(needed=4.0), served(600.0), np.full(90, 10.0), 4.0)
    late = []
    for load in (10.0, 40.0, 10.0):
        after = walked(tryouts, served(600.0), np.array([load]), 4.0)
        late.append((float(after.late[0, 0]) - float(tryouts.late[0, 0])) / load)
        tryouts = after
    assert late[0] < 0.01
    assert late[1:] == pytest.approx([1.0, 1.0], abs=0.01)


def test_a_minute_that_was_not_observed_teaches_nothing() -> None:
    before = walked(begun(), served(), bursty(200))
    after = walked(before, served(), np.array([np.nan]), 50.0)
    for name in ("late", "cost", "demand", "minutes"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    for name in ("floor", "ready", "asked", "backlog"):
        np.testing.assert_array_equal(getattr(before.world, name), getattr(after.world, name))


def test_the_owners_bounds_hold_in_tryouts_too() -> None:
    world = replace(served(), least=np.full(1, 3, np.float32), most=np.full(1, 6, np.float32))
    tryouts = walked(begun(), world, np.full(100, 60.0), 50.0)
    assert float(tryouts.world.present.max()) == 6.0
    idle = walked(begun(), world, np.zeros(100))
    assert float(idle.world.present.min()) == 3.0


def test_what_the_rules_want_is_what_the_planner_wants() -> None:
    """16 in flight at every level: 6 at 2.8 each; (16 + 4) slots are 5 replicas of 4."""
    wanted, kept = wishes(np.array(LEVELS), np.full((1, len(LEVELS)), 16.0, np.float32), served())
    assert wanted.tolist() == kept.tolist() == [[6.0] * len(CHOICE_LEVELS) + [5.0] * len(CHOICE_LEVELS)]
    nothing, _ = wishes(np.array(LEVELS), np.full((1, len(LEVELS)), np.nan, np.float32), served())
    assert not nothing.any()


def test_nothing_is_chosen_before_a_day_is_on_record() -> None:
    world, target = served(), np.array([0.001])
    tryouts = walked(begun(), world, bursty(DAY - 1))
    assert tryouts.choose(world, target, {}) == {}
    assert set(walked(tryouts, world, np.array([15.0])).choose(world, target, {})) == {"s0"}


def test_a_steady_service_is_left_alone_and_a_bursty_one_gets_a_floor() -> None:
    """15 in flight, always: the scaler alone does it. Bursts that no rule foresees: a constant floor is what helps."""
    world, target = served(), np.array([0.001])
    steady = walked(begun(needed=6.0), world, np.full(DAY, 15.0)).choose(world, target, {})["s0"]
    assert steady == Setting(Rule.CONSTANT, 0.99, 0)
    helped = walked(begun(needed=6.0, largest=24.0), world, bursty(DAY)).choose(world, target, {})["s0"]
    assert helped.rule is Rule.CONSTANT
    assert helped.replicas >= 16


def test_a_service_that_scales_to_zero_is_not_left_cold() -> None:
    """Half a request in flight for two minutes of every twenty: without a floor each of them meets a cold start. "No
    floor" was chosen, as if a replica were always there, and 99 % were late."""
    demand = np.where(np.arange(DAY) % 20 < 2, 0.5, 0.0)
    tried = walked(begun(largest=1.0), served(), demand, 1.0)
    late = tried.shares()[0][0]
    assert late[FIRST_CONSTANT] > 0.9
    assert late[0] == pytest.approx(0.0, abs=1e-3)
    chosen = tried.choose(served(), np.array([0.001]), {})["s0"]
    assert str(chosen) != "no floor"


@pytest.mark.parametrize("huge", [1e30, 1e300, np.inf])
def test_a_demand_that_nobody_can_serve_harms_no_neighbour(huge: float) -> None:
    """A tenant's demand of 1e30 over a target of 1e-9: not a number, and the choice for everybody ended."""
    tryouts = begun(2).of(("s0", "s1"), np.array([huge, 6.0]), np.array([huge, 20.0]))
    both = served(services=2)
    for load in bursty(DAY):
        came = np.array([min(huge, 1e30), load], np.float32)
        tryouts = tryouts.seen(both, Minute.untold(flat(1e6, 2), flat(1e6, 2), came))
    chosen = tryouts.choose(both, np.full(2, 0.001), {})
    assert set(chosen) == {"s0", "s1"}
    assert all(np.isfinite(getattr(tryouts, name)).all() for name in ("constants", "late", "cost"))
    assert np.isfinite(tryouts.world.floor).all()


def test_the_setting_in_force_stays_unless_another_is_clearly_better() -> None:
    world, target = served(), np.array([0.001])
    tryouts = walked(begun(needed=6.0), world, np.full(DAY, 15.0))
    fill = Setting.fill(0.9)
    assert tryouts.choose(world, target, {"s0": fill})["s0"] == fill, "as good: nothing wants more than the scaler"
    dear = candidates(tryouts.constants[0])[-1]
    assert tryouts.choose(world, target, {"s0": dear})["s0"] != dear


def test_slots_that_nobody_knows_are_not_planned_by() -> None:
    """An HPA's target says how full replicas are to be, and not what they hold."""
    world, target = replace(served(), countable=np.zeros(1, bool)), np.array([0.001])
    chosen = walked(begun(), world, bursty(DAY), 4.0).choose(world, target, {"s0": Setting(Rule.SLOTS, 0.99)})
    assert chosen["s0"].rule is not Rule.SLOTS


def test_those_that_come_and_go_leave_the_others_as_they_are() -> None:
    one = walked(begun(), served(), bursty(300))
    more = one.of(("new", "s0"), np.ones(2), np.full(2, 20.0))
    assert more.minutes.tolist() == [0, 300]
    both = served(services=2)
    demand = bursty(300, 5)[:100]
    for load in demand:
        more = more.seen(both, Minute.untold(flat(0.0, 2), flat(0.0, 2), np.full(2, load, np.float32)))
    alone = walked(one, served(), demand)
    np.testing.assert_allclose(more.late[1], alone.late[0], rtol=1e-5)
    assert more.of(("s0",), np.ones(1), np.full(1, 20.0)).minutes.tolist() == [400]


def test_where_the_largest_demand_has_doubled_the_constant_floors_begin_anew() -> None:
    """What is then 20 replicas was 10 before: its record is another's, and it counts as no better than no floor."""
    one = walked(begun(largest=20.0), served(), bursty(300))
    grown = one.of(one.keys, np.ones(1), np.full(1, 40.0))
    assert grown.constants[0, -1] == 52
    assert len(set(grown.late[0, FIRST_CONSTANT:].tolist())) == 1
    np.testing.assert_array_equal(grown.late[0, :FIRST_CONSTANT], one.late[0, :FIRST_CONSTANT])
    same = one.of(one.keys, np.ones(1), np.full(1, 25.0))
    np.testing.assert_array_equal(same.late, one.late)


def test_the_largest_demand_is_no_slip_of_one_minute() -> None:
    demand = np.full((2, 3 * DAY), 10.0)
    demand[0, 77] = 1e6
    demand[1] = np.nan
    assert largest_lately(Panel.of(0.0, 60.0, demand, ("a", "b"))).tolist() == [10.0, 0.0]


def test_a_tryout_is_as_wide_as_what_is_offered() -> None:
    assert begun().late.shape == (1, SETTINGS) == (1, len(candidates(begun().constants[0])))


def test_a_constant_that_was_chosen_is_found_again_where_it_was_judged() -> None:
    """Of two replicas the ladder has some notches twice; found at another notch, a setting that was hardly better
    replaced it."""
    tried = walked(begun(needed=2.0, largest=2.0), served(), np.full(DAY, 5.0))
    assert len(set(tried.constants[0].tolist())) < len(tried.constants[0])
    for replicas in (1, 2):
        (column,) = tried.columns({"s0": Setting(Rule.CONSTANT, 0.99, replicas)}).tolist()
        *_, said = tried.judged(served(), np.array([0.001]))
        same = RULES + np.flatnonzero(tried.constants[0] == replicas)
        assert said[0, column] == said[0, same].min()


def test_no_share_is_more_than_all() -> None:
    """However far the coarse world was from the truth."""
    tried = walked(begun(), served(), bursty(DAY))
    wrong = Experience(*(np.array([value], np.float32) for value in (0, 500, 1, 1000)))
    record = replace(tried, experience=wrong).choose(served(), np.array([0.001]), {})["s0"].record
    assert record is not None
    assert max(record.late, record.alone_late) <= 1
