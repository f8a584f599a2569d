"""A KubeApi whose patches come at a pace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.through import Through
from ahpa.ports import ClusterError


def _unheard(status: int) -> None:
    """For a pace that is the same whatever the server says."""


@dataclass(frozen=True)
class Paced(Through):
    """A KubeApi whose patches wait for their turn: `pace` is called before each, and `answered` told the status of its
    answer (0: none). What changes nothing makes no patch, and so waits for nothing."""

    pace: Callable[[], None]
    answered: Callable[[int], None] = _unheard

    def merge_patch(self, where: str, body: Object) -> Object:
        self.pace()
        try:
            patched = self.kube.merge_patch(where, body)
        except ClusterError as error:
            self.answered(error.status)
            raise
        self.answered(200)
        return patched
