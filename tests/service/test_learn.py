"""What a refit learns, when one is wished for, and what an outage leaves of it."""

from __future__ import annotations

import itertools

import pytest

from ahpa.core.decision import Reason
from ahpa.service.learn import Learned, windows_up_to
from tests.service.stage import NOW, add_knative, morning, stage


def test_a_new_target_asks_for_a_refit_but_not_too_often() -> None:
    at = stage()
    at.tick(NOW + 30)
    assert not at.service.take_refit_wish()
    add_knative(at.kube, "other", mode="apply")
    at.tick(NOW + 60)
    assert at.service.take_refit_wish(), "the first annotation is answered within a minute"
    at.service.refit(NOW + 61)
    assert at.tick(NOW + 120)["knative/shop/other"].plan is not None
    assert not at.service.take_refit_wish()
    at.prometheus.demands["third"] = morning
    add_knative(at.kube, "third", mode="apply")
    at.tick(NOW + 300)
    assert not at.service.take_refit_wish()
    at.tick(NOW + 360)
    assert at.service.take_refit_wish()


def test_a_refit_in_an_outage_keeps_what_was_learned() -> None:
    """At 08:55 the history cannot be read; the rise of 09:05 was learned before and is still to come."""
    at = stage()
    at.prometheus.down = True
    at.service.refit(NOW + 30)
    decision = at.tick(NOW + 60)["knative/shop/chat"]
    assert decision.plan is not None
    assert decision.floor >= 4


def test_a_query_that_never_answers_does_not_make_the_fleet_learn_anew_again_and_again() -> None:
    at = stage()
    add_knative(at.kube, "mute", mode="apply")
    at.tick(NOW + 400)
    assert not at.service.take_refit_wish()
    at.prometheus.demands["mute"] = morning
    at.tick(NOW + 460)
    assert at.service.take_refit_wish()


@pytest.mark.parametrize(("seconds", "step"), [(30, 60), (60, 60), (361, 60), (3600, 60), (4000, 300)])
def test_windows_reach_as_far_as_they_must_and_no_window_is_left_out_by_much(seconds: float, step: float) -> None:
    windows = windows_up_to(seconds, step)
    assert windows[0] == step
    assert windows[-1] >= seconds
    assert all(a < b <= max(1.25 * a + step, a + step) for a, b in itertools.pairwise(windows))


def test_a_refit_is_taken_whole_by_the_next_tick() -> None:
    """A refit that ends while a tick runs changes nothing in that tick."""
    at = stage()
    at.tick()
    add_knative(at.kube, "other", mode="apply")
    at.prometheus.meanwhile = lambda: at.service.refit(NOW + 60)
    assert at.tick(NOW + 60)["knative/shop/other"].reason is Reason.NO_FORECAST
    assert at.tick(NOW + 120)["knative/shop/other"].plan is not None


def test_what_was_read_is_kept_beside_what_was_learned_from_it() -> None:
    at = stage("chat", "other")
    listing = at.observer.list()
    done = at.learner.refit(listing, Learned(), NOW)
    assert done.learned is not None
    assert done.learned.history is not None
    assert done.learned.known == set(done.learned.history.keys) == set(listing.queries)
    assert sorted(listing.keys[series] for series in done.learned.known) == ["knative/shop/chat", "knative/shop/other"]
    assert done.learned.history.end == NOW
    assert done.learned.fitted_at == NOW
