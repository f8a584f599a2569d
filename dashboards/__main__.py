"""`python -m dashboards`: writes config/dashboards/*.json anew."""

from __future__ import annotations

import json
from pathlib import Path

from dashboards.fleet import FLEET
from dashboards.panels import board
from dashboards.service import SERVICE

FOLDER = Path(__file__).parents[1] / "config/dashboards"
BOARDS = {"fleet.json": FLEET, "service.json": SERVICE}


def texts() -> dict[str, str]:
    """By the file's name."""
    return {name: json.dumps(board(said), indent=1, ensure_ascii=False) + "\n" for name, said in BOARDS.items()}


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote config/dashboards/{name}")
