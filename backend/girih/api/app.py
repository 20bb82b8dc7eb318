"""Door 1, the REST API: routes, faults as problems, and a start that fails when a route forgot its permission."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware

from girih.api import (
    agents,
    aliases,
    approvals,
    audit,
    auth,
    bundles,
    collections,
    contents,
    data_stores,
    documents,
    errors,
    events,
    feedback,
    indexes,
    interrupts,
    issuers,
    jobs,
    keys,
    members,
    memories,
    models,
    organization,
    outside,
    projects,
    recovery,
    repeats,
    replay,
    retention,
    runs,
    schedules,
    search,
    secrets,
    service_accounts,
    shelf,
    store,
    system,
    threads,
    tools,
    traces,
    tus,
    units,
    usage,
    webhooks,
    workspace,
    ws,
)
from girih.api.compat import doors
from girih.api.deps import ACCOUNT, PUBLIC, check_permissions, declarations
from girih.api.metrics import Measured
from girih.api.middleware import Envelope
from girih.api.open_streams import Streams
from girih.api.shell import Shell, Site
from girih.language.spec.tree import JsonObject
from girih.wiring.server import Facts, Girih
from girih.wiring.watching import Telemetry

_ABOUT = """Agents are graphs in YAML. Apply a workspace, ingest documents, run agents, follow their events.

Every call needs `Authorization: Bearer …` with an API key or a person's access token.
Faults are RFC 9457 problems (`application/problem+json`)."""
_TAGS = [
    {"name": "workspace", "description": "Check and publish the specs of a folder, all or nothing."},
    {"name": "agents", "description": "Published agents, their versions and aliases."},
    {"name": "runs", "description": "Runs of agents, and their events as a stream."},
    {"name": "threads", "description": "State that runs share, one after the other, and its history."},
    {"name": "schedules", "description": "Runs that are started by the clock."},
    {"name": "interrupts", "description": "What runs wait for: questions to people, timers, events."},
    {"name": "events", "description": "Domain events: what happened, told to runs that wait for it."},
    {"name": "knowledge", "description": "Collections, their documents, and search."},
    {"name": "data stores", "description": "Sources that collections follow, and the syncs that do it."},
    {"name": "tools", "description": "What agents may call: the tools of a project, and one real call of one."},
    {"name": "models", "description": "Who answers under the names of models here, and what for."},
    {"name": "memories", "description": "What agents remember about users and projects."},
    {"name": "store", "description": "What apps keep by namespace and key, found by filter and by meaning."},
    {"name": "keys", "description": "API keys."},
    {"name": "secrets", "description": "What tools, models and data stores need to be let in, kept encrypted."},
    {"name": "people", "description": "Who signs in, and what members of an organization may do."},
    {"name": "organization", "description": "The organization as a whole: units, programs, owners, exports, its end."},
    {"name": "audit", "description": "Who did what that matters, in a log that shows when it was changed."},
    {"name": "usage", "description": "What model calls cost, and budgets."},
    {"name": "retention", "description": "How long what has ended is kept."},
    {"name": "webhooks", "description": "What runs tell to URLs of their callers."},
    {"name": "feedback", "description": "What users say of runs."},
    {"name": "system", "description": "Whether the server is there, and what it is."},
]
PARTS = (
    workspace,
    agents,
    bundles,
    aliases,
    approvals,
    shelf,
    runs,
    ws,
    interrupts,
    events,
    collections,
    search,
    documents,
    indexes,
    contents,
    tus,
    jobs,
    data_stores,
    keys,
    issuers,
    auth,
    recovery,
    outside,
    members,
    projects,
    units,
    service_accounts,
    organization,
    audit,
    models,
    tools,
    secrets,
    memories,
    store,
    replay,
    schedules,
    threads,
    usage,
    traces,
    retention,
    webhooks,
    feedback,
)
"""The files of `/v1`, each with the routes of one resource, in the order in which they are described."""
EXPOSED = [
    "content-location",
    "location",
    "openai-processing-ms",
    "retry-after",
    "retry-after-ms",
    "x-girih-run",
    "x-girih-thread",
    "x-pagination-next",
    "x-pagination-total",
    "x-request-id",
    "x-should-retry",
    "deprecation",
    "girih-document",
    "girih-notice",
    "tus-resumable",
    "upload-expires",
    "upload-length",
    "upload-offset",
]
"""What scripts of other origins may read of an answer's headers."""
_SCHEMES = {
    "key": {"description": "An API key, `girih_…`."},
    "token": {"description": "The access token of a person who has signed in.", "bearerFormat": "JWT"},
}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {PUBLIC: [], ACCOUNT: [{"token": []}]}
"""How callers are known where not both keys and tokens are taken."""
_FAULTS = {"4XX": "The request cannot be served as it is.", "5XX": "The server could not do it."}


