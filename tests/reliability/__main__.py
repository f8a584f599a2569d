"""`python -m tests.reliability`: docs/reliability.md from what runs kept, and what it has of earlier ones."""

from __future__ import annotations

from pathlib import Path

from tests.reliability.page import page_of, rows_of
from tests.reliability.reached import kept

PAGE = Path(__file__).parents[2] / "docs/reliability.md"


def main() -> None:
    earlier = rows_of(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else []
    PAGE.write_text(page_of(earlier, kept()), encoding="utf-8")


if __name__ == "__main__":
    main()
