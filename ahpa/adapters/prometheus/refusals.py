"""What an answer that is none means, and which option would help: for people who have a proxy, a login, a tenant or a
certificate of their own between us and their Prometheus.

The options are those of `ahpa.commands.options.prometheus_options`.
"""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import requests

_LOGIN = "--prometheus-token-file, --prometheus-basic-auth-file, --prometheus-headers-file or --prometheus-cert"


def refusal_of(response: requests.Response, body: bytes) -> str | None:
    """Why this is no answer of a Prometheus, or None."""
    status = response.status_code
    said = "" if status == 200 else _said(body)  # a good answer is megabytes, and comes by the hundred
    if 300 <= status < 400:
        place = urlsplit(response.headers.get("Location", ""))
        where = f"{place.scheme}://{place.hostname}" if place.hostname else "another path"
        return (
            f"{status}: redirected to {where[:200]}, which is not followed. Is it a login? "
            f"Then give an address behind it, or {_LOGIN}"
        )
    if status in (400, 401, 403) and re.search(r"no org id|x-scope-orgid|tenant", said, re.IGNORECASE):
        return f"{status}: {said}; name the tenant in --prometheus-headers-file, as 'X-Scope-OrgID: team-a'"
    if status in (401, 403):
        asks = response.headers.get("WWW-Authenticate", "").partition(" ")[0].lower()
        helps = {"basic": "--prometheus-basic-auth-file", "bearer": "--prometheus-token-file"}.get(asks, _LOGIN)
        known = "Authorization" in response.request.headers
        asked = "not accepted as we are, look into" if known else "say who we are with"
        return f"{status}: {said or 'no'}; {asked} {helps}"
    if status == 400 and "HTTP request to an HTTPS server" in said:
        return "400: it speaks TLS; the address begins with https://"
    if _is_page(response, body):
        return (
            f"{status}: an HTML page and not Prometheus' API. Is it a login ({_LOGIN}), "
            "or does the address lack a path, as /prometheus?"
        )
    if status == 404:
        return f"404: {said}; does the address end where /api/v1/query_range begins?"
    return None if status == 200 else f"{status}: {said or 'it does not say why'}"


def tls_refusal_of(reason: str) -> str | None:
    """Which option helps where TLS failed; None where none does."""
    if "unable to get local issuer" in reason or "self-signed" in reason or "self signed" in reason:
        return "its certificate comes from a CA that is not known; give --prometheus-ca (or --prometheus-insecure)"
    if "certificate has expired" in reason:
        return "its certificate has expired"
    if "not valid for" in reason or "doesn't match" in reason or "mismatch" in reason:
        return "its certificate is for another name than that of the address"
    if "certificate required" in reason.lower() or "handshake failure" in reason.lower():
        return "it asks for a client's certificate; give --prometheus-cert and --prometheus-key"
    if "EOF occurred in violation" in reason:
        return "it broke off; does it ask for a client's certificate? Then give --prometheus-cert and --prometheus-key"
    if "WRONG_VERSION_NUMBER" in reason or "wrong version number" in reason or "record layer failure" in reason:
        return "it does not speak TLS; does the address begin with http:// ?"
    return None


def way_to(reason: str) -> str | None:
    """What to do where nobody was reached at the address; None where that is not the reason."""
    forward = "`kubectl -n monitoring port-forward svc/prometheus 9090` and the address http://localhost:9090"
    if "Connection refused" in reason:
        return f"nothing listens there; look into the address. From outside its cluster: {forward}"
    if "Failed to resolve" in reason or "Name or service not known" in reason:
        return f"that name is not known here; inside a cluster it is NAME.NAMESPACE. From outside: {forward}"
    return None


def _said(body: bytes) -> str:
    """The server's own words, in one printable line."""
    text = body[:4096].decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, dict) and isinstance(parsed.get("error"), str):
        text = parsed["error"]
    return "".join(c if c.isprintable() else " " for c in text).strip()[:200]


def _is_page(response: requests.Response, body: bytes) -> bool:
    kind = response.headers.get("Content-Type", "")
    return kind.startswith("text/html") or body[:100].lstrip().lower().startswith((b"<!doctype", b"<html"))
