"""`ahpa backtest`: what each autoscaler would have done to an exported history."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ahpa.commands.demand import UNITS, per_unit, read_all, refuse, service_seconds
from ahpa.commands.options import HTTP_URL, LEVEL, MOST_SAID, SECONDS, SHARE, calendar_from, calendar_options

if TYPE_CHECKING:
    from ahpa.backtest.results import Backtest
    from ahpa.backtest.run import Series
    from ahpa.backtest.trial import Setting
    from ahpa.simulation.requests import Requests
    from forecasting.panel import Panel

MANY = 40
"""With more series than this the report shows tables without their courses; `ticks/` holds them all."""


def _policies(ctx: click.Context, param: click.Parameter, text: str) -> tuple[str, ...]:
    from ahpa.backtest.results import POLICIES

    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in POLICIES]
    if unknown or not names:
        raise click.BadParameter(f"{', '.join(unknown) or 'nothing'}: choose from {', '.join(POLICIES)}")
    return tuple(name for name in POLICIES if name in names)


@click.command("backtest", short_help="What each autoscaler would have done to your exported history.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default="out/backtest", show_default=True, help="Results go here."
)
@click.option("--test-days", type=click.FloatRange(0, 90, min_open=True), default=3.0, show_default=True,
              help="The last days are tested; what lies before is history.")  # fmt: skip
@click.option("--unit", type=click.Choice(UNITS), default=UNITS[0], show_default=True, help="What the values count.")
@click.option("--service-time", type=SECONDS, default="2s", show_default=True, help="How long a request holds a slot.")
@click.option("--concurrency", type=click.IntRange(1, 1000), default=4, show_default=True, help="Slots of a replica.")
@click.option("--target-utilization", type=click.FloatRange(0, 1, min_open=True), default=0.7, show_default=True,
              help="The share of its slots to which the scaler fills a replica.")  # fmt: skip
@click.option("--lag-p50", type=SECONDS, default="180s", show_default=True, help="From asked for to ready, median.")
@click.option("--lag-p95", type=SECONDS, help="Its 95th percentile.  [default: 1.5 times the median]")
@click.option("--tiers", type=click.Path(path_type=Path), help="YAML list of tiers with lags, instead of --lag-*.")
@click.option("--late-after", type=SECONDS, default="1s", show_default=True, help="A longer wait for a slot is late.")
@click.option("--give-up-after", type=SECONDS, default="300s", show_default=True, help="After it a request leaves.")
@click.option("--late-target", type=SHARE, help="The share of late requests that you accept.  [default: 0.1%]")
@click.option("--quantile", type=LEVEL, help="Plan for this level instead of finding it from --late-target.")
@click.option("--manage-target", is_flag=True, help="Let the scaler fill replicas further while we are trusted.")
@click.option("--policies", callback=_policies, default="ahpa,kpa,hpa,static,fixed-max,seasonal,oracle",
              show_default=True, help="Whom to compare.")  # fmt: skip
@click.option("--sweep/--no-sweep", default=True, show_default=True, help="Try every policy's knob at many settings.")
@click.option("--service", "service_file", type=click.Path(path_type=Path), help="A Knative Service's YAML.")
@click.option("--burstiness", type=click.FloatRange(1, 100), default=1.0, show_default=True,
              help="Variance over mean of the requests per second; 1 is Poisson.")  # fmt: skip
@calendar_options
@click.option("--from-prometheus", type=HTTP_URL, metavar="URL", help="Read demand from a Prometheus, with --query.")
@click.option("--query", "queries", multiple=True, metavar="[NAME=]PROMQL", help="One series each; repeatable.")
@click.option("--history", type=SECONDS, default="14d", show_default=True, help="How much to ask a Prometheus for.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which luck.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes.  [default: one per core]")
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "csv"]), default="table", show_default=True)
def command(**given: Any) -> None:
    """What would ahpa, and each alternative, have done to my services?

    FILES are CSV (timestamp,value, or one column per service; .gz too), the JSON of Prometheus' query_range,
    OpenMetrics text, or lists of single requests (CSV with timestamp,duration in seconds; each holds a slot for its
    own time, so --unit, --service-time and --burstiness are left out). Counts finer than a minute, down to a second,
    arrive in their own step. Writes report.html, report.json and the courses minute by minute (ticks/) to --out.

    \b
    Examples:
      ahpa backtest requests.csv --lag-p50 180s --lag-p95 300s --late-target 0.1%
      ahpa backtest fleet.csv.gz --unit concurrency --test-days 7 --jobs 4 --out out/fleet
      ahpa backtest --from-prometheus http://localhost:9090 --query 'chat=sum(rate(requests_total[1m]))' \\
          --unit requests-per-second
      ahpa backtest access-log.csv --concurrency 8 --late-after 2s
    """
    from ahpa.adapters.files.text import InputError
    from ahpa.core.words import printable

    try:
        sys.exit(_backtest(given))
    except InputError as error:
        click.echo(f"ahpa backtest: {printable(str(error), MOST_SAID)}", err=True)
        sys.exit(error.exit_code)


def _backtest(given: dict[str, Any]) -> int:
    from ahpa.adapters.files.results import directory
    from ahpa.adapters.files.text import NOT_ENOUGH, InputError

    inputs = read_all(given)
    setting, late_target, quantile, manage = _world(given, service_seconds(given, inputs))
    words = _words(setting, inputs, given["unit"])
    from ahpa.backtest.run import prepared

    unit = per_unit(given["unit"], setting.service.service_seconds, inputs)
    series, failed = prepared(inputs, unit, given["test_days"])
    if not series:
        name, why = next(iter(failed.items()))
        raise InputError(f"{name}: {why}", NOT_ENOUGH)
    out: Path = given["out"]
    directory(out)
    backtest, complete = _run(given, series, failed, setting, (late_target, quantile, manage), unit, words)
    _write(given, out, backtest, setting)
    return 0 if complete else 130


def _world(given: dict[str, Any], takes_seconds: float) -> tuple[Setting, float, float | None, bool]:
    """The setting, and what is wanted of us: late target, quantile, whether the target is managed."""
    from ahpa.adapters.files.text import InputError
    from ahpa.adapters.files.worlds import read_service, read_tiers
    from ahpa.backtest.trial import Setting
    from ahpa.core.readiness import Lag, Readiness
    from ahpa.reactive.kpa.config import KpaConfig
    from ahpa.simulation.traffic import Service

    slots: int = given["concurrency"]
    kpa = KpaConfig(target_value=max(0.01, slots * given["target_utilization"]), total_value=float(slots))
    late_target, quantile, manage = given["late_target"], given["quantile"], given["manage_target"]
    if given["service_file"]:
        told = read_service(given["service_file"], slots)
        refuse(("target_utilization",), "the Service of --service says it")
        if told.concurrency:
            refuse(("concurrency",), "the Service of --service says it")
        kpa, slots = told.kpa, told.concurrency or slots
        policy = told.policy.policy
        quantile = policy.quantile if quantile is None and late_target is None else quantile
        late_target = policy.late_target if late_target is None else late_target
        manage = manage or policy.manage_target
    if given["late_target"] is not None and given["quantile"] is not None:
        raise click.UsageError("--late-target and --quantile: give one of them")
    try:
        p95 = given["lag_p95"] or 1.5 * given["lag_p50"]
        readiness, prices = Readiness.single(Lag.of(given["lag_p50"], p95)), None
        if given["tiers"]:
            refuse(("lag_p50", "lag_p95"), "--tiers says it")
            readiness, prices = read_tiers(given["tiers"])
        service = Service(takes_seconds, slots, given["late_after"], given["give_up_after"], readiness, prices)
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise click.UsageError(str(error)) from error
    setting = Setting(service, kpa, given["test_days"], given["seed"], given["burstiness"])
    return setting, late_target or 0.001, quantile, manage


def _words(setting: Setting, inputs: Sequence[Panel | Requests], unit: str) -> dict[str, str]:
    """The world in words, for the report."""
    from ahpa.core.words import seconds
    from ahpa.simulation.requests import Requests

    service, kpa = setting.service, setting.kpa
    takes = seconds(service.service_seconds)
    luck = "Poisson" if setting.dispersion == 1 else f"{setting.dispersion:g} times as bursty as Poisson"
    counts = "requests in flight" if unit == "concurrency" else unit.replace("-", " ")
    come = f"at random seconds of the step that counted them, {luck}"
    if any(isinstance(one, Requests) for one in inputs):
        takes, come = f"each request's own, {takes} in the mean", "each at its own moment"
        counts = "requests, one by one"
    held = kpa.in_flight(kpa.target_value, service.service_seconds)
    fills = f"{held:.3g} of {service.concurrency} slots"
    if kpa.metric == "rps":
        most = service.concurrency / service.service_seconds
        fills = f"{kpa.target_value:g} requests per second each, of {most:.3g} that its slots can serve"
    return {
        "the input counts": counts,
        "service time": takes,
        "slots of a replica": str(service.concurrency),
        "the scaler fills replicas to": fills,
        "late": f"waited more than {seconds(service.late_after_seconds)} for a slot",
        "gives up after": seconds(service.give_up_seconds),
        "requests come": come,
        "queue": "one, first come first served, over all ready replicas",
        "a replica costs": "from the moment it is asked for until it is withdrawn; not-ready ones are withdrawn first",
        "the model": "learns from what came before, anew every day or few (a service: every hour)",
    }


def _run(
    given: dict[str, Any], series: list[Series], failed: dict[str, str], setting: Setting,
    wanted: tuple[float, float | None, bool], unit: float, words: dict[str, str],
) -> tuple[Backtest, bool]:  # fmt: skip
    """The backtest and whether all of it was done."""
    import os

    from ahpa.adapters.files.results import directory, file_names
    from ahpa.adapters.processes.executors import Threads
    from ahpa.backtest.results import Backtest
    from ahpa.backtest.run import Job, run
    from ahpa.backtest.sweep import Question
    from forecasting.fleet.model import FleetModel
    from forecasting.levels import TRACKED_LEVELS

    late_target, quantile, manage = wanted
    question = Question(late_target, quantile, given["policies"], manage, given["sweep"])
    ticks = directory(given["out"], "ticks")
    job = Job(setting, question, ticks, unit, keep_runs=len(series) <= MANY)
    jobs = min(given["jobs"] or os.cpu_count() or 1, len(series))
    found = []
    complete = True
    model = FleetModel(calendar_from(given), executor=Threads())
    results = run(series, model, TRACKED_LEVELS, job, file_names(one.name for one in series), jobs)
    try:
        with _progress(len(series)) as advance:
            for name, result in results:
                if isinstance(result, str):
                    failed[name] = result
                else:
                    found.append(result)
                advance(name)
    except KeyboardInterrupt:
        complete = False
        done = {result.name for result in found} | set(failed)
        failed.update({one.name: "interrupted before it was done" for one in series if one.name not in done})
        click.echo(f"interrupted: {len(found)} of {len(series)} series are done and written", err=True)
    finally:
        results.close()  # type: ignore[attr-defined]
    lag = setting.service.readiness.tiers[-1].lag
    found.sort(key=lambda s: (not s.worth, -s.saving_hours, s.name))
    start, end = min(one.span.start for one in series), max(one.span.end for one in series)
    return (
        Backtest(tuple(found), late_target, round(lag.quantile(0.5), 6), round(lag.quantile(0.95), 6), words, start,
                 end, failed),
        complete,
    )  # fmt: skip


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar on stderr when a person watches."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from ahpa.core.words import printable

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("learning", total=total)

        def advance(name: str) -> None:
            bars.update(task, advance=1, description=f"tested {printable(name, 40)}")

        yield advance


def _write(given: dict[str, Any], out: Path, backtest: Backtest, setting: Setting) -> None:
    import json

    from ahpa.adapters.files.results import report, write_report_json
    from ahpa.core.words import printable
    from ahpa.render.html import write_report
    from ahpa.render.report import of_backtest

    write_report_json(out, backtest)
    page = out / "report.html"
    page.unlink(missing_ok=True)  # an older one would tell of other figures than report.json
    if backtest.series:
        kpa, seconds = setting.kpa, setting.service.service_seconds
        write_report(page, of_backtest(backtest, kpa.in_flight(kpa.target_value, seconds)))
    kind = given["output"]
    if kind == "json":
        click.echo(json.dumps(report(backtest), indent=1, allow_nan=False))
    elif kind == "yaml":
        import yaml

        click.echo(yaml.safe_dump(report(backtest), sort_keys=False))
    elif kind == "csv":
        click.echo("series,policy,knob,replica_hours,late_ratio,unserved_ratio,scale_ups,worth")
        for series in backtest.series:
            for name, found in series.policies.items():
                o = found.outcome
                cell = series.name.replace('"', '""')
                cell = f'"{cell}"' if not cell.startswith(("=", "+", "-", "@")) else f'"\'{cell}"'
                click.echo(f'{cell},{name},"{found.label}",{o.replica_hours:.3f},{o.late_ratio:.6f},'
                           f"{o.unserved_ratio:.6f},{o.scale_ups},{str(series.worth).lower()}")  # fmt: skip
    elif backtest.series:
        _tables(backtest)
    if backtest.series:
        click.echo(f"report: {page}", err=True)
    for name, why in backtest.failed.items():
        click.echo(f"not tested: {printable(name)}: {why}", err=True)


def _tables(backtest: Backtest) -> None:
    from rich.console import Console

    from ahpa.core.words import printable
    from ahpa.render.report import headline
    from ahpa.render.table import outcomes

    console = Console()
    if len(backtest.series) <= MANY:
        console.print(outcomes(backtest.series))
    console.print(headline(backtest.series), style="bold", highlight=False, markup=False)
    for series in backtest.series:
        if "ahpa" not in series.policies:
            continue
        saves = f"saves {series.saving_hours:.1f} replica-hours" if series.saving_hours > 0 else "worth it"
        mark = saves if series.worth else "not worth it"
        console.print(f"{printable(series.name, 60)}: {mark}: {series.why}", highlight=False, markup=False)
        for sentence in (*series.advice, *series.notes):
            console.print(f"  {sentence}", highlight=False, markup=False, style="dim")
