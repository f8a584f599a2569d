"""`ahpa backtest`: what each autoscaler would have done to an exported history."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ahpa.adapters.files.report_json import report, write_report_json
from ahpa.adapters.files.text import NOT_ENOUGH, InputError
from ahpa.adapters.files.ticks import TickFiles, decisions_of
from ahpa.adapters.files.writing import directory, file_names
from ahpa.backtest.contenders import NAMES, OURS
from ahpa.backtest.results import Backtest, SeriesResult
from ahpa.backtest.run import Job, run
from ahpa.backtest.series import Series, prepared
from ahpa.backtest.trial import Setting
from ahpa.commands.demand import UNITS, Source, read
from ahpa.commands.options import (
    HTTP_URL,
    MODELS,
    MOST_SAID,
    SECONDS,
    calendar_from,
    calendar_options,
    chosen,
    connection_from,
    joining_from,
    joining_options,
    lag_p95_option,
    names_among,
    parameter_option,
    prometheus_options,
    said_of_input,
)
from ahpa.commands.progress import progress
from ahpa.commands.scaler import SCALERS, Reactive, owner_of, scaling_of, slots_of, told
from ahpa.commands.workers import pool, reached, workers_from, workers_options
from ahpa.commands.world import Wish, World, in_words, policy_of, question_of, setting_of
from ahpa.core.words import printable
from ahpa.render import headline as pictures

if TYPE_CHECKING:
    from ahpa.core.policy.values import Policy
    from forecasting.executor import Executor
    from forecasting.model import Model

MANY = 40
"""With more series than this the report shows tables without their courses; `ticks/` holds them all."""


@dataclass(frozen=True)
class Work:
    """Whom to compare, by how many processes or by which other machines, and where the results go."""

    out: Path
    policies: tuple[str, ...]
    jobs: int | None
    output: str
    workers: Executor | None
    picture: Path | None


def _picture(text: str) -> Path:
    if not text.endswith(pictures.SUFFIXES):
        raise click.BadParameter(f"{text}: the name must end in {' or '.join(pictures.SUFFIXES)}")
    return Path(text)


@click.command("backtest", short_help="What each autoscaler would have done to your exported history.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default="out/backtest", show_default=True, help="Results go here."
)
@click.option("--test-days", type=click.FloatRange(0, 90, min_open=True), default=3.0, show_default=True,
              help="The last days are tested; what lies before is history.")  # fmt: skip
@joining_options
@click.option("--unit", type=click.Choice(UNITS),
              help="What the values count.  [default: requests-per-minute in files; with --from-prometheus what the "
                   "query says, as rate() does, else you are asked]")  # fmt: skip
@parameter_option("service-time", metavar="DURATION", default="2s", help="How long a request holds a slot.")
@click.option("--concurrency", type=click.IntRange(1, 1000), default=4, show_default=True, help="Slots of a replica.")
@click.option("--target-utilization", type=click.FloatRange(0, 1, min_open=True), default=0.7, show_default=True,
              help="The share of its slots to which the scaler fills a replica; beside --hpa it is taken instead of "
                   "the metric's.")  # fmt: skip
@click.option("--lag-p50", type=SECONDS, default="180s", show_default=True, help="From asked for to ready, median.")
@lag_p95_option
@click.option("--tiers", type=click.Path(path_type=Path), help="YAML list of tiers with lags, instead of --lag-*.")
@parameter_option("late-after", metavar="DURATION", default="1s", help="A longer wait for a slot is late.")
@click.option("--give-up-after", type=SECONDS, default="300s", show_default=True, help="After it a request leaves.")
@parameter_option("late-target", metavar="SHARE", help="The share of late requests that you accept.  [default: 0.1%]")
@parameter_option("quantile", metavar="LEVEL")
@parameter_option("manage-target", help="Let the scaler fill replicas further while we are trusted.")
@parameter_option("model", metavar="NAME", help=f"What forecasts for ahpa: {MODELS}.  [default: fleet]")
@parameter_option("windows", metavar="WINDOWS", help="Bounds in time, as the annotation: '0 8 * * 1-5 .. 0 20 * * 1-5 "
                  "min=5'; they bind ahpa alone.")  # fmt: skip
@parameter_option("events", metavar="EVENTS", help="What was planned, as the annotation: "
                  "'2026-11-27T08:00..2026-11-27T23:00 x3'; ahpa alone is told.")  # fmt: skip
@click.option("--policies", type=names_among(NAMES), metavar="NAMES", default=",".join(NAMES),
              show_default=True, help="Whom to compare.")  # fmt: skip
@click.option("--sweep/--no-sweep", default=True, show_default=True, help="Try every policy's knob at many settings.")
@click.option("--scaler", type=click.Choice(SCALERS),
              help="Which autoscaler the services have; floors stand above it.  [default: that of --service or --hpa, "
                   "else kpa]")  # fmt: skip
@click.option("--service", type=click.Path(path_type=Path), help="A Knative Service's YAML, of either class.")
@click.option("--hpa", type=click.Path(path_type=Path), metavar="FILE",
              help="YAML of a HorizontalPodAutoscaler (autoscaling/v2) or a KEDA ScaledObject: bounds, target and "
                   "behavior.")  # fmt: skip
@click.option("--knative-config", type=click.Path(path_type=Path), metavar="FILE",
              help="With --service: YAML of the ConfigMaps config-autoscaler and config-defaults, which decide where "
                   "the Service says nothing.  [default: Knative's own defaults]")  # fmt: skip
@click.option("--burstiness", type=click.FloatRange(1, 100), default=1.0, show_default=True,
              help="Variance over mean of the requests per second; 1 is Poisson.")  # fmt: skip
@calendar_options
@click.option("--from-prometheus", type=HTTP_URL, metavar="URL", help="Read demand from a Prometheus, with --query.")
@prometheus_options
@click.option("--query", multiple=True, metavar="[NAME=]PROMQL", help="One series each; repeatable.")
@click.option("--history", type=SECONDS, default="14d", show_default=True, help="How much to ask a Prometheus for.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Which luck.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes.  [default: one per core]")
@workers_options
@click.option("-o", "--output", type=click.Choice(["table", "json", "yaml", "csv"]), default="table", show_default=True)
@click.option("--picture", type=_picture, metavar="FILE", help="The headline as a picture to share: a .png or .svg.")
def command(**given: object) -> None:
    """What would ahpa, and each alternative, have done to my services?

    FILES are CSV (timestamp,value, one column per service as Grafana exports it, or a row per series and time; .gz
    too), JSON (Prometheus' query_range, VictoriaMetrics' export, CloudWatch, InfluxDB 1.x, Graphite, Datadog),
    OpenMetrics text, or lists of single requests (CSV with timestamp,duration in seconds; each holds a slot for its
    own time, so --unit, --service-time and --burstiness are left out). Counts finer than a minute, down to a second,
    arrive in their own step. Writes report.html, report.json and the courses minute by minute (ticks/) to --out.

    \b
    Examples:
      ahpa backtest requests.csv --lag-p50 180s --lag-p95 300s --late-target 0.1%
      ahpa backtest fleet.csv.gz --unit concurrency --test-days 7 --jobs 4 --out out/fleet
      ahpa backtest --from-prometheus http://localhost:9090 --query 'chat=sum(rate(requests_total[1m]))'
      ahpa backtest by-pod.json --sum pod --unit requests-per-second
      ahpa backtest access-log.csv --concurrency 8 --late-after 2s
      ahpa backtest fleet.csv.gz --executor dask://localhost:8786
    """
    given["joining"] = joining_from(given)
    given["connection"] = connection_from(given) if given["from_prometheus"] else None
    try:
        with reached(workers_from(given), "backtest") as given["workers"]:
            said = chosen(Source, given), chosen(Reactive, given), chosen(World, given)
            sys.exit(_backtest(*said, chosen(Wish, given), chosen(Work, given)))
    except InputError as error:
        click.echo(f"ahpa backtest: {printable(str(error), MOST_SAID)}", err=True)
        sys.exit(error.exit_code)


def _backtest(source: Source, reactive: Reactive, world: World, wish: Wish, work: Work) -> int:
    demand = read(source)
    for words in demand.remarks:
        said_of_input("ahpa backtest")(words)
    owner = owner_of(reactive)
    scaling = scaling_of(reactive, owner, demand.service_seconds)
    policy = policy_of(wish, owner)
    setting = setting_of(world, scaling, slots_of(reactive, owner), demand.service_seconds, policy.known)
    question = question_of(wish, owner)
    model = _model(policy)
    series, failed = prepared([*demand.panels, *demand.lists], demand.per_unit, world.test_days)
    if not series:
        name, why = next(iter(failed.items()))
        raise InputError(f"{name}: {why}", NOT_ENOUGH)
    job = Job(setting, question, work.policies, keep_runs=len(series) <= MANY)
    directory(work.out)
    if work.picture is not None and not os.access(work.picture.parent, os.W_OK):
        raise InputError(f"--picture {work.picture}: its folder is not there or cannot be written to")
    names = file_names(one.name for one in series)
    found, complete = _run(series, names, model, job, work, demand.per_unit)
    done = {result.name for result in found}
    if not complete:
        failed.update({one.name: "interrupted before it was done" for one in series if one.name not in done})
        click.echo(f"interrupted: {len(found)} of {len(series)} series are done and written", err=True)
    lag = setting.service.readiness.tiers[-1].lag
    _write(
        Backtest(
            tuple(sorted(found, key=lambda s: (not s.worth, -s.saving_hours, s.name))),
            question.late_target,
            round(lag.quantile(0.5), 6),
            round(lag.quantile(0.95), 6),
            in_words(setting, demand, model.name, world, told(reactive, owner) if owner else {}),
            min(one.span.start for one in series),
            max(one.span.end for one in series),
            failed,
            demand.counts,
            scaling.name,
        ),
        setting,
        work,
        {name: f"ticks/{decisions_of(file)}" for name, file in names.items()},
    )
    return 0 if complete else 130


def _model(policy: Policy) -> Model:
    """The model by its name, libraries in processes of their own, as the service has them. Raises UsageError."""
    from ahpa.adapters.processes.executors import Threads
    from ahpa.adapters.processes.fits import FitPool
    from forecasting.choice.models import models, not_among

    known = models(FitPool(), calendar_from(policy.time_zone, policy.holidays), Threads())
    if policy.model not in known:
        raise click.UsageError(f"--model: {not_among(policy.model, known)}")
    return known[policy.model]


def _run(
    series: Sequence[Series], names: Mapping[str, str], model: Model, job: Job, work: Work, per_unit: float
) -> tuple[list[SeriesResult], bool]:
    """What was found, and whether that is all; `names` are those of series as files."""
    ticks = directory(work.out, "ticks")
    found: list[SeriesResult] = []
    with pool(min(work.jobs or os.cpu_count() or 1, len(series)), work.workers) as executor:
        try:
            with progress(len(series)) as advance:
                for result in run(series, model, job, executor, lambda name: TickFiles(ticks, names[name], per_unit)):
                    found.append(result)
                    advance(result.name)
        except KeyboardInterrupt:
            return found, False
    return found, True


def _write(backtest: Backtest, setting: Setting, work: Work, decisions: Mapping[str, str]) -> None:
    """The report as JSON and as a page, which names the files of all `decisions`, and what was asked for on stdout."""
    from ahpa.render.html import write_report
    from ahpa.render.report import of_backtest

    write_report_json(work.out, backtest)
    page = work.out / "report.html"
    page.unlink(missing_ok=True)  # an older one would tell of other figures than report.json
    if backtest.series:
        told = of_backtest(backtest, setting.per_replica, decisions)
        write_report(page, told)
        if work.picture is not None:
            pictures.write(work.picture, pictures.of_report(told))
            click.echo(f"picture: {work.picture}", err=True)
    _print(backtest, work.output)
    if backtest.series:
        click.echo(f"report: {page}", err=True)
    for name, why in backtest.failed.items():
        click.echo(f"not tested: {printable(name)}: {why}", err=True)


def _print(backtest: Backtest, kind: str) -> None:
    """The result on stdout, in one of the forms of -o."""
    if kind == "json":
        click.echo(json.dumps(report(backtest), indent=1, allow_nan=False))
    elif kind == "yaml":
        import yaml

        click.echo(yaml.safe_dump(report(backtest), sort_keys=False))
    elif kind == "csv":
        from ahpa.render.csv import lines

        for line in lines(backtest):
            click.echo(line)
    elif backtest.series:
        _tables(backtest)


def _tables(backtest: Backtest) -> None:
    from rich.console import Console

    from ahpa.render.report import as_yaml, headline, verdict
    from ahpa.render.table import legend, outcomes

    console = Console()

    def say(words: str, style: str = "") -> None:
        console.print(words, style=style, highlight=False, markup=False, soft_wrap=True)

    if len(backtest.series) <= MANY:
        console.print(outcomes(backtest.series, backtest.counts))
        for line in legend(backtest.series):
            say(line, "dim")
    say(f"As set before the tested days: {headline(backtest.series)}", "bold")
    for series in backtest.series:
        if OURS not in series.contenders:
            continue
        say(f"{printable(series.name, 60)}: {verdict(series)}")
        for sentence in (*series.advice, *series.notes):
            say(f"  {sentence}", "dim")
        if series.annotations:
            say("  To try it, annotate the service:", "dim")
            for line in as_yaml(series.annotations):
                say(f"    {line}")
