"""From a path to its answer: which view, and which of its two faces. A name in a path is only ever looked up."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from ahpa.adapters.telemetry.http import Answer
from ahpa.core.words import printable
from ahpa.site import decisions_page, fleet_page, service_page
from ahpa.site.as_json import as_json, openapi
from ahpa.site.asked import Asked, Unclear, asked_by
from ahpa.site.detail import Details
from ahpa.site.frame import POLICY, problem_page
from ahpa.site.pictures import Pictures
from ahpa.site.running import Running
from ahpa.site.seen import Seen
from ahpa.site.views import Problem, ServiceDetail

API = "/api/v1/"


class NotHere(LookupError):
    """There is nothing under this path, in words."""


class Site:
    """Answers for one service; many threads may ask."""

    def __init__(self, running: Running) -> None:
        self._seen = Seen(running)
        self._details = Details(self._seen)
        self._pictures = Pictures()

    def __call__(self, asked: str) -> Answer:
        """As `Respond` says."""
        path, _, query = asked.partition("?")
        of_api = path.startswith(API)
        try:
            return self._json(path.removeprefix(API), query) if of_api else self._html(path, query)
        except Unclear as error:
            problem = Problem(400, str(error))
        except NotHere as error:
            problem = Problem(404, str(error))
        if of_api:
            return Answer(problem.status, "application/json", as_json(problem))
        return _page(problem_page(problem), problem.status)

    def _json(self, path: str, query: str) -> Answer:
        wishes = asked_by(query)
        lists: Mapping[str, Callable[[], bytes]] = {
            "services": lambda: as_json(self._seen.fleet(wishes)),
            "decisions": lambda: as_json(self._seen.changes(wishes)),
            "openapi.json": openapi,
        }
        if path in lists:
            return Answer(200, "application/json", lists[path]())
        found = self._service(path.removeprefix("services/"), path, wishes.what_if)
        return Answer(200, "application/json", as_json(found))

    def _html(self, path: str, query: str) -> Answer:
        wishes: Asked = asked_by(query)
        if path == "/":
            return _page(fleet_page.page(self._seen.fleet(wishes), wishes))
        if path == "/decisions":
            return _page(decisions_page.page(self._seen.changes(wishes), wishes))
        detail = self._service(path.removeprefix("/service/"), path, wishes.what_if)
        return _page(service_page.page(detail, self._pictures.of(detail)))

    def _service(self, place: str, path: str, what_if: bool) -> ServiceDetail:
        """Raises NotHere."""
        if place == path:
            raise NotHere("there is no such page")
        key = "/".join(unquote(part, errors="replace") for part in place.split("/"))
        found = self._details.of(key, what_if)
        if found is None:
            at = self._seen.running.shown().at
            why = (
                "the first round is not over yet" if math.isnan(at) else "it carries no annotation of ours, or is gone"
            )
            raise NotHere(f"{printable(key, 200)}: there is no such service: {why}")
        return found


def _page(markup: str, status: int = 200) -> Answer:
    return Answer(status, "text/html; charset=utf-8", markup.encode("utf-8", "replace"),
                  {"Content-Security-Policy": POLICY})  # fmt: skip
