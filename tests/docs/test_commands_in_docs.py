"""Commands that the documents tell people to type are read by whoever would read them: ours by our parser with every
value, kubectl's by kubectl, a kustomization by kustomize. What the README shows with its output is run whole
(test_readme_backtest.py, tests/demo)."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest

from ahpa.cli import COMMANDS, main
from testbed import __main__ as testbed
from testbed.build import find_parts
from tests.docs.commands import blocks, inline, lines
from tests.docs.test_docs import ROOT
from tests.manifests.chart import helm

NOT_READ = {
    "docker build -t registry.example.com/team/ahpa:0.1.0 .": "needs Docker; the Dockerfile has tests of its own",
    "docker push registry.example.com/team/ahpa:0.1.0": "as above, and it would write to a registry",
}
"""Commands in blocks that no parser reads here, and why."""
SHELL = "export "
STANDS_FOR = {
    "$PROMETHEUS": "http://localhost:9090",
    "$(python -m testbed account ahpa-system ahpa)": "pyproject.toml",  # a file that is there
}
"""Words of a shell, and a value of their kind."""
FRAGMENTS = re.compile(r"\.\.\.|…|\$name|\$kind|^kubectl \S+$| -k$")
"""What stands in a sentence as `kubectl annotate ...` or `kubectl apply` is a name or a form, and no command."""
PROGRAMS = ("ahpa", "kubectl", "helm", "make", "python", "docker")


def ours() -> list[str]:
    """Of blocks and of sentences, as `ahpa ...`."""
    every = [*lines(), *inline("ahpa"), *inline("kubectl ahpa")]
    named = {re.sub(r"^kubectl ahpa\b", "ahpa", line) for line in every}
    return sorted(line for line in named if re.match(r"ahpa [a-z]", line))


def theirs() -> list[str]:
    """kubectl's own, of blocks and of sentences."""
    on_the_testbed = (re.sub(r"^python -m testbed kubectl\b", "kubectl", line) for line in lines())
    every = {line for line in [*on_the_testbed, *inline("kubectl")] if line.startswith("kubectl ")}
    return sorted(line for line in every if not line.startswith("kubectl ahpa") and not FRAGMENTS.search(line))


def test_every_line_of_every_block_is_read_by_somebody() -> None:
    """Or stands on the list of those that are not, with the reason."""
    unread = [line for line in lines() if line.split()[0] not in PROGRAMS and not line.startswith(SHELL)]
    assert unread == []
    docker = {line for line in lines() if line.startswith("docker")}
    assert docker == NOT_READ.keys()
    assert [line for line in lines() if line.endswith("\\")] == []
    assert any(line.endswith("'serve.kinds={knative,hpa}'") for line in lines()), "what goes on in the next line too"
    assert len(ours()) > 15
    assert len(theirs()) > 15


@pytest.mark.parametrize("line", ours())
def test_a_command_of_ours_is_one(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a block: as it stands, its values read too. In a sentence, where values may be left out: its options exist."""
    monkeypatch.chdir(ROOT)
    name, *words = shlex.split(line)[1:]
    assert name in COMMANDS
    command = main.get_command(click.Context(main), name)
    assert command is not None
    options = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.partition("=")[0] for word in words if word.startswith("-")]
    assert [flag for flag in given if flag not in {*options, "--help"}] == []
    if line in {re.sub(r"^kubectl ahpa\b", "ahpa", each) for each in lines()}:
        command.make_context(name, [STANDS_FOR.get(word, word) for word in words])


@pytest.mark.parametrize("line", [*[each for each in lines() if each.startswith("make ")], *inline("make")])
def test_a_make_target_exists(line: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{re.escape(line.split()[1])}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("line", sorted({*(x for x in lines() if x.startswith("python ")), *inline("python")}))
def test_a_script_or_module_is_there(line: str) -> None:
    """Those that take long are not run; the testbed's own words are read by its parser."""
    words = shlex.split(line)[1:]
    if words[0] != "-m":
        ast.parse((ROOT / words[0]).read_text())
        return
    assert importlib.util.find_spec(words[1]) is not None
    if words[1] == "testbed" and len(words) > 2:
        with pytest.raises(SystemExit) as ended:
            testbed.main([*words[2:3], "--help"] if words[2] == "kubectl" else [*words[2:], "--help"])
        assert ended.value.code == 0


@pytest.mark.parametrize("block", [each for each in blocks() if "\n" in each.strip()], ids=lambda block: block[:30])
def test_a_block_is_what_a_shell_understands(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.testbed
@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("line", theirs())
def test_kubectl_understands_it(line: str, tmp_path: Path) -> None:
    """Without a cluster it gets as far as asking for one: a wrong word, flag or value would be told before."""
    kubectl, words = str(find_parts().binaries["kubectl"]), shlex.split(line.partition(" | ")[0])[1:]
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(NOWHERE)
    environment = os.environ | {"KUBECONFIG": str(nowhere), "HOME": str(tmp_path)}
    if "-k" in words:
        words = ["kustomize", words[words.index("-k") + 1]]
    ran = subprocess.run(
        [kubectl, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert words[0] == "kustomize" or ran.returncode == 1, ran.stderr
    assert ran.returncode == 0 or "127.0.0.1:1 was refused" in ran.stderr or "127.0.0.1:1:" in ran.stderr, ran.stderr


@pytest.mark.testbed
@pytest.mark.xdist_group("docs")
@pytest.mark.helm
@pytest.mark.parametrize("line", [line for line in lines() if line.startswith("helm ")])
def test_helm_renders_what_it_would_install(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    verb, *words = shlex.split(line)[1:]
    assert verb == "install"
    assert "kind: Deployment" in helm("template", *words)


NOWHERE = """\
{apiVersion: v1, kind: Config, current-context: nowhere,
 clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}], users: [{name: nowhere, user: {}}],
 contexts: [{name: nowhere, context: {cluster: nowhere, user: nowhere}}]}
"""


def test_the_readme_fits_a_newcomers_patience_and_names_the_test_command() -> None:
    text = (ROOT / "README.md").read_text().splitlines()
    assert len(text) <= 150
    assert any(line.startswith("- `make test` is **the** test command") for line in text)
