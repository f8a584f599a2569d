"""`ahpa restore`: shown before it is done, done only when said, and whatever is left is named."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import click
import pytest
from click.testing import CliRunner, Result

from ahpa.adapters.kubernetes.deployment import Deployment
from ahpa.cli import main
from ahpa.commands.restore import restored, stopped
from ahpa.ports import ClusterError
from tests.fakes.kube import FakeKube
from tests.service.stage import HPAS
from tests.service.test_restore import actuators, faces, no_sleep, raised


def typed(kube: FakeKube, *services: str, yes: bool = False, answer: str = "") -> Result:
    """As the command does once it is connected."""

    @click.command()
    @click.pass_context
    def command(context: click.Context) -> None:
        context.exit(restored(actuators(kube), services, yes, no_sleep))

    return CliRunner().invoke(command, input=answer)


PREVIEW = """\
hpa/shop/h0: 7 -> 1
hpa/shop/h1: 7 -> 2
knative/shop/s0: 7 -> 0
"""


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0)])
def test_it_shows_what_it_would_do_and_asks(answer: str, code: int) -> None:
    kube, before = raised(services=1, hpas=2)
    done = typed(kube, answer=answer)
    assert done.exit_code == code, done.output
    assert done.output.startswith(f"{PREVIEW}Put back 3 as their owners had them? [y/N]: ")
    assert (faces(kube) == before) is (code == 0)


def test_only_those_that_are_named() -> None:
    kube, before = raised(services=1, hpas=2)
    done = typed(kube, "shop/h1", yes=True)
    assert done.exit_code == 0, done.output
    assert "1 of 1 are as their owners had them" in done.output
    assert [where for where, face in faces(kube).items() if face == before[where] and where.startswith(HPAS)] == [
        f"{HPAS}/h1"
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [("shop/h2", "shop/h2: none of that name carries our record; did you mean shop/h1?"),
     ("x", "none of that name carries our record; there are hpa/shop/h0, hpa/shop/h1, knative/shop/s0")],
)  # fmt: skip
def test_a_name_that_is_none_is_answered_with_those_that_are(name: str, says: str) -> None:
    done = typed(raised(services=1, hpas=2)[0], name)
    assert done.exit_code == 2
    assert says in done.output


@dataclass
class Running:
    """What runs the service; its pods end one look after they were asked to."""

    pods_left: list[tuple[str, ...]]
    says: list[int] = field(default_factory=list)
    """With which status the next asks to stop are refused."""
    asked: int = 0

    def scale_to_zero(self) -> str:
        self.asked += 1
        if self.says:
            raise ClusterError(self.says.pop(0), "no")
        return "app=ahpa"

    def pods(self, selector: str) -> tuple[str, ...]:
        assert selector == "app=ahpa"
        return self.pods_left.pop(0) if len(self.pods_left) > 1 else self.pods_left[0]


def test_a_service_is_stopped_when_none_of_its_pods_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    """One that is told to end may still be in the middle of a round; two are there in a rollout."""
    running = Running([("a", "b"), ("b",), ()], says=[409, 503])
    assert stopped(running, no_sleep)
    assert running.asked == 5
    assert capsys.readouterr().err == ""


def test_one_that_does_not_stop_is_said_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A node that is lost: nobody knows whether the service still writes there."""
    pauses: list[float] = []
    assert not stopped(Running([("lost",)]), pauses.append)
    assert "the service did not stop, so nothing was put back: still running: lost" in capsys.readouterr().err
    assert sum(pauses) >= 60, "a pod has 30 s to end, and its node some to say so"


def test_a_right_that_is_missing_is_said_at_once() -> None:
    running = Running([()], says=[403])
    with pytest.raises(ClusterError, match="403"):
        stopped(running, no_sleep)
    assert running.asked == 1


def test_a_service_that_is_not_there_has_stopped() -> None:
    """Who deleted it first may still put back."""
    assert stopped(Deployment(FakeKube(), "ahpa-system", "ahpa"), no_sleep)


@pytest.mark.parametrize("words", [("--all",), ("shop/chat", "--yes")])
def test_the_service_is_stopped_for_all_and_without_a_question_or_not_at_all(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["restore", "--stop", "ahpa-system/ahpa", *words])
    assert done.exit_code == 2
    assert "--stop goes with --all --yes" in done.output


def test_nothing_to_do_is_fine() -> None:
    done = typed(FakeKube(), yes=True)
    assert (done.exit_code, done.output) == (0, "nothing to put back: no object carries our record\n")


def says_no(status: int, method: str) -> Callable[[str, str], ClusterError | None]:
    return lambda asked, where: ClusterError(status, "no") if asked == method else None


def test_what_could_not_be_put_back_is_named_with_exit_code_1() -> None:
    kube, _ = raised(services=0, hpas=1)
    kube.fail = says_no(403, "PATCH")
    done = typed(kube, yes=True)
    assert done.exit_code == 1
    assert "not put back: hpa/shop/h0: 403: no" in done.output


def test_a_kind_that_cannot_be_listed_is_no_success() -> None:
    """Its objects may carry our record."""
    kube, _ = raised(services=0, hpas=1)
    kube.fail = lambda method, where: ClusterError(403, "no") if "serving" in where else None
    done = typed(kube, yes=True)
    assert done.exit_code == 1
    assert "knative could not be listed: 403: no" in done.output
    assert "1 of 1 are as their owners had them" in done.output


@pytest.mark.parametrize("luck", range(3))
def test_a_busy_api_is_tried_again_from_the_first_list_on(luck: int) -> None:
    """One list that is throttled would leave out a whole kind."""
    kube, before = raised(services=10, hpas=10)
    rng = random.Random(luck)
    kube.fail = lambda method, where: ClusterError(429, "not now") if rng.random() < 0.1 else None
    done = typed(kube, yes=True)
    assert done.exit_code == 0, done.output
    assert "20 of 20 are as their owners had them" in done.output
    assert faces(kube) == before


@pytest.mark.parametrize("words", [(), ("shop/chat", "--all")])
def test_all_or_some_must_be_said(words: tuple[str, ...]) -> None:
    """A slip must not restore a cluster."""
    done = CliRunner().invoke(main, ["restore", *words])
    assert done.exit_code == 2
    assert "name services, or say --all for every object that carries our record" in done.output
