"""Which cluster, and who we are there: from a kubeconfig, or from the pod's own service account.

The official client reads both. What it makes of a broken file is anything from a TypeError to a "PEM lib", so here each
failure becomes one sentence: what is wrong, where, and what to do.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ahpa.ports import ClusterError

if TYPE_CHECKING:
    from kubernetes.client import Configuration


class NoCluster(ClusterError):
    """There is nobody to ask: no way to a cluster was given, or it cannot be read."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)
        self.status = 0


def settings_from(kubeconfig: str | None = None, context: str | None = None) -> Configuration:
    """How to reach the cluster of a kubeconfig's context; without both the pod's own account counts first. Raises
    NoCluster."""
    from kubernetes import client, config

    settings = client.Configuration()
    if not kubeconfig and not context:
        try:
            config.load_incluster_config(client_configuration=settings)
        except config.ConfigException as error:
            if not any(map(os.path.exists, _files(None))):
                raise NoCluster(
                    f"not in a pod ({str(error)[:200]}), and there is no kubeconfig at {_named(None)}; give one with "
                    "--kubeconfig, or set KUBECONFIG"
                ) from error
        else:
            return settings
    try:
        config.load_kube_config(kubeconfig, context, client_configuration=settings, persist_config=False)
    except Exception as error:  # ConfigException, YAMLError, TypeError, binascii.Error, ...: whatever the file holds
        raise NoCluster(_refusal(kubeconfig, context, error)) from error
    if problem := next(_unusable(settings), None):
        raise NoCluster(f"{_named(kubeconfig)}: {problem}; mend it there, or choose another context with --context")
    return settings


def _refusal(kubeconfig: str | None, context: str | None, error: Exception) -> str:
    where, said = _named(kubeconfig), " ".join(str(error).split())[:300]
    missing = [name for name in _files(kubeconfig) if not os.path.exists(name)]
    if len(missing) == len(_files(kubeconfig)):
        return f"{where}: no such file; give a kubeconfig with --kubeconfig, or set KUBECONFIG"
    if isinstance(error, OSError):
        return f"{where}: {error.strerror or said}; give a file that can be read with --kubeconfig"
    known = _contexts(kubeconfig)
    if known is None:
        return f"{where}: not a kubeconfig: {said}; `kubectl --kubeconfig FILE config view` must be able to read it"
    if context is not None and context not in known:
        return f"{where}: there is no context {context[:80]!r}, but {', '.join(known)[:300] or 'none'}; see --context"
    if context is None and "current-context" in said:
        return f"{where}: it names no current context; choose one with --context: {', '.join(known)[:300]}"
    return f"{where}: {said}; mend it there, or choose another context with --context"


def _contexts(kubeconfig: str | None) -> list[str] | None:
    """The names of its contexts; None where it is no kubeconfig at all."""
    import yaml

    names: list[str] = []
    for file in filter(os.path.exists, _files(kubeconfig)):
        try:
            found = yaml.safe_load(Path(file).read_bytes())
            names += [str(each["name"]) for each in found["contexts"]]
        except (yaml.YAMLError, OSError, UnicodeDecodeError, TypeError, KeyError, RecursionError):
            return None
    return names


def _files(kubeconfig: str | None) -> list[str]:
    """As kubectl looks for them."""
    given = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    return [os.path.expanduser(name) for name in given.split(os.pathsep) if name]


def _named(kubeconfig: str | None) -> str:
    return kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"


def _unusable(settings: Configuration) -> Iterator[str]:
    """Certificates with which no connection could be made: said now, not at each request."""
    if settings.verify_ssl and settings.ssl_ca_cert:
        try:
            ssl.create_default_context(cafile=settings.ssl_ca_cert)
        except (OSError, ValueError):  # ssl's errors are OSErrors
            yield "the cluster's certificate-authority holds no certificate that can be read (PEM)"
    if settings.cert_file:
        try:
            ssl.create_default_context().load_cert_chain(settings.cert_file, settings.key_file, password=_no_password)
        except (OSError, ValueError):
            yield "the user's client-certificate and client-key cannot be read, or do not belong together (PEM)"


def _no_password() -> str:
    raise ValueError("an encrypted key")
