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
# The first ones are asked first: runs are what most requests are about.
for part in (
    runs,
    runs_alone,
    thread_routes,
    thread_streams,
    state_routes,
    cron_routes,
    assistant_routes,
    store_routes,
    server,
):
    router.include_router(part.router)
