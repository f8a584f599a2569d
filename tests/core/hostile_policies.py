"""Annotations as nobody should write them: some by hand, any number generated."""

from __future__ import annotations

import random
from collections.abc import Iterator

from ahpa.core.policy.parameters import PARAMETERS
from ahpa.core.policy.values import AHPA_STRATEGY, PREFIX, STATE

NEVER_RIGHT = (
    "", " ", "\x00", "-1", "{{name}}", '"} or vector(1', "１２", "1_000", "9" * 5000, "5m\n", "<b>", "a b", "+", "%",
    "\u202e7", "[1]", "{}", "'1'", "1,5", "ß", "nan%", "--", "1;2", "../x", "7 ", "$(id)", "\ud800", "1" * 65,
)  # fmt: skip
"""What no parameter takes."""
BY_HAND = [{PREFIX + parameter.name: text} for parameter in PARAMETERS for text in NEVER_RIGHT]
PIECES = (
    "0", "1", "9", "99", "0.5", "1e3", "1e400", "inf", "nan", "-", ".", "%", "h", "m", "s", "ms", "true", "apply",
    "observe", "off", "fleet", "auto", "１", "٣", "\u200b", "\x00", "\n", " ", "{", "}", '"', "'", "\\", "$", "=", "é",
    "knative-rps", "x" * 70,
)  # fmt: skip


def generated(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Each the annotations of one object: right and wrong values, slips of the hand, keys that are none of ours, our
    own record forged; a few objects with thousands of keys, or with values of a quarter megabyte."""
    rng = random.Random(seed)
    for number in range(count):
        out = {PREFIX + "mode": "apply"} if rng.random() < 0.9 else {}
        for _ in range(rng.randint(1, 6)):
            out[_key(rng)] = _value(rng)
        if number % 500 == 0:
            out |= {f"{PREFIX}{_slip(rng)}-{i}": "1" for i in range(3000)}
        if number % 500 == 250:
            out[_key(rng)] = rng.choice(PIECES) * 50_000
        yield out


def _key(rng: random.Random) -> str:
    if rng.random() < 0.7:
        return PREFIX + rng.choice(PARAMETERS).name
    return rng.choice((STATE, AHPA_STRATEGY, PREFIX, PREFIX + _slip(rng), PREFIX + rng.choice(PIECES), "other.io/max"))


def _slip(rng: random.Random) -> str:
    letters = list(rng.choice(PARAMETERS).name)
    letters[rng.randrange(len(letters))] = rng.choice("aeiouXYZ-_. ")
    return "".join(letters)


def _value(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(PARAMETERS).example
    if kind < 0.5:
        return rng.choice(NEVER_RIGHT)
    return "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 5)))
