"""An answer parsed, its samples into arrays: JSON's way, a Python object for each number, takes five times as long and
ten times the memory, and a fortnight of ten thousand services is two hundred million of them.

Only what is written as Prometheus writes nearly all is read so: `[seconds,"digits"]`, one after the other and without
blanks (`marshalSeriesJSON` in its web/api/v1/json_codec.go). Whatever else there is goes JSON's way.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ahpa.transport import bounded, no_constant, parsed
from forecasting.panel import Floats

LAST_STAMP = 253_402_300_800
"""Seconds: the year 10,000."""
_BEGIN, _END = b'"values":[', b"]]"
"""The first is never within a string, where its quotes would be escaped; a plain list has no other brackets than its
samples'."""
_OF_NUMBERS = b"0123456789.eE+-NaInf"
"""With those of the words that stand where there is no number."""
_OF_SAMPLES = b'[]"'
_SKELETON = b'[,""],'
"""Of a sample and what parts it from the next, without its numbers."""
_PLACE = "NaN"
"""What stands for samples that were taken out: the one word that JSON's parser asks us about and JSON does not have."""


@dataclass(frozen=True, eq=False)
class Plain:
    """Samples of one series, [n] each."""

    stamps: Floats
    """Unix seconds."""
    numbers: Floats
    """NaN for what is no demand: below zero, or more than a float holds."""


def understood(body: bytes, most_values: int) -> object:
    """JSON, with a `Plain` for each list of `values` that is one. Raises as `transport.parsed` does."""
    bounded(body, most_values)
    left, texts = _parted(body)
    found = _read(texts)
    if found is None:
        return parsed(body, most_values)
    ahead = iter(found)

    def taken_out(word: str) -> object:
        samples = next(ahead, None) if word == _PLACE else None
        return samples or no_constant(word)

    said = parsed(left, most_values, taken_out)
    if next(ahead, None) is not None:
        raise ValueError("what was taken for samples is none")
    return said


def _parted(body: bytes) -> tuple[bytes, list[bytes]]:
    """The body with a place for each list that looks plain, and what stood there: `[seconds,"digits"],...`."""
    left: list[bytes] = []
    texts: list[bytes] = []
    done = 0
    while (begin := body.find(_BEGIN, done)) >= 0:
        first = begin + len(_BEGIN)
        last = body.find(_END, first) + 1
        text = body[first:last]
        skeleton = text.translate(None, _OF_NUMBERS) + b","
        if text and skeleton == _SKELETON * (len(skeleton) // len(_SKELETON)):
            texts.append(text)
            left += [body[done : first - 1], _PLACE.encode()]
            done = last + 1
        else:
            left.append(body[done:first])
            done = first
    return b"".join([*left, body[done:]]), texts


def _read(texts: list[bytes]) -> list[Plain] | None:
    """The samples of each; None where a number is none."""
    words = b",".join(texts).translate(None, _OF_SAMPLES).split(b",") if texts else []
    try:
        stamps, numbers = _repeated(words[::2], len(texts)), _floats(words[1::2])
    except ValueError:
        return None
    if not (np.abs(stamps) < LAST_STAMP).all():
        return None
    numbers = np.where(np.isfinite(numbers) & ~np.signbit(numbers), numbers, np.nan)
    ends = np.cumsum([text.count(b"[") for text in texts]).tolist()
    return [Plain(stamps[a:b], numbers[a:b]) for a, b in pairwise([0, *ends])]


def _repeated(words: list[bytes], times: int) -> Floats:
    """The numbers of so many series, read once where they are the same in each: the stamps of a range are, but where
    something is missing."""
    first = words[: len(words) // max(1, times)]
    return np.tile(_floats(first), times) if first * times == words else _floats(words)


def _floats(words: list[bytes]) -> Floats:
    return np.fromiter(map(float, words), float, len(words))
