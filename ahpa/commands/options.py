"""Types of options that several commands share. What an annotation can say too is read by the annotation's parser."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import click

from ahpa.core.policy.parameters import BY_NAME, Unreadable, parse_level, parse_seconds
from ahpa.core.policy.values import Policy
from ahpa.core.readiness import Lag
from ahpa.core.words import printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from ahpa.adapters.files.parts import Joining
    from ahpa.adapters.prometheus.connection import Connection
    from forecasting.fleet.calendar import Calendar

    Chosen = TypeVar("Chosen", bound=DataclassInstance)

Value = TypeVar("Value")
Command = TypeVar("Command", bound=Callable[..., object])

MOST_SAID = 1000
"""Characters of an error that are shown; it may quote what somebody else wrote."""


MODELS = (
    "fleet, which learns from all series at once (best on most services, and cheap); auto, where services differ much: "
    "it scores fleet, holt-winters, stl, seasonal-naive and last-value on each one's last day (a hundredfold cost); "
    "holt-winters, ets, stl or prophet, if you trust that library for your load; seasonal-naive (as yesterday) or "
    "last-value (as now), to see whether a model is worth it"
)
"""For the help of `--model`: which there are, and when to take which (docs/forecasting.md)."""


def with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    """The command with these, which its help shows in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def namespaced(text: str) -> tuple[str, str]:
    """Namespace and name of an object, from `namespace/name`. Raises ValueError."""
    if not re.fullmatch(r"[a-z0-9][-a-z0-9]{0,62}/[a-z0-9][-.a-z0-9]{0,252}", text, re.ASCII):
        raise ValueError
    namespace, _, name = text.partition("/")
    return namespace, name


def read_by(parse: Callable[[str], Value], name: str, accepts: str) -> Callable[[str], Value]:
    """A type for `click.option`, called `name` in the help: what `parse` makes of the text, or a usage error that says
    what is accepted."""

    def convert(text: str) -> Value:
        try:
            return parse(text)
        except (Unreadable, ValueError) as error:
            said = f"{error}; write" if isinstance(error, Unreadable) and str(error) else f"{text[:64]!r} is not"
            raise click.BadParameter(f"{said} {accepts}") from None

    convert.__name__ = name
    return convert


