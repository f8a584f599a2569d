"""The page for those who move over shows what `ahpa migrate` prints."""

from __future__ import annotations

import re

from click.testing import CliRunner

from ahpa.cli import main
from tests.docs.test_docs import ROOT


def test_the_example_is_what_the_command_prints() -> None:
    given, shown = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/migrating.md").read_text(), re.DOTALL)
    done = CliRunner().invoke(main, ["migrate", "-"], input=given)
    assert done.stdout == shown
    assert done.exit_code == 1, "who scales the workload today only a person knows"
