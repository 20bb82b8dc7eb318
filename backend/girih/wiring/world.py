"""What runs reach besides models, knowledge and events: tools, memory, the sandbox, the scanner, cached results."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.language.nodes.ports import Tools
from girih.providers.fakes.absent import NoSandbox, NoScanner
from girih.providers.fakes.cache import InProcessCache
from girih.providers.fakes.memory import InProcessMemory
from girih.services.runs.ports import World

T = TypeVar("T")


def make_world(tools: Tools) -> World:
    """The world around runs. Memory and cached results last as long as the process; no sandbox, no scanner."""
    return World(
        tools, per_project(InProcessMemory), sandbox=NoSandbox(), scanner=NoScanner(), cache=per_project(InProcessCache)
    )


def per_project(make: Callable[[], T]) -> Callable[[OrgScope], T]:
    """One of a kind for each project."""
    made: dict[tuple[UUID, UUID], T] = {}

    def of(scope: OrgScope) -> T:
        project = scope.org_id, scope.project_id
        if project not in made:
            made[project] = make()
        return made[project]

    return of
