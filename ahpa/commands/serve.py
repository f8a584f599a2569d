"""`ahpa serve`: the words of the in-cluster service; it wires adapters together and starts the loop."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import Any

import click

from ahpa.commands.options import HTTP_URL, SECONDS, calendar_from, calendar_options


@click.command("serve", short_help="Watch a cluster: forecast, and move the floor of those who ask for it.")
@click.option("--prometheus", type=HTTP_URL, required=True, metavar="URL", help="Where demand is read from.")
@click.option("--prometheus-ca", type=click.Path(exists=True, dir_okay=False), help="CA file for it.")
@click.option(
    "--prometheus-token-file", type=click.Path(dir_okay=False), help="Bearer token file, read anew each time."
)
@click.option("--prometheus-insecure", is_flag=True, help="Do not verify its certificate.")
@click.option("--queries", type=click.Path(exists=True, dir_okay=False), help="YAML file of further demand queries.")
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Instead of the pod's own account.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--namespace", "-n", help="Only this namespace (default: all).")
@click.option("--kinds", default="knative,hpa", show_default=True, help="Kinds of targets to look for.")
@click.option("--tick", type=SECONDS, default="60s", show_default=True, help="How often to decide.")
@click.option("--refit", type=SECONDS, default="1h", show_default=True, help="How often to learn anew.")
@click.option("--history", type=SECONDS, default="14d", show_default=True, help="How much history to learn from.")
@click.option("--step", type=SECONDS, default="60s", show_default=True, help="Resolution of the history.")
@click.option("--lag-p50", type=SECONDS, default="180s", show_default=True, help="Assumed lag until pods show better.")
@click.option("--lag-p95", type=SECONDS, default="300s", show_default=True, help="Its 95th percentile.")
@click.option(
    "--cap", type=click.IntRange(1), default=100, show_default=True, help="No floor above this, whoever asks."
)
@click.option("--stale-after", type=SECONDS, default="5m", show_default=True, help="Older data are not lowered on.")
@click.option("--hold", type=SECONDS, default="15m", show_default=True, help="Stale data hold the floor this long.")
@calendar_options
@click.option("--journal", type=click.Path(dir_okay=False), help="Append one JSON line per decision to this file.")
@click.option("--dry-run", is_flag=True, help="Write nothing, whatever the annotations say.")
@click.option("--once", is_flag=True, help="One refit and one tick, then exit.")
@click.option("--metrics-port", default=8080, show_default=True, help="/metrics and the page; 0 for any, -1 for none.")
@click.option(
    "--health-port", default=8081, show_default=True, help="/healthz, /livez, /readyz; 0 for any, -1 for none."
)
@click.option("--verbose", "-v", is_flag=True, help="Log more.")
def command(**given: Any) -> None:
    """Watch a cluster: forecast, and move the floor of those who ask for it.

    Without an annotation nothing is touched; with ahpa.dev/mode: observe it says what it would do.

    \b
    Examples:
      ahpa serve --prometheus http://prometheus.monitoring:9090
      ahpa serve --prometheus http://localhost:9090 --kubeconfig ~/.kube/config --once --dry-run
    """
    from ahpa.adapters.kubernetes.api import KubeError
    from ahpa.adapters.prometheus.queries import QueryError

    try:
        sys.exit(_serve(**given))
    except (KubeError, QueryError, OSError) as error:
        click.echo(f"ahpa serve: {error}", err=True)
        sys.exit(2 if isinstance(error, QueryError) else 3)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _serve(**given: Any) -> int:
    from ahpa.adapters.processes.memory import give_freed_arrays_back
    from ahpa.adapters.telemetry import log, log_to_stderr
    from ahpa.service.loop import Loop

    give_freed_arrays_back()
    log_to_stderr(given["verbose"])
    service = _build(**given)
    loop = Loop(service)
    if given["once"]:
        return _once(service, loop)
    servers = _http(service, loop, given["metrics_port"], given["health_port"])
    log("service.started", ports=[server.server_address[1] for server in servers])
    loop.run()
    for server in servers:
        server.shutdown()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            with suppress(RuntimeError):
                thread.join(5)
    return 0


def _once(service: Any, loop: Any) -> int:
    """One round; the decisions as a table on stdout."""
    from rich.console import Console

    from ahpa.render.table import decisions

    loop.run_once()
    Console().print(decisions(decision for _, _, decision in service.last))
    return 0


def _build(**given: Any) -> Any:
    import socket

    from ahpa.adapters.files.journal import JournalFile
    from ahpa.adapters.kubernetes.api import Kube
    from ahpa.adapters.kubernetes.events import Events
    from ahpa.adapters.kubernetes.hpa import HorizontalPodAutoscalers
    from ahpa.adapters.kubernetes.knative import KnativeServices
    from ahpa.adapters.processes.executors import Threads
    from ahpa.adapters.processes.fits import FitPool
    from ahpa.adapters.prometheus.queries import load_queries
    from ahpa.adapters.prometheus.source import Prometheus
    from ahpa.adapters.telemetry import Metrics
    from ahpa.core.observation import Limits
    from ahpa.core.readiness import Lag
    from ahpa.service.service import Service, Settings
    from forecasting.choice.models import models

    settings = Settings(
        tick_seconds=given["tick"],
        refit_seconds=given["refit"],
        step_seconds=given["step"],
        history_seconds=given["history"],
        dry_run=given["dry_run"],
        lag=Lag.of(given["lag_p50"], given["lag_p95"]),
        limits=Limits(cap=given["cap"], stale_seconds=given["stale_after"], hold_seconds=given["hold"]),
    )
    queries = load_queries(given["queries"])
    kube = Kube.connect(given["kubeconfig"], given["context"])
    kinds = {"knative": KnativeServices, "hpa": HorizontalPodAutoscalers}
    asked = [kind.strip() for kind in given["kinds"].split(",")]
    if unknown := sorted(set(asked) - set(kinds)):
        raise ValueError(f"--kinds: {unknown[0]!r} is not one of {', '.join(kinds)}")
    return Service(
        settings=settings,
        kube=kube,
        actuators={kind: kinds[kind](kube, given["namespace"]) for kind in asked},
        prometheus=Prometheus(
            given["prometheus"],
            token_file=given["prometheus_token_file"],
            ca_file=given["prometheus_ca"],
            insecure=given["prometheus_insecure"],
        ),
        queries=queries,
        models=models(FitPool(), calendar_from(given), Threads()),
        metrics=Metrics(),
        events=Events(kube, socket.gethostname()),
        journal=JournalFile(given["journal"]) if given["journal"] else None,
    )


def _http(service: Any, loop: Any, metrics_port: int, health_port: int) -> list[Any]:
    from ahpa.adapters.telemetry import serve_http

    def say(good: bool) -> tuple[int, str, bytes]:
        return (200, "text/plain", b"ok\n") if good else (503, "text/plain", b"no\n")

    servers = []
    if metrics_port >= 0:
        metrics = (200, "text/plain; version=0.0.4; charset=utf-8")
        pages = {"/": lambda: _page(service), "/metrics": lambda: (*metrics, service.metrics.text())}
        servers.append(serve_http(metrics_port, pages))
    if health_port >= 0:
        alive = {name: (lambda: say(loop.alive)) for name in ("/healthz", "/livez")}
        servers.append(serve_http(health_port, {**alive, "/readyz": lambda: say(loop.ready)}))
    return servers


def _page(service: Any) -> tuple[int, str, bytes]:
    from ahpa.render.page import page

    rows = [(workload, decision) for _, workload, decision in service.last]
    return 200, "text/html; charset=utf-8", page(rows, service.decided_at).encode()
