"""`ahpa check` as it is typed: over sockets to an API server and a Prometheus, with every adapter in between."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from ahpa.cli import main
from tests.adapters.prometheus.server import Server
from tests.check.server import AskedKube, as_manifests
from tests.commands.bazaar import knative
from tests.commands.test_backtest_input import answering
from tests.commands.test_serve_usage import KUBECONFIG
from tests.service.api_server import ApiServer, answer

WHERE = "/apis/serving.knative.dev/v1/namespaces/shop/services/chat"


class AskedServer(ApiServer):
    """It can list the bindings of admission policies too."""

    def _good(self, method: str, path: str, query: dict[str, str], body: bytes) -> bytes:
        if path.endswith("/validatingadmissionpolicybindings"):
            return answer(200, {"kind": "List", "metadata": {}, "items": self.kube.items(path)})
        return super()._good(method, path, query, body)


def typed(kubeconfig: Path, prometheus: str) -> Result:
    words = ["check", "--kubeconfig", str(kubeconfig), "--prometheus", prometheus, "--history", "3d", "-o", "json"]
    return CliRunner().invoke(main, words)


def test_from_end_to_end_it_reads_and_asks_and_changes_nothing(tmp_path: Path) -> None:
    """All that is sent besides reading are reviews, which no API server keeps. The Prometheus answers everything with
    some thirty, so it scrapes every thirty seconds."""
    kube, prometheus = AskedKube(as_manifests("knative", "hpa")), Server()
    for part in ("base", "knative", "hpa"):
        kube.fence(part)
    knative(kube, "shop", "chat")
    kube.edit(WHERE, {"metadata": {"annotations": {"ahpa.dev/mode": "observe"}}})
    prometheus.answer = answering(lambda at: 30.0, {})
    api = AskedServer(kube)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.replace("http://127.0.0.1:1", api.url))
    try:
        done = typed(kubeconfig, prometheus.url)
        away = typed(kubeconfig, "http://127.0.0.1:1")
    finally:
        api.close()
        prometheus.close()
    rows = json.loads(done.stdout)
    assert [row for row in rows if row["outcome"] != "ok"] == []
    assert done.exit_code == 0
    assert {"kubernetes", "prometheus"} <= {row["where"] for row in rows if row["what"] == "clock"}
    assert "1 of 1 answer" in {row["said"] for row in rows}
    assert all(path.endswith("reviews") for method, path in api.asked if method != "GET")
    assert away.exit_code == 3
    assert "prometheus" in {row["what"] for row in json.loads(away.stdout) if row["outcome"] == "unreachable"}
