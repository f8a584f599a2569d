"""Writes the pages of docs/ that are tables of the code: `python docs/generate.py`; a test says when they are old."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from textwrap import fill
from typing import Any

from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.prometheus.queries import Query, load_queries
from ahpa.adapters.telemetry.courses import BY, COUNTERS
from ahpa.adapters.telemetry.fleet import GAUGES
from ahpa.adapters.telemetry.metrics import Metrics
from ahpa.core.policy.parameters import PARAMETERS, Parameter
from ahpa.core.policy.rules import AHPA_MODES
from ahpa.core.policy.values import AHPA_STRATEGY, PREFIX, STATE, TARGET_STATE, Policy
from ahpa.core.units import UNITS

DOCS = Path(__file__).parent
NOTE = "<!-- Written by docs/generate.py; change the code instead. -->"


def annotations_page() -> str:
    """docs/annotations.md, from the table that the parser and the command line use too."""
    defaults = {each.name: getattr(Policy(), each.name) for each in fields(Policy)}
    rows = (
        (f"`{PREFIX}{p.name}`", p.accepts, _default(p, defaults[p.field]), f'`"{p.example}"`', p.help)
        for p in PARAMETERS
    )
    queries = fill(", ".join(f"`{name}`" for name in load_queries()), 120, break_on_hyphens=False)
    units = "\n".join(f"- `{unit.name}`: {unit.words}" for unit in UNITS.values())
    strategies = ", ".join(f"`{said}` {mode}" for said, (mode, _) in AHPA_MODES.items())
    kinds = ((f"`{k.name}`", k.title, k.demand, k.capacity) for k in KINDS.values())
    return f"""{NOTE}
# Annotations

They go on the metadata of the object that is scaled: the Knative Service, the HorizontalPodAutoscaler, the
ScaledObject, the InferenceService; never on a pod template, where each change would replace all pods. Values are
strings, so numbers need quotes.

{_table(("annotation", "accepts", "without it", "example", "what it does"), rows)}

- An object without `{PREFIX}mode` is left alone (but see `{AHPA_STRATEGY}` below).
- All mistakes on an object are reported together, as one Event with reason `InvalidPolicy`, and nothing is written
  to it until they are gone (but for a raised target, which is put back). A key that is not in the table is a warning
  Event with the nearest name.
- `late-target`, `quantile` and `replica-cost` with `late-cost` are three ways to say the same thing; give one.
- Durations are written like `90s`, `5m`, `1h30m`; shares like `0.1%` or `0.001`.
- `{STATE}` and `{TARGET_STATE}` are ours: they keep what you had set before us, so that it can be put back. Leave them
  alone.
- `{AHPA_STRATEGY}` of Alibaba's AHPA is understood where there is no `{PREFIX}mode`:
  {strategies}.
  `ahpa migrate` rewrites whole objects of AHPA and its like ([moving over](migrating.md)).
- `windows`, `events`, `time-zone` and `holidays` with examples: [windows-and-events.md](windows-and-events.md).
- What is accepted but not acted on yet is said in [limits.md](limits.md).

## Queries for `{PREFIX}demand`

Operators add their own (config/base/queries.yaml). Built in are these; [presets.md](presets.md) says what each counts,
what it needs and what it does not see:

{queries}.

Each says what it counts, with one of these units:

{units}

A demand and a target fit if they count the same (requests per minute and per second do). Requests per second and
requests in flight are converted by `{PREFIX}service-time`, if it is set. Everything else is refused (`NoCapacity`), and
the sentence names both units and what to set. A query in the short form `name: promql` says no unit, and some HPA
metrics have names that tell none: then the one is taken to count what the other counts, and every sentence says so.

`late` beside `promql` is a query for the share of the requests of a step that was late, 0 to 1, in whatever way you
measure that: the share above a bucket of your latency histogram, or of the time in a queue, as `vllm-concurrency` has
it (more than a second; `late-after` does not change a query). What a setting is held to is then what you measured;
without it, it is worked out from demand and ready replicas. It is shown as `ahpa_late_ratio`. `ahpa_setting_late_ratio`
is what the chosen setting, and no floor, would have had lately, corrected by how far that was from what was measured.

    slow-api:
      unit: requests-in-flight
      promql: sum(avg_over_time(in_flight{{namespace="{{{{namespace}}}}",service="{{{{name}}}}"}}[{{{{step}}}}]))
      late: >-
        1 - sum(rate(latency_bucket{{namespace="{{{{namespace}}}}",service="{{{{name}}}}",le="5"}}[{{{{step}}}}]))
        / sum(rate(latency_count{{namespace="{{{{namespace}}}}",service="{{{{name}}}}"}}[{{{{step}}}}]))

