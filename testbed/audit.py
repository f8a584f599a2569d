"""What was asked of the API server and by whom, from its own audit log: the proof that somebody wrote nothing.

The log holds every write, and the reads of service accounts, so that one can also see that the account in question
was there at all. Format: audit.k8s.io/v1, one JSON object per line; of the writes of service accounts
with what was asked for and what became of it, of all else at level Metadata.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from testbed.kube import KubeApi, Object
from testbed.processes import wait_until

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_KEPT_NOWHERE = frozenset({"authentication.k8s.io", "authorization.k8s.io"})  # reviews: questions, sent as "create"
_WRITTEN = ("serving.knative.dev", "autoscaling.internal.knative.dev", "autoscaling", "coordination.k8s.io")
"""Groups of what a service account of ours writes: its bodies are kept too."""

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {
            "level": "RequestResponse",
            "verbs": ["create", "update", "patch"],
            "userGroups": ["system:serviceaccounts"],
            "resources": [{"group": group} for group in _WRITTEN],
        },
        {"level": "Metadata", "verbs": sorted(WRITES)},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},  # the reads of the testbed's own parts, hundreds a second
    ],
}


@dataclass(frozen=True)
class Request:
    """One request that the API server answered; `code` is the HTTP status of the answer."""

    user: str  # system:serviceaccount:NAMESPACE:NAME for service accounts
    manager: str  # field manager: as named, else what the server takes from the user agent
    verb: str
    group: str  # "" for the core group
    resource: str  # "deployments", or "deployments/scale"
    namespace: str
    name: str
    code: int
    dry_run: bool

    @property
    def writes(self) -> bool:
        """True if it asked for something to be kept, whether it was granted or refused."""
        return self.verb in WRITES and not self.dry_run and self.group not in _KEPT_NOWHERE


class AuditLog:
    """The audit log of the API server that `api` speaks to."""

    def __init__(self, path: Path, api: KubeApi) -> None:
        self._path = path
        self._api = api

    def requests(self, user: str | None = None, manager: str | None = None) -> list[Request]:
        """Everything logged so far of this user, or this field manager, or both; in the order of the answers."""
        found = [_request(event) for event in self.events()]
        return [each for each in found if user in (None, each.user) and manager in (None, each.manager)]

    def writes(self, user: str | None = None, manager: str | None = None) -> list[Request]:
        """Those that asked for something to be kept; refused ones are among them, dry runs and reviews are not."""
        return [each for each in self.requests(user, manager) if each.writes]

    def events(self) -> Iterator[Object]:
        """All of it as it was written, up to this moment: the server may log a request a little after its answer, but
        not after a later one's."""
        mark, before = uuid.uuid4().hex, self._path.stat().st_size
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        self._api.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, params={"mark": mark})
        wait_until(lambda: mark in self._since(before), "the API server writes its audit log", every_seconds=0.02)
        with self._path.open() as log:
            for line in log:
                if mark in line:
                    return
                yield json.loads(line)

    def _since(self, size: int) -> str:
        with self._path.open() as log:
            log.seek(size)
            return log.read()


def _request(event: Object) -> Request:
    about = event.get("objectRef", {})
    asked = parse_qs(urlsplit(event["requestURI"]).query)
    resource = about.get("resource", "")
    agent = event.get("userAgent", "").split("/", 1)[0]
    return Request(
        user=event["user"]["username"],
        manager=asked.get("fieldManager", [agent])[0],
        verb=event["verb"],
        group=about.get("apiGroup", ""),
        resource=f"{resource}/{sub}" if (sub := about.get("subresource")) else resource,
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
        dry_run="dryRun" in asked,
    )
