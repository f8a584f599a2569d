"""The service's own page: each target's floor, what is expected and why. No script, nothing to load, all escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from ahpa import __version__
from ahpa.core.decision import Decision
from ahpa.core.observation import Workload
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.readiness import Readiness
from ahpa.core.words import moment, printable, quantity, seconds
from ahpa.render.style import SHEET

_HEAD = ("service", "mode", "floor", "baseline", "ready", "expected peak", "within", "lag", "model", "reason", "why")
_REFRESH_SECONDS = 15


def page(rows: Iterable[tuple[Workload, Decision]], now: float) -> str:
    """The last round as one table; `now` is when it was decided."""
    body = "".join(_row(workload, decision) for workload, decision in rows)
    head = "".join(f'<th class="{_kind(name)}">{name}</th>' for name in _HEAD)
    table = (
        f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>' if body else "<p>Nobody asked for us yet.</p>"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}"><title>ahpa</title><style>{SHEET}</style></head>'
        f'<body><h1>ahpa {escape(__version__)}</h1><p class="lead">What each service has, expects and gets</p>'
        f'<p class="quiet">Decided {escape(moment(now))}. Metrics are at <a href="/metrics">/metrics</a>.</p>'
        f"{table}</body></html>\n"
    )


def _kind(name: str) -> str:
    return "text" if name in ("mode", "model", "reason", "why") else ""


def _lag(readiness: Readiness) -> str:
    """`3 min (30 starts)`; `warm 45 s (12 starts), new 5 min (assumed)` where replicas land in tiers."""
    said = []
    for tier, (_, lead) in zip(readiness.tiers, readiness.leads(LAG_LEVEL), strict=True):
        count = tier.lag.samples
        behind = f"{count} start{'s' if count > 1 else ''}" if count else "assumed"
        said.append(f"{'' if tier.name == 'any' else f'{tier.name} '}{seconds(lead)} ({behind})")
    return ", ".join(said)


def _row(workload: Workload, decision: Decision) -> str:
    change = f"{decision.previous} → {decision.floor}" if decision.change else str(decision.floor)
    made = decision.plan
    cells = (
        workload.key,
        "apply" if decision.apply else workload.policy.policy.mode,
        change,
        str(decision.baseline),
        str(workload.ready),
        f"{quantity(made.peak)} {workload.unit or ''}".rstrip() + f" (p{100 * made.level:.4g})" if made else "–",
        seconds(made.window_seconds) if made else "–",
        _lag(workload.readiness),
        decision.model or "–",
        str(decision.reason),
        decision.message,
    )
    parts = zip(_HEAD, cells, strict=True)
    return (
        "<tr>"
        + "".join(f'<td class="{_kind(name)}">{escape(printable(cell, 400))}</td>' for name, cell in parts)
        + "</tr>"
    )