`note` is for people. Each selector of a query needs the label that is the target's namespace, as
`namespace="{{{{namespace}}}}"`, or a path with it, as `envoy_cluster_name=~"httproute/{{{{namespace}}}}/.*"`;
subqueries, `@`, negative offsets and a regular expression for the metric's name are refused when the list is loaded.

## Kinds of objects

What is measured, and what one replica serves of it, follow from the object, unless `{PREFIX}demand` and
`{PREFIX}target-per-replica` say otherwise; the first Event on it says what was found. An entry of the list says by
`for` what it measures: `resource/cpu`, `pods/http_requests_per_second`, `external/queue_length`, `knative/rps`, ...

{_table(("kind", "object", "`demand: auto`", "what one replica serves"), kinds)}
"""


def presets_page() -> str:
    """docs/presets.md, from the list of queries that ships."""
    queries = load_queries()
    rows = (
        (
            f"`{name}`",
            query.unit.words if query.unit else "",
            ", ".join(f"`{it}`" for it in sorted(query.answers)),
            query.note,
        )
        for name, query in queries.items()
    )
    return f"""{NOTE}
# Presets

What ahpa can measure without a query of yours. Name one in `{PREFIX}demand`; or name none, and an object that is
scaled by what stands under "for" is measured so. An entry of your own list (`--queries`) with the same name or the same
`for` counts instead.

{_table(("preset", "counts", "for", "to know"), rows)}

All of them need Prometheus to scrape at least twice in a step (60 s), and say nothing of a minute in which it did not:
a gap is held, and is no zero. `pod` and `namespace` are the labels that the Prometheus operator's PodMonitors and
ServiceMonitors add; another way to scrape must add them too.

## Their PromQL

Filled in are the object's `{{{{namespace}}}}` and `{{{{name}}}}`, the `{{{{step}}}}`, what the names of its
`{{{{pods}}}}` look like, and what a metric of it says besides: `{{{{container}}}}`, the `{{{{object}}}}` that it
describes, `{{{{topic}}}}`, `{{{{group}}}}`.

{"".join(_folded(query) for query in queries.values())}"""


def _folded(query: Query) -> str:
    parts = [query.template, *([f"# late\n{query.late}"] if query.late else [])]
    text = "\n\n".join("\n".join(_wrapped(line) for line in part.splitlines()) for part in parts)
    return f"<details><summary>{query.name}</summary>\n\n```promql\n{text}\n```\n\n</details>\n"


def _wrapped(promql: str) -> str:
    return fill(promql, 118, break_long_words=False, break_on_hyphens=False)


def metrics_page() -> str:
    """docs/metrics.md, from the registry that /metrics serves."""
    registry = Metrics().registry
    # prometheus_client tells the names of a metric's labels nowhere else while it has no samples.
    labels = {name: getattr(each, "_labelnames", ()) for name, each in registry._names_to_collectors.items()}
    labels |= {name: names for name, (_, names) in GAUGES.items()}
    labels |= dict.fromkeys(COUNTERS, BY)
    rows = (
        (f"`{_exposed(family)}`", family.type, ", ".join(_labels(labels, family)) or "none", family.documentation)
        for family in sorted(registry.collect(), key=lambda family: family.name)
    )
    return f"""{NOTE}
# Metrics

`ahpa serve` offers them on port 8080 at `/metrics`. kind, namespace and name are those of the annotated object.
Values of a target that is gone are gone at the next tick. Alerts on them: [alerts.md](alerts.md).

{_table(("metric", "type", "labels", "what it is"), rows)}
"""


def _exposed(family: Any) -> str:
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


def _labels(by_name: dict[str, Any], family: Any) -> tuple[str, ...]:
    own = getattr(family, "_labelnames", ())  # of a collector that makes its families itself
    return tuple(by_name.get(family.name) or by_name.get(_exposed(family)) or own)


def _default(parameter: Parameter, value: object) -> str:
    """As an owner would write it; seconds are durations."""
    if value is None:
        return parameter.otherwise
    if isinstance(value, float) and "duration" in parameter.accepts:
        return f"`{value:g}s`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def decisions_page() -> str:
    """docs/decisions/README.md, from the headings of the decisions."""
    pages = sorted((DOCS / "decisions").glob("0*.md"))
    headings = (page.read_text(encoding="utf-8").splitlines()[0].lstrip("# ") for page in pages)
    rows = (
        (f"[{page.name[:4]}]({page.name})", re.sub(r"^\d+[.:] ", "", heading))
        for page, heading in zip(pages, headings, strict=True)
    )
    return f"""{NOTE}
# Decisions

One page for each decision that cost something, numbered once and for all; a decision that no longer holds is not
deleted but says which one replaced it. Form: what we face, what we do, what it costs.

{_table(("number", "what was decided"), rows)}
"""


PAGES = {
    "annotations.md": annotations_page,
    "decisions/README.md": decisions_page,
    "metrics.md": metrics_page,
    "presets.md": presets_page,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(f"wrote docs/{name}")
