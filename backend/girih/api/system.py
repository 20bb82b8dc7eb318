"""Whether this server is alive, whether it is ready, and what it is: the routes that need no key."""

from __future__ import annotations

from typing import Literal

from fastapi import Request, Response
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from girih.api.deps import GuardedRoute, Wired, public
from girih.api.errors import RETRY_AFTER
from girih.api.routers import Router

router = Router(tags=["system"], route_class=GuardedRoute)


class HealthOut(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyOut(BaseModel):
    """Whether requests can be served. `degraded`: all but background work, which waits for the queue."""

    status: Literal["ok", "degraded", "unavailable"]
    database: str = Field(description="`ok`, or what is wrong.")
    migrations: str = Field(description="`ok`, or what is wrong.")
    queue: str = Field(description="`ok`, or what is wrong.")


class VersionOut(BaseModel):
    """What runs here."""

    name: Literal["girih"] = "girih"
    version: str
    language: Literal["graph/v1"] = "graph/v1"


@router.get("/healthz", operation_id="health", dependencies=[public])
async def health() -> HealthOut:
    """Answer while the process lives."""
    return HealthOut()


@router.get("/readyz", operation_id="ready", dependencies=[public])
async def ready(girih: Wired, response: Response) -> ReadyOut:
    """Ask the database, its migrations and the queue."""
    found = await girih.readiness()
    if found.status == "unavailable":
        response.status_code = 503
        response.headers["retry-after"] = RETRY_AFTER
    return ReadyOut(status=found.status, database=found.database, migrations=found.migrations, queue=found.queue)


@router.get("/version", operation_id="version", dependencies=[public])
async def version(girih: Wired) -> VersionOut:
    """Name the release and the language it speaks."""
    return VersionOut(version=girih.facts.version)


@router.get("/openapi.json", dependencies=[public], include_in_schema=False)
async def openapi(request: Request) -> JSONResponse:
    """This API, described."""
    return JSONResponse(request.app.openapi())
