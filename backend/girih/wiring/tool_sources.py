"""What MCP servers and installed plug-ins say of their tools, for who writes `tool/v1` files on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from girih.errors import InvalidInput, NodeError, Unavailable
from girih.language.spec.mcp_tools import contract_of
from girih.language.spec.tree import JsonObject
from girih.providers.credentials import Destination
from girih.providers.outbound import OutboundClient
from girih.providers.tools.mcp import line_to
from girih.providers.tools.mcp_sessions import McpSessions
from girih.providers.tools.plugins import PluginError, Plugins
from girih.providers.tools.reaching import Reach
from girih.wiring.environment import read_settings, web_endpoints_of
from girih.wiring.secrets import operators_secret

_TIMEOUT = 30.0


async def listed_tools(binding: JsonObject, url: str | None = None) -> Mapping[str, JsonObject]:
    """The tools of an MCP server by name; `url` is where it lies, for an endpoint that is not bound here.

    Whoever calls has named the address: it may be private. Raises `Unavailable` with what the server said.
    """
    settings = read_settings()
    endpoints = dict(settings.endpoints)
    if url is not None and "endpoint" in binding:
        endpoints[binding["endpoint"]] = url
    named = [address for address in (url, binding.get("url")) if address is not None]
    client = OutboundClient([*web_endpoints_of(settings), *named])
    try:
        line = await line_to(Reach(client, endpoints, _secret), "import", binding, _TIMEOUT)
        return await McpSessions().tools("here", line)
    except NodeError as fault:
        raise Unavailable(fault.message.replace("tool 'import'", "the MCP server"), help=fault.help) from fault
    finally:
        await client.aclose()


async def _secret(name: str, to: Destination) -> str | None:
    """Whoever calls has named the address, and the secrets of this machine are theirs."""
    return await operators_secret(name, replace(to, is_chosen=True))


def pinned(listed: JsonObject, binding: JsonObject) -> JsonObject:
    """The keys of a `tool/v1` file that follow from what a server lists: `mcp`, `parameters`, `returns` and more."""
    made = contract_of(listed)
    mcp: JsonObject = {key: binding[key] for key in ("endpoint", "url", "auth") if key in binding}
    mcp |= {"tool": made.tool, "pin": made.pin}
    more = {"send": made.send, "answer": made.answer, "reads": made.reads}
    mcp |= {key: value for key, value in more.items() if value}
    return {
        "description": made.description,
        "mcp": mcp,
        "parameters": made.parameters,
        "returns": made.returns,
        "idempotent": made.idempotent,
    }


def plugin_tool(name: str) -> JsonObject:
    """The same of a plug-in that is installed here. Raises `InvalidInput` for one that is not, or has no types."""
    plugins = Plugins()
    try:
        plugin = plugins.get(name)
    except PluginError as fault:
        raise InvalidInput(fault.message.replace("on this server", "here"), help=fault.help) from fault
    finally:
        plugins.close()
    return {
        "description": plugin.description,
        "python": {"plugin": name},
        "parameters": dict(plugin.parameters.types),
        "returns": dict(plugin.result.fields.types),
        "idempotent": False,
    }
