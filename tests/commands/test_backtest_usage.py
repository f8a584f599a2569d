"""Claims about what `ahpa backtest` refuses, with which words and exit code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ahpa.cli import main
from tests.adapters.prometheus.server import Server, matrix, say
from tests.commands.examples import OWNED, fleet, request_list, run


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--policies", "magic"), 2, "choose from"),
        (("--model", "magic"), 2, "--model: no model 'magic'; there are fleet, holt-winters"),
        (("--late-target", "2"), 2, "'2' is not a share in (0, 1)"),
        (("--late-target", "0.1%", "--quantile", "0.9"), 2, "give one of them"),
        (("--lag-p50", "300s", "--lag-p95", "60s"), 2, "p50 <= p95"),
        (("--service-time", "soon"), 2, "duration"),
        (("--query", "up"), 2, "--from-prometheus"),
        (("--from-prometheus", "ftp://localhost", "--query", "up"), 2, "http://prometheus"),
        (("--from-prometheus", "http://localhost:port", "--query", "up"), 2, "http://prometheus"),
        (("--test-days", "30"), 4, "days of data"),
        (("--service", "absent.yaml"), 2, "absent.yaml"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else None,
)
def test_what_cannot_be_done_is_said_with_its_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = run(fleet(tmp_path, days=2.2, names=("a",)), "--out", tmp_path / "out", *arguments)
    assert done.exit_code == code
    assert says in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["backtest", "forecast"])
def test_a_model_whose_library_is_not_installed_says_what_to_install(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prophet", None)
    done = CliRunner().invoke(main, [command, str(fleet(tmp_path, days=2.2, names=("a",))), "--model", "prophet"])
    assert done.exit_code == 2
    assert "--model: the model 'prophet' needs prophet" in done.output
    assert "pip install 'ahpa[prophet]'" in done.output


@pytest.mark.parametrize("option", [("--unit", "concurrency"), ("--service-time", "2s"), ("--burstiness", "1")])
def test_what_a_list_says_itself_is_not_to_be_given(tmp_path: Path, option: tuple[str, str]) -> None:
    """Even where the value is the default: somebody believes that it counts."""
    done = run(request_list(tmp_path, 0.1), "--out", tmp_path / "out", *option)
    assert done.exit_code == 2
    assert f"{option[0]}: a list of requests says it itself" in done.output


def test_a_list_has_no_parts_to_be_summed(tmp_path: Path) -> None:
    done = run(request_list(tmp_path, 0.1), "--out", tmp_path / "out", "--sum", "pod")
    assert done.exit_code == 2
    assert "--sum: a list of requests has no labels" in done.output


def test_lists_and_counts_do_not_go_into_one_run(tmp_path: Path) -> None:
    done = run(request_list(tmp_path, 0.1), fleet(tmp_path, 0.1), "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "do not go into one run" in done.output


@pytest.mark.parametrize("option", [("--concurrency", "2"), ("--target-utilization", "0.2")], ids=lambda o: o[0])
def test_what_a_service_says_itself_is_not_to_be_given(tmp_path: Path, option: tuple[str, str]) -> None:
    service = tmp_path / "svc.yaml"
    service.write_text(OWNED)
    done = run(fleet(tmp_path, names=("a",)), "--service", service, "--out", tmp_path / "out", *option)
    assert done.exit_code == 2
    assert f"{option[0]}: the Service of --service says it" in done.output


def test_a_password_in_a_url_is_not_shown(tmp_path: Path) -> None:
    done = run(
        "--from-prometheus", "http://u:secret@127.0.0.1:9", "--query", "up", "--history", "1d", "--out", tmp_path
    )
    assert done.exit_code == 3
    assert "secret" not in done.output
    assert "Connection refused" in done.output


def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    """Two services of one load would both be saved, and the saving counted twice."""
    file = fleet(tmp_path, names=("a",))
    done = run(file, tmp_path / "." / file.name, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "named twice" in done.output


def test_an_unreachable_prometheus_is_exit_code_3(tmp_path: Path) -> None:
    done = run("--from-prometheus", "http://127.0.0.1:9", "--query", "up", "--history", "1d", "--out", tmp_path / "out")
    assert done.exit_code == 3
    assert "query-1" in done.output


@pytest.mark.parametrize("name", ["prometheus-token-file", "prometheus-headers-file", "prometheus-insecure"])
def test_options_for_a_prometheus_without_one_are_refused(tmp_path: Path, name: str) -> None:
    value = () if name.endswith("insecure") else (tmp_path / "x",)
    done = run(fleet(tmp_path, names=("a",)), f"--{name}", *value, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert f"--{name}: there is no --from-prometheus" in done.output


def test_a_tenant_is_named_in_a_file_and_missing_it_names_the_option(tmp_path: Path) -> None:
    """Grafana Mimir says "401 (b'no org id')" and nothing of what would help (H)."""
    server = Server()
    server.answer = lambda handler: (matrix() if handler.headers.get("X-Scope-OrgID") else say(401, b"no org id"))(
        handler
    )
    asked = ("--from-prometheus", server.url, "--query", "up", "--history", "1d", "--out", tmp_path / "out")
    done = run(*asked)
    assert done.exit_code == 3
    assert "name the tenant in --prometheus-headers-file" in done.output
    headers = tmp_path / "headers"
    headers.write_text("X-Scope-OrgID: team-a\n")
    done = run(*asked, "--prometheus-headers-file", headers)
    server.close()
    assert done.exit_code == 4
    assert "the queries gave no samples" in done.output
