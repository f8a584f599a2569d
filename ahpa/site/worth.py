"""What ahpa was worth, and what another wish would have been: as views."""

from __future__ import annotations

from collections.abc import Iterator

from ahpa.core.savings import Account, Course, Estimate, Saving
from ahpa.site.views import Annotation, CourseLine, Figure, Saved, Savings, WayLine, WhatIfView
from ahpa.site.what_if import Answer, Pending, Refused

IDLE = WhatIfView("idle", "", None, None, (), ())
"""Nobody asked."""


def savings_of(saving: Saving) -> Savings:
    """Of one service, or of a fleet."""
    accounts = tuple(_accounts(saving))
    return Savings(saving.since, saving.services, saving.unobserved_hours, accounts)


def _accounts(saving: Saving) -> Iterator[Saved]:
    for acted, account in ((True, saving.acted), (False, saving.watched)):
        if account.hours > 0:
            courses = {
                "as it was": account.actual,
                "its own scaler alone": account.reactive,
                "with the floors that were thought of": account.advised,
                "a constant floor as rarely late": account.fixed,
            }
            if acted:  # there what was decided is what was
                del courses["with the floors that were thought of"]
            else:  # and here what was is its own scaler alone
                del courses["its own scaler alone"]
            lines = tuple(_line(name, course, account, saving.counted) for name, course in courses.items())
            yield Saved(acted, account.hours, lines)


def _line(name: str, course: Course, account: Account, counted: bool) -> CourseLine:
    late = course.late_requests
    share = None if not counted or account.requests <= 0 else Figure(*(
        min(1.0, value / account.requests) for value in (late.value, late.low, late.high)
    ))  # fmt: skip
    return CourseLine(name, _figure(course.replica_hours), share)


def _figure(estimate: Estimate) -> Figure:
    return Figure(estimate.value, estimate.low, estimate.high)


def what_if_of(answer: Answer | None) -> WhatIfView:
    """None: nobody asked."""
    if answer is None:
        return IDLE
    if isinstance(answer, Refused):
        return WhatIfView("refused", answer.why, None, None, (), ())
    if isinstance(answer, Pending):
        before = f"after {answer.ahead} other{'s' if answer.ahead > 1 else ''}" if answer.ahead else "now"
        return WhatIfView("pending", f"it is worked out {before}; that takes a minute or more", None, None, (), ())
    ways = tuple(
        WayLine(way.name, way.setting, way.replica_hours, way.late_ratio, way.chosen,
                tuple(Annotation(key, value) for key, value in way.annotations))
        for way in answer.ways
    )  # fmt: skip
    return WhatIfView("played", "", answer.at, answer.days, ways, answer.notes)
