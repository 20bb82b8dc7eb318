"""GitHub, Calendly and Open-Meteo as far as the ready-made tools speak to them: as their documentation says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.providers.servers import Asked, says

TOKEN = "t0ken"
Said = tuple[int, Any]

ISSUE: dict[str, Any] = {
    "id": 1,
    "number": 7,
    "title": "It is slow",
    "state": "open",
    "html_url": "https://github.com/o/r/issues/7",
    "body": None,
    "user": {"login": "ada", "id": 2},
    "labels": [{"id": 3, "name": "bug", "color": "f00"}],
    "comments": 2,
    "created_at": "2026-01-02T03:04:05Z",
    "updated_at": "2026-01-02T03:04:05Z",
    "closed_at": None,
    "reactions": {"+1": 1},
}


def _query(asked: Asked) -> tuple[str, dict[str, str]]:
    parts = urlsplit(asked.path)
    return parts.path, {name: values[-1] for name, values in parse_qs(parts.query).items()}


def _answering(answer: Callable[[Asked], Said]) -> Callable[[Asked, asyncio.StreamWriter], Any]:
    async def respond(asked: Asked, writer: asyncio.StreamWriter) -> None:
        status, body = answer(asked)
        headers = body.pop("headers", {}) if isinstance(body, dict) else {}
        await says(status, json.dumps(body), **headers)(asked, writer)

    return respond


def _github(asked: Asked) -> Said:
    path, query = _query(asked)
    if asked.headers.get("x-github-api-version") != "2022-11-28":
        return 400, {"message": "No such version"}
    if "github" not in asked.headers["accept"]:
        return 415, {"message": "Must accept 'application/json'"}
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return 401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}
    if path.startswith("/search/"):
        return _searched(path, query)
    if not path.startswith("/repos/o/r/issues"):
        return 404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
    if asked.method == "POST":
        return _written(path, asked.json())
    if path == "/repos/o/r/issues/7":
        return 200, dict(ISSUE)
    if path != "/repos/o/r/issues":
        return 404, {"message": "Not Found"}
    size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
    of = [{**ISSUE, "number": n, "pull_request": {"url": "u"}} for n in range(1, 6)]
    if query.get("labels") == "bug,slow":
        of = of[:1]
    return 200, of[(page - 1) * size : page * size]


def _written(path: str, body: dict[str, Any]) -> Said:
    if path.endswith("/comments"):
        made = {
            "id": 9,
            "html_url": "https://github.com/o/r/issues/7#9",
            "body": body["body"],
            "created_at": "2026-01-02",
        }
        return 201, made
    if body["title"] == " ":
        return 422, {
            "message": "Validation Failed",
            "errors": [{"resource": "Issue", "field": "title", "code": "missing_field"}],
        }
    return 201, {**ISSUE, "title": body["title"], "body": body.get("body")}


def _searched(path: str, query: dict[str, str]) -> Said:
    if query["q"] == "limited":
        return 403, {
            "message": "API rate limit exceeded",
            "headers": {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "9"},
        }
    if query["q"] == "often":
        return 429, {"message": "You have exceeded a secondary rate limit", "headers": {"retry_after": "60"}}
    if query["q"] == "::":
        return 422, {"message": "Validation Failed"}
    repository = {
        "id": 1,
        "full_name": "o/r",
        "html_url": "https://github.com/o/r",
        "description": None,
        "language": None,
    }
    code = {
        "name": "a.py",
        "path": "src/a.py",
        "html_url": "https://github.com/o/r/a.py",
        "repository": repository,
        "score": 1,
    }
    found = [repository] if path.endswith("repositories") else [code]
    return 200, {"total_count": 1, "incomplete_results": False, "items": found}


def _calendly(asked: Asked) -> Said:
    path, query = _query(asked)
    if asked.headers.get("authorization") != f"Bearer {TOKEN}":
        return 401, {"title": "Unauthenticated", "message": "The access token is invalid"}
    if path == "/event_type_available_times":
        return _times(query)
    if path == "/event_types" and not {"user", "organization"} & query.keys():
        return 400, {"title": "Invalid Argument", "message": "The supplied parameters are invalid."}
    if query.get("status") == "canceled":
        return 429, {"title": "Too Many Requests", "headers": {"x_ratelimit_reset": "60", "x_ratelimit_remaining": "0"}}
    event_type = {
        "uri": "https://api.calendly.com/event_types/A", "name": "Talk", "active": True, "slug": "talk", "duration": 30,
        "scheduling_url": "https://calendly.com/ada/talk", "kind": "solo", "description_plain": None, "secret": False,
    }  # fmt: skip
    event = {
        "uri": "https://api.calendly.com/scheduled_events/E", "name": "Talk", "status": "active",
        "start_time": "2026-12-01T10:00:00.000000Z", "end_time": "2026-12-01T10:30:00.000000Z", "location": None,
        "event_type": event_type["uri"], "invitees_counter": {"total": 1, "active": 1, "limit": 1},
    }  # fmt: skip
    invitee = {
        "uri": f"{event['uri']}/invitees/I", "email": "bob@example.com", "name": "Bob", "status": "active",
        "timezone": "Asia/Ho_Chi_Minh", "rescheduled": False, "questions_and_answers": [], "tracking": {},
    }  # fmt: skip
    found = {"/event_types": event_type, "/scheduled_events": event, "/scheduled_events/E/invitees": invitee}.get(path)
    if found is None:
        return 404, {"title": "Resource Not Found", "message": "The server could not find the requested resource."}
    token = None if "page_token" in query else "next"
    pagination = {"count": 1, "next_page": None, "previous_page": None, "next_page_token": token}
    return 200, {"collection": [found], "pagination": pagination}


def _times(query: dict[str, str]) -> Said:
    start, end = (datetime.fromisoformat(unquote(query[key])) for key in ("start_time", "end_time"))
    if (end - start).days > 31:
        return 400, {"title": "Invalid Argument", "message": "The date range can be no greater than 31 days."}
    slot = {"status": "available", "invitees_remaining": 1, "start_time": "2026-12-01T10:00:00Z"}
    return 200, {"collection": [{**slot, "scheduling_url": "https://calendly.com/ada/talk/2026-12-01T10:00:00Z"}]}


def _open_meteo(asked: Asked) -> Said:
    path, query = _query(asked)
    if path == "/v1/search":
        if query["name"] == "Nowhere":
            return 200, {"generationtime_ms": 0.5}
        place = {"id": 1581130, "name": "Hanoi", "latitude": 21.0245, "longitude": 105.84117, "elevation": 20.0}
        place |= {"feature_code": "PPLC", "country_code": query.get("countryCode", "VN"), "timezone": "Asia/Bangkok"}
        return 200, {"results": [place], "generationtime_ms": 0.6}
    if "?" in query.get("timezone", ""):
        return 400, {"error": True, "reason": "Invalid timezone"}
    told: dict[str, Any] = {"latitude": 21.0, "longitude": 105.875, "elevation": 15.0, "timezone": query["timezone"]}
    names = query["current"].split(",")
    told["current"] = {"time": "2026-11-22T06:30", "interval": 900, **dict.fromkeys(names, 1.5)}
    told["current_units"] = {"time": "iso8601", **dict.fromkeys(names, "°C")}
    days = ["2026-11-22", "2026-11-23", "2026-11-24"][: int(query["forecast_days"])]
    told["daily"] = {"time": days, **dict.fromkeys(query["daily"].split(","), [1.5] * len(days))}
    return 200, {**told, "generationtime_ms": 0.1}


SERVICES = {
    "github": _answering(_github),
    "calendly": _answering(_calendly),
    "weather": _answering(_open_meteo),
}
