"""The door of the LangGraph server protocol, as `langgraph_sdk` and `@langchain/langgraph-sdk` speak it."""

from __future__ import annotations

from fastapi import APIRouter

from girih.api.compat.langgraph import server

router = APIRouter()
for part in (server,):
    router.include_router(part.router)
