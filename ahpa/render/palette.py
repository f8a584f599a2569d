"""One colour per meaning, the same in every chart, table and terminal view.

Contenders have the hues of Okabe and Ito (2008), which people with the common colour blindnesses can tell
apart; the dark ones are lightened for a dark page. The charts name colours by role; the page's style sheet
says what a role looks like, so one picture serves light, dark and print.
"""

from __future__ import annotations

LIGHT = {
    "ink": "#1c2430",
    "muted": "#5b6675",
    "grid": "#dfe4ea",
    "paper": "#ffffff",
    "demand": "#9aa5b1",
    "late": "#c2185b",
    "ahpa": "#0072b2",
    "kpa": "#d98200",
    "hpa": "#b85c93",
    "static": "#7a7f87",
    "fixed-max": "#3d444d",
    "seasonal": "#3a9bc9",
    "oracle": "#009e73",
}
DARK = LIGHT | {
    "ink": "#e6eaf0",
    "muted": "#9aa6b5",
    "grid": "#2f3944",
    "paper": "#141a21",
    "demand": "#6b7886",
    "late": "#ff6f9f",
    "ahpa": "#4fb0ea",
    "kpa": "#f0a63a",
    "hpa": "#e08fbf",
    "static": "#a3a9b2",
    "fixed-max": "#cfd5dd",
    "seasonal": "#86cdf0",
    "oracle": "#35c79a",
}
MARKS = {
    "ahpa": ("o", "●"),
    "kpa": ("s", "■"),
    "hpa": ("^", "▲"),
    "static": ("D", "◆"),
    "fixed-max": ("v", "▼"),
    "seasonal": ("X", "✖"),
    "oracle": ("*", "★"),
}
"""matplotlib's marker of a contender and the character that looks like it: colour is never the only difference."""
OTHER = "static"
"""The role of a contender that has no colour of its own."""


def role(contender: str) -> str:
    """The colour role of a contender."""
    return contender if contender in MARKS else OTHER
