"""Tools of MCP servers: called only as somebody has seen and pinned them."""

from __future__ import annotations

from girih.errors import NodeError
from girih.language.spec.mcp_tools import pin_of
from girih.language.spec.tools import tool_schemas
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.tools.fitting import checked_arguments, typed_result
from girih.providers.tools.mcp_sessions import Line, McpSessions
from girih.providers.tools.reaching import Reach, Seen

_LONGEST_TEXT = 1_000
"""Characters of a server's own words about a failure that are told."""


class McpTools:
    """Calls `mcp:` tools of one project. A server is sent the tool's own secret and no other."""

    def __init__(self, reach: Reach, sessions: McpSessions, project: str) -> None:
        self._reach = reach
        self._sessions = sessions
        self._project = project

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - the client bounds each exchange with it
        idempotency_key: str,
        seen: Seen | None = None,
    ) -> JsonValue:
        """Call the tool once, if the server still lists it as it was pinned. Raises `NodeError`."""
        arguments = checked_arguments(contract, arguments)
        name, binding = contract["name"], contract["mcp"]
        line = await line_to(self._reach, name, binding, timeout)
        _require_pinned(name, binding, (await self._sessions.tools(self._project, line)).get(binding["tool"]))
        wire = binding.get("send") or {}
        given = {wire.get(key, key): value for key, value in arguments.items() if value is not None}
        found = await self._sessions.called(self._project, line, binding["tool"], given, idempotency_key, seen)
        whole = tool_schemas(contract)[1]["properties"].get(binding.get("answer"), {})
        is_text = whole.get("type") == "string"
        return typed_result(contract, binding, _answer(name, found, is_text=is_text))


async def line_to(reach: Reach, tool: str, binding: JsonObject, timeout: float) -> Line:  # noqa: ASYNC109 - kept, not awaited
    """The way to the server of a binding. Raises `NodeError`."""
    return Line(tool, reach.base(tool, binding), await reach.credential(tool, binding), timeout, reach)


def _require_pinned(name: str, binding: JsonObject, listed: JsonObject | None) -> None:
    if listed is None:
        raise NodeError(
            "refused",
            f"tool '{name}': the MCP server no longer has the tool '{binding['tool']}'",
            help="`girih tools check` shows what the server has",
            can_pass=False,
        )
    if pin_of(listed) != binding["pin"]:
        raise NodeError(
            "refused",
            f"tool '{name}': the server's tool changed; review and pin again",
            help="`girih tools check` shows what changed, `girih tools pin` accepts it",
            can_pass=False,
        )


def _answer(name: str, found: JsonObject, *, is_text: bool) -> JsonValue:
    """The structured answer, or all its texts as one. Raises `NodeError` where the tool says that it failed."""
    content = found.get("content")
    blocks = content if isinstance(content, list) else []
    texts = [str(block.get("text", "")) for block in blocks if isinstance(block, dict) and block.get("type") == "text"]
    text = "\n".join(texts)
    if found.get("isError") is True:
        raise NodeError("tool_error", f"tool '{name}' failed: {text[:_LONGEST_TEXT]}", can_pass=False)
    return text if is_text else found.get("structuredContent") or {}
