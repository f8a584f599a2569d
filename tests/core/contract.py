"""The whole contract of the annotations as text: `python -m tests.core.contract` writes it anew.

Of each: what it accepts in words, what holds without it, its example, and which of a fixed list of texts it reads, and
as what. So a change of the contract is a change of annotations.golden, which a reader of the diff sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ahpa.core.policy.parameters import PARAMETERS, Parameter
from ahpa.core.policy.rules import AHPA_MODES
from ahpa.core.policy.values import AHPA_STRATEGY, PREFIX, STATE, TARGET_STATE, Policy

GOLDEN = Path(__file__).with_name("annotations.golden")
TRIED = (
    "0", "1", "3", "0.3", "0.5", "0.95", "2.5", "50", "95", "100", "999999", "1000000", "-1", "1e3", "nan", "0%",
    "0.1%", "25%", "95%", "100%", "0s", "50ms", "90s", "5m", "1h30m", "14d", "5", "true", "false", "yes", "observe",
    "apply", "off", "auto", "fleet", "holt-winters", "knative-rps", "Apply", "a b", "",
)  # fmt: skip
"""What each parser is shown."""


def contract() -> str:
    """One block for each annotation, in the order of the table."""
    lines = [line for parameter in PARAMETERS for line in _block(parameter)]
    lines += [STATE, "  ours, no parameter", "", TARGET_STATE, "  ours, no parameter", "", AHPA_STRATEGY]
    lines += [f"  {said} = {PREFIX}mode: {mode}" for said, (mode, _) in AHPA_MODES.items()]
    return "\n".join(lines) + "\n"


def _block(parameter: Parameter) -> Iterator[str]:
    default = getattr(Policy(), parameter.field)
    yield f"{PREFIX}{parameter.name}"
    yield f"  accepts  {parameter.accepts}"
    yield f"  without  {parameter.otherwise if default is None else default}"
    yield f"  example  {parameter.example}"
    yield f"  reads    {'  '.join(_read(parameter)) or 'none of those tried'}"
    yield ""


def _read(parameter: Parameter) -> Iterator[str]:
    for text in dict.fromkeys((parameter.example, *TRIED)):
        try:
            yield f"{text} = {parameter.parse(text)}"
        except ValueError:
            continue


if __name__ == "__main__":
    GOLDEN.write_text(contract(), encoding="utf-8")
