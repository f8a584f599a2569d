"""From annotations to a policy: read, checked, all problems reported together; and what follows from several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ahpa.core.known.reading import LONGEST
from ahpa.core.policy.hints import nearest
from ahpa.core.policy.parameters import BY_NAME, Unreadable
from ahpa.core.policy.values import AHPA_STRATEGY, PREFIX, STATE, TARGET_STATE, Parsed, Policy

_MOST_UNKNOWN = 8
"""Of keys that are no parameters so many are named: an object may carry ten thousand, and a hint takes a tenth of a
millisecond."""
AHPA_MODES = {
    "observer": ("observe", ""),
    "auto": ("apply", ""),
    "proactive": ("apply", "the reactive autoscaler stays in charge above the floor"),
    "scalingUpOnly": (
        "apply",
        "what ahpa raised it lets go again, and the autoscaler goes on lowering (an HPA does not with "
        "behavior.scaleDown.selectPolicy: Disabled)",
    ),
    "reactive": ("off", ""),
}
"""What AHPA's scaleStrategy says -> our mode, and what of it we do not do. `reactive` wants no prediction."""


def parse_policy(annotations: Mapping[str, str], defaults: Policy | None = None) -> Parsed:
    """Read the annotations of one object. Never raises; every problem names key, value and what is accepted."""
    policy = defaults or Policy()
    ours = (STATE, TARGET_STATE)
    raw = {k: v for k, v in annotations.items() if (k.startswith(PREFIX) and k not in ours) or k == AHPA_STRATEGY}
    problems: list[str] = []
    warnings: list[str] = []
    inert: list[str] = []
    given: dict[str, Any] = {}
    unknown = 0
    for key, text in sorted(raw.items()):
        if key == AHPA_STRATEGY:
            continue
        name = key.removeprefix(PREFIX)
        parameter = BY_NAME.get(name)
        if parameter is None:
            unknown += 1
            if unknown > _MOST_UNKNOWN:
                continue
            meant = nearest(name)
            hint = f"; did you mean {PREFIX}{meant}?" if meant is not None else ""
            warnings.append(f"{key[:80]} is not a parameter{hint}")
            continue
        try:
            given[parameter.field] = parameter.parse(text)
        except (Unreadable, ValueError) as error:
            said = f"{error}; write" if isinstance(error, Unreadable) and str(error) else f"{text[:64]!r} is not"
            problems.append(f"{key}: {said} {parameter.accepts} (for example {parameter.example!r})")
    if unknown > _MOST_UNKNOWN:
        warnings.append(f"{unknown - _MOST_UNKNOWN} further keys under {PREFIX} are not parameters")
    requested = PREFIX + "mode" in raw
    if not requested and AHPA_STRATEGY in raw:
        requested, strategy = True, raw[AHPA_STRATEGY]
        mode, unlike = AHPA_MODES.get(strategy, ("", ""))
        if mode:
            given["mode"] = mode
        else:
            problems.append(f"{AHPA_STRATEGY}: {strategy[:64]!r} is not {', '.join(AHPA_MODES)}; or set {PREFIX}mode")
        inert += [f"{AHPA_STRATEGY}: {strategy} is taken for {PREFIX}mode: {mode}; {unlike}"] if unlike else []
    policy = replace(policy, **given)
    problems += _contradictions(policy, given)
    return Parsed(policy, tuple(problems), tuple(warnings), requested, _kept(raw), tuple(inert))


def _kept(raw: Mapping[str, str]) -> dict[str, str]:
    """What a journal needs to read a policy again: an object may carry a quarter of a MiB under our prefix, and it
    would be written down in every round."""
    known = {key: text for key, text in raw.items() if key == AHPA_STRATEGY or key.removeprefix(PREFIX) in BY_NAME}
    return {key: text if len(text) <= LONGEST else text[: LONGEST + 1] for key, text in known.items()}


def _contradictions(policy: Policy, given: Mapping[str, Any]) -> list[str]:
    problems = []
    if policy.min is not None and policy.max is not None and policy.min > policy.max:
        problems.append(f"{PREFIX}min: {policy.min} is above {PREFIX}max: {policy.max}")
    if ("replica_cost" in given) != ("late_cost" in given):
        problems.append(f"{PREFIX}replica-cost and {PREFIX}late-cost belong together; one is missing")
    elif "replica_cost" in given and given["replica_cost"] * 2 > given["late_cost"]:
        problems.append(
            f"{PREFIX}late-cost must be at least twice {PREFIX}replica-cost, else predicting is not worth it"
        )
    knobs = [name for name in ("late_target", "quantile", "replica_cost") if name in given]
    if len(knobs) > 1:
        named = ", ".join(PREFIX + name.replace("_", "-") for name in knobs)
        problems.append(f"{named}: give only one of them")
    return problems


def level_of(policy: Policy) -> float | None:
    """The quantile level that its owner wants to be planned for; None: whatever keeps the late target.

    With costs it is the newsvendor's: q = 1 - replica_cost / late_cost (critical ratio Cu / (Cu + Co) with
    Cu = late_cost - replica_cost, Co = replica_cost). Replica 2, late 100 gives 0.98.
    """
    if policy.quantile is not None:
        return policy.quantile
    if policy.replica_cost is not None and policy.late_cost is not None:
        return 1 - policy.replica_cost / policy.late_cost
    return None
