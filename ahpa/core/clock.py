"""How far our clock is from a server's: by the `Date` that its answers carry (RFC 9110, 6.6.1)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime


def ahead_by(date: str | None, now: float) -> float:
    """Seconds that `now`, at which an answer came, is ahead of its date; negative: behind. 0 for no date that can be
    read: then nothing is known. A date has whole seconds and was written before the answer travelled, so a second or
    two is nothing."""
    try:
        return now - parsedate_to_datetime(str(date)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
