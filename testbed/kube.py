"""A small client of the Kubernetes API: plain HTTP with plain dictionaries, kinds found by discovery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

Object = dict[str, Any]
_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def condition(of: Mapping[str, Any], kind: str) -> str:
    """The status ("True", "False", "Unknown") of an object's condition; "" if it has none of that type."""
    conditions: Sequence[Mapping[str, str]] = (of.get("status") or {}).get("conditions") or []
    return next((each["status"] for each in conditions if each["type"] == kind), "")


class KubeError(Exception):
    """The API server refused; `status` is the HTTP code, the message is the server's own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class Resource:
    """Where the objects of one kind are found."""

    prefix: str  # "/api/v1" or "/apis/GROUP/VERSION"
    plural: str
    kind: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        scope = ["namespaces", namespace] if self.namespaced and namespace else []
        return "/".join(part for part in [self.prefix, *scope, self.plural, name, subresource] if part)


class KubeApi:
    """One API server as one user.

    A resource is named as for kubectl: plural, singular or short name ("pods", "pod", "ksvc", "hpa"), or
    plural.group ("services.serving.knative.dev") where several groups have the same; the core group wins.
    """

    def __init__(self, url: str, token: str, ca_file: Path) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.mount("https://", HTTPAdapter(pool_maxsize=32))
        self._http.trust_env = False  # no proxy between us and loopback
        self._http.headers["Authorization"] = f"Bearer {token}"
        self._http.verify = str(ca_file)
        self._by_name: dict[str, Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """One call; the parsed answer, or `KubeError` for a status of 400 and above."""
        headers = {"Content-Type": content_type, "Accept": accept}
        answer = self._http.request(method, self.url + path, json=body, headers=headers, params=params, timeout=30)
        if answer.status_code >= 400:
            try:
                message = answer.json()["message"]
            except (ValueError, KeyError, TypeError):
                message = answer.text
            raise KubeError(answer.status_code, message)
        # Not by content type: the schema index is JSON without saying so. Only /readyz answers with plain text.
        return answer.json() if answer.content.startswith(b"{") else answer.text

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ready(self) -> bool:
        """True once the API server says so."""
        try:
            return bool(self.request("GET", "/readyz") == "ok")
        except (KubeError, requests.ConnectionError):
            return False

    def apply(self, manifest: Mapping[str, Any], manager: str = "testbed") -> Object:
        """Create the object or make it as the manifest says (server-side apply as `manager`, conflicts are won)."""
        resource = self._of(manifest["apiVersion"], manifest["kind"])
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace", "default")
        path = resource.path(namespace, metadata["name"])
        options = {"fieldManager": manager, "force": "true"}
        result: Object = self.request("PATCH", path, manifest, "application/apply-patch+yaml", params=options)
        return result

    def get(self, resource: str, name: str, namespace: str = "default") -> Object:
        result: Object = self.request("GET", self.resource(resource).path(namespace, name))
        return result

    def find(self, resource: str, namespace: str | None = "default", selector: str = "") -> list[Object]:
        """The objects in `namespace`, or in all when None; `selector` as in `kubectl get -l`."""
        path = self.resource(resource).path(namespace)
        found = self.request("GET", path, params={"labelSelector": selector})
        items: list[Object] = found["items"] or []  # some kinds say null for none
        return items

    def patch(
        self,
        resource: str,
        name: str,
        patch: Mapping[str, Any],
        namespace: str = "default",
        subresource: str | None = None,
    ) -> Object:
        """Merge patch: None removes a key."""
        path = self.resource(resource).path(namespace, name, subresource)
        result: Object = self.request("PATCH", path, patch, "application/merge-patch+json")
        return result

    def delete(self, resource: str, name: str, namespace: str = "default") -> None:
        """Delete the object and, in the background, what it owns; fine if it is not there."""
        try:
            self.request("DELETE", self.resource(resource).path(namespace, name), {"propagationPolicy": "Background"})
        except KubeError as error:
            if error.status != 404:
                raise

    def resource(self, name: str) -> Resource:
        """The resource of this (plural, singular, short or plural.group) name; `KubeError` 404 if unknown."""
        if name not in self._by_name:
            self._discover()
        if name not in self._by_name:
            raise KubeError(404, f"the server has no resource {name!r}")
        return self._by_name[name]

    def _of(self, api_version: str, kind: str) -> Resource:
        if (api_version, kind) not in self._by_kind:
            self._discover()
        if (api_version, kind) not in self._by_kind:
            raise KubeError(404, f"the server has no kind {api_version} {kind}")
        return self._by_kind[api_version, kind]

    def _discover(self) -> None:
        """Aggregated discovery: two requests name everything (Kubernetes >= 1.30)."""
        for root in ("/api", "/apis"):
            for group in self.request("GET", root, accept=_DISCOVERY)["items"]:
                group_name = group["metadata"].get("name", "")
                for version in group["versions"]:
                    self._learn(group_name, version["version"], version.get("resources", []))

    def _learn(self, group: str, version: str, resources: list[Object]) -> None:
        api_version = f"{group}/{version}" if group else version
        prefix = f"/apis/{api_version}" if group else f"/api/{version}"
        for found in resources:
            kind = found.get("responseKind", {}).get("kind", "")
            one = Resource(prefix, found["resource"], kind, found["scope"] == "Namespaced")
            self._by_kind.setdefault((api_version, kind), one)
            names = [found["resource"], found.get("singularResource"), *found.get("shortNames", [])]
            for name in (*names, f"{found['resource']}.{group}"):
                if name:
                    self._by_name.setdefault(name, one)
