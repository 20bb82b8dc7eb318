"""Routers that requests pass by: what they are not asked about they could not have answered."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Match

from girih.api.app import PARTS
from girih.api.compat.doors import DOORS
from girih.api.routers import Router

ROUTERS = [*(part.router for part in PARTS), *(door.router for door in DOORS)]


def asked(app: FastAPI, method: str, path: str, kind: str = "http") -> list[Match]:
    scope: dict[str, Any] = {"type": kind, "path": path, "method": method, "headers": []}
    return [match for route in app.routes if (match := route.matches(scope)[0]) != Match.NONE]


@pytest.mark.parametrize("prefix", ["", "/v1", "/deep/{down}"])
def test_every_route_is_found_wherever_its_router_lies(prefix: str) -> None:
    for router in ROUTERS:
        app = FastAPI(openapi_url=None)
        app.include_router(router, prefix=prefix)
        for one in iter_route_contexts(app.routes):
            path = re.sub(r"{\w+(:\w+)?}", "0" * 8 + "-0000-4000-8000-" + "0" * 12, str(one.path))
            methods = getattr(one, "methods", None)
            kind = "http" if methods else "websocket"
            assert asked(app, min(methods or {""}), path, kind), path


def test_routes_of_others_are_passed_by() -> None:
    app = FastAPI(openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    assert asked(app, "GET", "/nobody/knows") == []


async def test_it_answers_as_a_plain_router_does() -> None:
    def app(kind: type[APIRouter]) -> FastAPI:
        inner, outer, bare = kind(prefix="/{a}/x"), kind(prefix="/out"), kind()

        async def told(a: str = "", b: str = "") -> str:
            return f"{a} {b}"

        inner.add_api_route("", told, methods=["GET"])
        inner.add_api_route("/y/{b:path}", told, methods=["POST"])
        bare.add_api_route("/{a}", told, methods=["PUT"])
        outer.include_router(inner)
        made = FastAPI(openapi_url=None)
        made.include_router(outer, prefix="/far")
        made.include_router(bare)
        return made

    paths = ["/far/out/1/x", "/far/out/1/x/y/2/3", "/root/far/out/1/x", "/far/out", "/1", "/", "/1/2", "/far/out/1/x/"]
    answers = []
    for kind in (Router, APIRouter):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app(kind), root_path="/root"), base_url="http://here"
        ) as client:
            answers.append(
                [
                    (answer := await client.request(method, path)).status_code * 1000 + len(answer.text)
                    for method in ("GET", "POST", "PUT")
                    for path in paths
                ]
            )
    assert answers[0] == answers[1]
    assert {code // 1000 for code in answers[0]} == {200, 307, 404, 405}
