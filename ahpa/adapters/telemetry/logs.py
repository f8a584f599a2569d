"""Log lines: a constant, dotted event name, and fields for everything that varies."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

LOG = logging.getLogger("ahpa")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        row: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            row["error"] = self.formatException(record.exc_info)
        return json.dumps(row, default=str)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{k}={v}" for k, v in getattr(record, "fields", {}).items())
        stamp = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        text = f"{stamp} {record.levelname.lower():7} {record.getMessage():24} {fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def log_nowhere() -> None:
    """For commands that say themselves what people should know."""
    LOG.handlers[:] = [logging.NullHandler()]
    LOG.propagate = False


def log_to_stderr(verbose: bool = False, as_json: bool | None = None) -> None:
    """JSON lines, or plain text when a person watches."""
    handler = logging.StreamHandler(sys.stderr)
    use_json = not sys.stderr.isatty() if as_json is None else as_json
    handler.setFormatter(_JsonFormatter() if use_json else _TextFormatter())
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what it has to say, the loop says in our form
    LOG.handlers[:] = [handler]
    LOG.propagate = False
    LOG.setLevel(logging.DEBUG if verbose else logging.INFO)
