"""The door of the LangGraph server protocol, as `langgraph_sdk` and `@langchain/langgraph-sdk` speak it."""

from __future__ import annotations

from girih.api.compat.langgraph import (
    assistant_routes,
    cron_routes,
    runs,
    runs_alone,
    server,
    state_routes,
    store_routes,
    thread_routes,
    thread_streams,
)
from girih.api.routers import Router

router = Router(prefix="/langgraph")
for part in (
    server,
    assistant_routes,
    store_routes,
    cron_routes,
    thread_routes,
    state_routes,
    runs,
    runs_alone,
    thread_streams,
):
    router.include_router(part.router)
