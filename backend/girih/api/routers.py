"""Routers that a request passes by where none of their routes can be meant."""

from __future__ import annotations

from functools import cached_property

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import Scope


class Router(APIRouter):
    """Asks its routes only about paths that hold what the path of one of them begins with.

    Else each request asks every route there is, and those of routers within routers several times.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether one of the routes is meant, and with what."""
        path: str = scope["path"]
        for beginning in self._beginnings:
            if beginning in path:
                return super().matches(scope)
        return Match.NONE, {}

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        """What stands before the first parameter in the paths, whatever this router itself is included below."""
        found = {str(one.path).partition("{")[0] for one in iter_route_contexts(self.routes)}
        return tuple(sorted(one for one in found if not any(other in one for other in found - {one})))