class Api(FastAPI):
    """FastAPI whose description says more: permissions and problems."""

    def openapi(self) -> JsonObject:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _describe(self)
        return self.openapi_schema


def create_app(girih: Girih) -> FastAPI:
    """The API over open services. Starting it starts the runs' background work, stopping hands open runs on."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await girih.runs.start()
        await girih.schedules.start()
        try:
            yield
        finally:
            app.state.streams.close()
            await girih.schedules.stop()
            await girih.runs.stop()

    app = Api(
        title="girih",
        version=girih.facts.version,
        description=_ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=_TAGS,
        lifespan=lifespan,
    )
    app.state.girih = girih
    app.state.streams = Streams(girih)
    errors.install(app)
    # The prefix of a door tells at once whose a request is; what lies below `/v1` has to be asked one by one.
    doors.install(app)
    for part in PARTS:
        app.include_router(part.router, prefix="/v1")
    for further in (outside.back, shelf.workspace, documents.uploads, documents.bulk):
        app.include_router(further, prefix="/v1")
    app.include_router(feedback.links)
    app.include_router(auth.well_known)
    app.include_router(system.router)
    _surround(app, girih.facts, girih.telemetry)
    check_permissions(app)
    return app


def _surround(app: FastAPI, facts: Facts, telemetry: Telemetry) -> None:
    app.add_middleware(Envelope)
    app.add_middleware(Measured, telemetry=telemetry, routes=app.routes)
    if facts.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(facts.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            # A key is never sent by the browser on its own, so what other headers a client adds does no harm.
            allow_headers=["*"],
            expose_headers=EXPOSED,
        )
    app.add_middleware(Shell, site=Site(facts.hosts, facts.cors_origins, facts.is_secure))


def _describe(app: FastAPI) -> JsonObject:
    """The OpenAPI document: each operation with its permission and the problems it may answer with."""
    document: dict[str, Any] = get_openapi(
        title=app.title, version=app.version, description=_ABOUT, routes=app.routes, tags=_TAGS
    )
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["FieldProblem"] = errors.FieldProblem.model_json_schema()
    schemas["Problem"] = errors.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas["Problem"].pop("$defs", None)
    parts["securitySchemes"] = {name: {"type": "http", "scheme": "bearer", **more} for name, more in _SCHEMES.items()}
    for name, permission in declarations(app):
        methods, _, path = name.partition(" ")
        for method in methods.lower().split(","):
            _describe_operation(
                document["paths"].get(path, {}).get(method), permission or PUBLIC, is_post=method == "post"
            )
    return document


def _describe_operation(operation: JsonObject | None, permission: str, *, is_post: bool) -> None:
    if operation is None:
        return
    operation["x-permission"] = permission
    operation["security"] = _SECURITY.get(permission, [{"key": []}, {"token": []}])
    if is_post and permission not in _SECURITY and operation["operationId"] not in repeats.BY_THEMSELVES:
        operation.setdefault("parameters", []).append(repeats.PARAMETER)
    answers = operation["responses"]
    answers.pop("422", None)
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for status, description in _FAULTS.items():
        answers.setdefault(status, {"description": description, "content": {errors.MEDIA_TYPE: schema}})
