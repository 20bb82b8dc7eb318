"""Tools of a project: which there are, and what one real call of one comes to."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol
from uuid import uuid4

from girih.db.tenancy import OrgScope
from girih.errors import InvalidInput, NodeError, NotFound
from girih.language.spec.canonical import digest_of
from girih.language.spec.suggest import hint
from girih.language.spec.tools import tool_schemas
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.tools.reaching import Exchange, Seen
from girih.services.registry.service import RegistryService
from girih.services.tools.schemas import RequestOut, ToolOut, ToolTestIn, ToolTestOut

LONGEST = 30.0
"""Seconds a tried call may take unless it or the tool says otherwise."""

_SHOWN = 4_000
"""Characters of bodies that are shown."""


class Tried(Protocol):
    """The tools of one project, as they are tried."""

    async def once(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - the tool bounds its own exchange with it
        idempotency_key: str,
        seen: Seen | None = None,
    ) -> JsonValue:
        """One call. Raises `NodeError`."""
        ...


class ToolService:
    """Lists tools and tries them."""

    def __init__(self, registry: RegistryService, tools: Callable[[OrgScope], Tried]) -> None:
        self._registry = registry
        self._tools = tools

    async def page(self, scope: OrgScope, *, cursor: str | None, limit: int) -> tuple[list[ToolOut], str | None]:
        """The project's tools by name, behind `cursor`, and the cursor of the next page."""
        found = sorted((await self._registry.tools(scope)).items())
        rest = [document for name, document in found if cursor is None or name > cursor]
        page = [_shown(document) for document in rest[:limit]]
        return page, page[-1].name if len(rest) > limit else None

    async def tool(self, scope: OrgScope, name: str) -> ToolOut:
        """One tool. Raises `NotFound`."""
        return _shown(await self._document(scope, name))

    async def test(self, scope: OrgScope, name: str, asked: ToolTestIn) -> ToolTestOut:
        """Call the tool once, in earnest, and say what came of it: a failure of it is no failure of this.

        It goes the way of every call but for `retry`, and counts for the tool's rate. Raises `NotFound`, and
        `InvalidInput` for a tool that is not idempotent unless `confirm` is set.
        """
        document = await self._document(scope, name)
        if not document.get("idempotent") and not asked.confirm:
            raise InvalidInput(
                f"the tool `{name}` is not idempotent: a try does what a call does",
                help="send `confirm: true`, or `girih tools test --yes`, if that is wanted",
            )
        seen: list[Exchange] = []
        began = time.monotonic()
        told: dict[str, Any] = {}
        try:
            told["result"] = await self._tools(scope).once(
                document,
                asked.arguments,
                timeout=asked.timeout or document.get("timeout") or LONGEST,
                idempotency_key=f"test:{uuid4()}",
                seen=seen.append,
            )
        except NodeError as failure:
            told |= {"error": failure.kind, "message": failure.message, "help": failure.help}
            told["faults"] = failure.details.get("faults") or []
        last = seen[-1] if seen else None
        if "error" in told and last is not None and last.answer:
            told["answer"] = last.answer.decode(errors="replace")[:_SHOWN]
        return ToolTestOut(
            ok="error" not in told,
            request=_request(last) if last is not None else None,
            status=last.status if last is not None else None,
            milliseconds=round((time.monotonic() - began) * 1000, 1),
            **told,
        )

    async def _document(self, scope: OrgScope, name: str) -> JsonObject:
        tools = await self._registry.tools(scope)
        if name not in tools:
            raise NotFound(f"there is no tool `{name[:64]}`", help=hint(name[:64], tools, "tools"))
        return tools[name]


def _request(made: Exchange) -> RequestOut:
    body = made.content.decode(errors="replace")[:_SHOWN] if made.content is not None else None
    return RequestOut(method=made.method, url=made.url, headers=dict(made.headers), body=body)


def _shown(document: JsonObject) -> ToolOut:
    way = next(name for name in ("http", "mcp", "python") if name in document)
    binding = document[way]
    parameters, returns = tool_schemas(document)
    kept = ("name", "title", "description", "idempotent", "timeout", "rate", "approval", "retry")
    return ToolOut(
        **{key: document[key] for key in kept if key in document},
        way=way,
        where=str(binding.get("endpoint") or binding.get("url") or binding.get("plugin")),
        digest=digest_of(document),
        parameters=parameters,
        returns=returns,
    )
