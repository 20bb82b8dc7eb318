"""The doors for clients of other projects: each speaks another protocol over the same runs, and keeps nothing."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI

from girih.api.compat.ag_ui import problems as ag_ui_problems
from girih.api.compat.ag_ui import router as ag_ui
from girih.api.compat.ai_sdk import problems as ai_sdk_problems
from girih.api.compat.ai_sdk import router as ai_sdk
from girih.api.compat.langgraph import problems as langgraph_problems
from girih.api.compat.langgraph import router as langgraph
from girih.api.compat.openai import access as openai_access
from girih.api.compat.openai import faults as openai_faults
from girih.api.compat.openai import router as openai
from girih.api.errors import Heads, Shape, no_heads, shape_problems
from girih.api.routers import Router


@dataclass(frozen=True)
class Door:
    """One protocol: its routes, all below its router's prefix; how its clients read problems, and their headers."""

    router: Router
    shape: Shape
    heads: Heads = no_heads


DOORS: tuple[Door, ...] = (
    Door(langgraph.router, langgraph_problems.shape),
    Door(openai.router, openai_faults.shape, openai_access.error_heads),
    Door(ai_sdk.router, ai_sdk_problems.shape),
    Door(ag_ui.router, ag_ui_problems.shape),
)
"""Every door there is."""


def install(app: FastAPI) -> None:
    """Open all doors. Their routes are described by their own projects, not by ours."""
    for door in DOORS:
        app.include_router(door.router, include_in_schema=False)
        shape_problems(app, door.router.prefix, door.shape, door.heads)
