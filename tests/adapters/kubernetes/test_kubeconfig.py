"""A kubeconfig that cannot be used: one sentence with what, where and what to do, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from ahpa.adapters.kubernetes.kubeconfig import NoCluster, settings_from

GOOD = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: abc}}]
contexts: [{name: shop, context: {cluster: c, user: u}}, {name: bank, context: {cluster: c, user: u}}]
current-context: shop
"""
WORDS = "just words"


def with_cluster(more: str) -> str:
    return GOOD.replace('server: "https://127.0.0.1:1"', f'server: "https://127.0.0.1:1", {more}')


def with_user(more: str) -> str:
    return GOOD.replace("token: abc", more)


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in a pod, nor with a kubeconfig of one's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(name, raising=False)


def refusal(kubeconfig: str | None = None, context: str | None = None) -> str:
    with pytest.raises(NoCluster) as failure:
        settings_from(kubeconfig, context)
    return str(failure.value)


def test_a_good_one_is_taken(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(GOOD)
    assert settings_from(str(tmp_path / "config"), "bank").host == "https://127.0.0.1:1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [b", "not a kubeconfig: while parsing a flow sequence"),
        (WORDS, "not a kubeconfig: "),
        ("", "not a kubeconfig: Invalid kube-config. "),
        ("\udcff", "not a kubeconfig: 'utf-8' codec can't decode"),
        (GOOD.replace("current-context: shop", ""), "no current context; choose one with --context: shop, bank"),
        (GOOD.replace("current-context: shop", "current-context: absent"), "object with name absent"),
        (with_cluster("certificate-authority: /absent/ca"), "File does not exist: /absent/ca; mend it there"),
        (with_cluster("certificate-authority: {words}"), "certificate-authority holds no certificate that can be read"),
        (with_cluster("certificate-authority-data: zzz"), "Incorrect padding; mend it there"),
        (with_cluster("certificate-authority-data: anVuaw=="), "certificate-authority holds no certificate"),
        (with_user("client-certificate: {words}, client-key: {words}"), "client-certificate and client-key cannot be"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    """Half of them were tracebacks: a YAMLError, a TypeError; a certificate was found out at the first request."""
    file, words = tmp_path / "config", tmp_path / "words"
    words.write_text(WORDS)
    file.write_bytes(text.replace("{words}", str(words)).encode(errors="surrogateescape"))
    found = refusal(str(file))
    assert found.startswith(f"{file}: ")
    assert said in found
    assert "no answer" not in found


def test_a_context_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(GOOD)
    found = refusal(str(tmp_path / "config"), "shpo")
    assert found == f"{tmp_path / 'config'}: there is no context 'shpo', but shop, bank; see --context"


def test_a_file_that_is_not_there_is_named_wherever_its_name_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hint = "no such file; give a kubeconfig with --kubeconfig, or set KUBECONFIG"
    assert refusal("/absent/config") == f"/absent/config: {hint}"
    assert refusal(context="shop") == f"~/.kube/config: {hint}"
    assert "there is no kubeconfig at ~/.kube/config; give one with --kubeconfig" in refusal()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    assert refusal(context="shop") == f"{tmp_path / 'absent'}: {hint}"