def names_among(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """A type for `click.option`: some of the known names, in their order."""

    def convert(text: str) -> tuple[str, ...]:
        names = [name.strip() for name in text.split(",") if name.strip()]
        unknown = [name for name in names if name not in known]
        if unknown or not names:
            raise click.BadParameter(f"{', '.join(unknown) or 'nothing'}: choose from {', '.join(known)}")
        return tuple(name for name in known if name in names)

    convert.__name__ = "names"
    return convert


def parameter_option(
    name: str, *, metavar: str | None = None, default: str | None = None, help: str | None = None
) -> Callable[[Command], Command]:
    """The option that asks for what the annotation `ahpa.dev/<name>` asks for, in the table's words where the command
    has none of its own; without it the value is what `default` says, None, or False where the parameter is a switch."""
    parameter = BY_NAME[name]
    words = help or parameter.help.partition(". ")[0].removesuffix(".") + "."
    if isinstance(getattr(Policy(), parameter.field), bool):
        return click.option(f"--{name}", is_flag=True, help=words)
    kind = read_by(parameter.parse, metavar or name, parameter.accepts)
    return click.option(
        f"--{name}", type=kind, metavar=metavar, default=default, show_default=default is not None, help=words
    )


def chosen(into: type[Chosen], given: Mapping[str, object]) -> Chosen:
    """The options that are the fields of a dataclass, as one."""
    return into(**{field.name: given[field.name] for field in fields(into)})


def _days_too(text: str) -> float:
    """`14d` beside what an annotation may say."""
    if text.endswith("d") and text[:-1].isascii() and text[:-1].isdigit() and len(text) <= 5:
        return 86_400.0 * int(text[:-1])
    return parse_seconds(text)


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    plain = parts.port != 0 and not parts.query and not parts.fragment  # asking for the port may raise
    if not (parts.scheme in ("http", "https") and parts.hostname and plain):
        raise Unreadable
    return text


def _label(text: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}", text, re.ASCII):
        raise Unreadable
    return text


SECONDS = read_by(_days_too, "duration", "a duration such as 90s, 5m, 1h30m or 14d")
LEVEL = read_by(parse_level, "level", BY_NAME["quantile"].accepts)
LABEL = read_by(_label, "label", "the name of a label, as namespace")
HTTP_URL = read_by(_http_url, "url", "a URL such as http://prometheus.monitoring:9090")


def lag_p95_option(command: Command) -> Command:
    """`--lag-p95`; `lag_of` reads it."""
    return click.option("--lag-p95", type=SECONDS, help="Its 95th percentile.  [default: 5/3 of the median]")(command)


def lag_of(p50_seconds: float, p95_seconds: float | None) -> Lag:
    """What `--lag-p50` and `--lag-p95` say. Raises UsageError."""
    p95 = p50_seconds * 5 / 3 if p95_seconds is None else p95_seconds
    try:
        return Lag.of(p50_seconds, p95)
    except ValueError as error:
        said = f"got {p50_seconds:g}s and {p95:g}s"
        raise click.UsageError(f"--lag-p50 and --lag-p95: need 0 < p50 <= p95, {said}") from error


def named_once(files: Iterable[Path]) -> None:
    """Raises UsageError for a file that is given twice: as two services its load would count twice."""
    seen: set[str] = set()
    for file in files:
        real = os.path.realpath(file)
        if real in seen:
            raise click.UsageError(f"{file} is named twice")
        seen.add(real)


JOINING_OPTIONS = ("sum", "apart")
"""Names of what `joining_options` add."""


def joining_options(command: Command) -> Command:
    """What series of a file are that look like parts of one; `joining_from` reads them."""
    summed = click.option("--sum", type=_labels, multiple=True, metavar="LABEL",
                          help="Add up series that differ only by this label, as pod; repeatable.")  # fmt: skip
    apart = click.option("--apart", type=_labels, multiple=True, metavar="LABEL",
                         help="Series that differ by this label are services of their own; repeatable.")  # fmt: skip
    return summed(apart(command))


def joining_from(given: Mapping[str, object]) -> Joining:
    """What `joining_options` say. Raises UsageError for a label in both."""
    from ahpa.adapters.files.parts import Joining

    summed, apart = (
        frozenset(label for labels in found for label in labels)
        for found in (given["sum"], given["apart"])
        if isinstance(found, tuple)
    )
    both = sorted(summed & apart)
    if both:
        raise click.UsageError(f"--sum and --apart: {both[0]} cannot be both")
    return Joining(summed, apart)


def _labels(text: str) -> tuple[str, ...]:
    found = tuple(label.strip() for label in text.split(","))
    if not all(found):
        raise click.BadParameter("a label's name is missing")
    return found


def said_of_input(command: str) -> Callable[[str], None]:
    """Tells on stderr, as `command`, what a reader must know of the input."""
    return lambda words: click.echo(f"{command}: {printable(words, MOST_SAID)}", err=True)


PROMETHEUS_OPTIONS = tuple(
    f"prometheus_{name}" for name in ("token_file", "basic_auth_file", "headers_file", "ca", "cert", "key", "insecure")
)
"""Names of what `prometheus_options` add."""


def prometheus_options(command: Command) -> Command:
    """How a Prometheus is reached; `connection_from` reads them."""
    file = click.Path(dir_okay=False)
    return with_options(
        command,
        click.option("--prometheus-token-file", type=file, help="Bearer token file, read anew each time."),
        click.option("--prometheus-basic-auth-file", type=file, help="File with user:password, likewise."),
        click.option("--prometheus-headers-file", type=file, help="File with headers, as X-Scope-OrgID: team-a."),
        click.option("--prometheus-ca", type=click.Path(exists=True, dir_okay=False), help="CA file for it."),
        click.option("--prometheus-cert", type=click.Path(exists=True, dir_okay=False), help="Our certificate."),
        click.option("--prometheus-key", type=click.Path(exists=True, dir_okay=False), help="Its key, if apart."),
        click.option("--prometheus-insecure", is_flag=True, help="Do not verify its certificate."),
    )


def connection_from(given: Mapping[str, object]) -> Connection:
    """What `prometheus_options` say. Raises UsageError."""
    from ahpa.adapters.prometheus.connection import Connection

    def path(name: str) -> str | None:
        value = given[f"prometheus_{name}"]
        return None if value is None else str(value)

    try:
        return Connection(
            token_file=path("token_file"),
            basic_auth_file=path("basic_auth_file"),
            headers_file=path("headers_file"),
            ca_file=path("ca"),
            cert_file=path("cert"),
            key_file=path("key"),
            insecure=bool(given["prometheus_insecure"]),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def calendar_options(command: Command) -> Command:
    """`--time-zone` and `--holidays`; `calendar_from` reads them."""
    zone = parameter_option("time-zone", metavar="ZONE", help="The load follows this clock, as Europe/Berlin.")
    days = click.option("--holidays", metavar="PLACE", help="Its public holidays are like Sundays: DE, DE-BY, US-CA.")
    return zone(days(command))


def calendar_from(time_zone: str | None, holidays: str | None) -> Calendar | None:
    """The calendar asked for; None if none was. Raises UsageError for a place that is not known."""
    from ahpa.adapters.calendars import CalendarError, calendar_at

    try:
        return calendar_at(time_zone, holidays)
    except CalendarError as error:
        raise click.UsageError(str(error)) from error
