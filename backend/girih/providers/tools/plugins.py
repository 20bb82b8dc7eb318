"""Tools that are Python functions of installed packages, by entry points of the group `girih.tools`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, validate_call
from pydantic_core import PydanticSerializationError

from girih.errors import NodeError
from girih.language.spec.foreign import Fields, Foreign, ForeignError, Result, fields_of, result_of
from girih.language.spec.tools import tool_schemas
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue
from girih.providers.tools.fitting import checked_arguments, typed_result
from girih.providers.tools.reaching import Seen

GROUP = "girih.tools"
"""The group of entry points."""

_THREADS = 8
_DRAWN = frozenset({"title", "description"})


class PluginError(Exception):
    """Why a plug-in cannot be used here."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


@dataclass(frozen=True)
class Plugin:
    """A function, ready to be called: what it takes and gives, by the types of its signature."""

    name: str
    function: Callable[..., Any]
    description: str
    parameters: Fields
    result: Result
    returns: TypeAdapter[Any]
    is_async: bool


class Plugins:
    """The plug-ins of this installation, each loaded when it is first asked for. `close` ends their threads."""

    def __init__(self) -> None:
        self._known: dict[str, Plugin] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="girih-plugin")

    def close(self) -> None:
        """End the threads as soon as they are free."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def names(self) -> list[str]:
        """Every plug-in that is installed."""
        return sorted({entry.name for entry in entry_points(group=GROUP)})

    def get(self, name: str) -> Plugin:
        """The plug-in of that name. Raises `PluginError` for one that is not installed or has no types."""
        if name not in self._known:
            found: list[EntryPoint] = list(entry_points(group=GROUP, name=name))
            if not found:
                known = ", ".join(self.names()) or "none"
                help_ = f"install the package that has it; plug-ins here: {known}"
                raise PluginError(f"the plug-in '{name}' is not installed on this server", help_)
            self._known[name] = _loaded(found[0])
        return self._known[name]

    def misfit(self, document: JsonObject) -> str | None:
        """Where the contract in a tool's file is not that of the function; `None` where it is. Raises `PluginError`."""
        plugin = self.get(document["python"]["plugin"])
        parameters, returns = tool_schemas(document)
        wanted = tool_schemas({"parameters": plugin.parameters.types, "returns": plugin.result.fields.types})
        for noun, written, real in (("parameters", parameters, wanted[0]), ("returns", returns, wanted[1])):
            if _bare(written) != _bare(real):
                return f"its '{noun}' are not those of the plug-in '{plugin.name}': {_difference(written, real)}"
        return None

    async def run(self, plugin: Plugin, arguments: JsonObject) -> Any:
        """What the function gives, from a thread unless it is a coroutine."""
        if plugin.is_async:
            return await plugin.function(**arguments)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(plugin.function, **arguments))


class PluginTools:
    """Calls `python:` tools."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins

    async def call(
        self,
        contract: JsonObject,
        arguments: JsonObject,
        *,
        timeout: float,  # noqa: ASYNC109 - bounds the function, below
        idempotency_key: str,
        seen: Seen | None = None,
    ) -> JsonValue:
        """Call the function once. A thread that takes longer than `timeout` is left alone. Raises `NodeError`."""
        del idempotency_key, seen  # there is no request
        arguments = checked_arguments(contract, arguments)
        name = contract["name"]
        try:
            plugin = await asyncio.to_thread(self._plugins.get, contract["python"]["plugin"])
        except PluginError as fault:
            raise NodeError(
                "unavailable", f"tool '{name}': {fault.message}", help=fault.help, can_pass=False
            ) from fault
        given = {key: value for key, value in arguments.items() if value is not None}
        try:
            async with asyncio.timeout(timeout):
                found = await self._plugins.run(plugin, given)
        except TimeoutError as fault:
            raise NodeError("timeout", f"tool '{name}': the plug-in took more than {timeout:g} s") from fault
        except NodeError:
            raise
        except Exception as fault:
            # Its own words may hold anything, a secret among them; the server's log has the rest.
            raise NodeError("tool_error", f"tool '{name}': the plug-in failed ({type(fault).__name__})") from fault
        return typed_result(
            contract, {"answer": plugin.result.answer} if plugin.result.answer else {}, _json(name, plugin, found)
        )


def _json(name: str, plugin: Plugin, found: Any) -> JsonValue:
    try:
        return plugin.returns.dump_python(found, mode="json")
    except (PydanticSerializationError, ValueError) as fault:
        raise NodeError("tool_error", f"tool '{name}': the plug-in gave something that is no JSON") from fault


def _loaded(entry: EntryPoint) -> Plugin:
    try:
        function = entry.load()
    except Exception as fault:
        message = f"the plug-in '{entry.name}' cannot be loaded ({type(fault).__name__})"
        raise PluginError(message, f"try `python -c 'import {entry.module}'` on the server") from fault
    if not callable(function):
        raise PluginError(f"the plug-in '{entry.name}' is no function", "let the entry point name a function")
    try:
        hints = get_type_hints(function, include_extras=True)
        if "return" not in hints:
            raise PluginError(f"the plug-in '{entry.name}' does not say what it returns", "give it a return type")
        return _typed(entry.name, function, TypeAdapter(hints["return"]))
    except (PydanticUserError, ForeignError, NameError, TypeError) as fault:
        message = f"the types of the plug-in '{entry.name}' cannot be read"
        raise PluginError(message, "use types that JSON has, or pydantic models") from fault


def _typed(name: str, function: Callable[..., Any], returns: TypeAdapter[Any]) -> Plugin:
    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=False))(function)
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            message = f"the plug-in '{name}' takes '{parameter}', which has no name of its own"
            raise PluginError(message, "let it take named parameters alone")
        if parameter.annotation is parameter.empty:
            message = f"the plug-in '{name}' does not say what '{parameter.name}' is"
            raise PluginError(message, "give every parameter a type")
    signature: TypeAdapter[Any] = TypeAdapter(function)  # type: ignore[arg-type]  # - pydantic takes functions, too
    taken = fields_of(_plain(signature.json_schema()))
    if taken.wire:
        odd = next(iter(taken.wire.values()))
        raise PluginError(f"the plug-in '{name}' takes '{odd}', which is no name here", "use lower case and '_'")
    result = result_of(_plain(returns.json_schema(mode="serialization")))
    text = (inspect.getdoc(function) or name).strip()
    return Plugin(name, checked, text, taken, result, returns, inspect.iscoroutinefunction(function))


def _plain(schema: JsonValue) -> JsonSchema:
    return Foreign(schema).plain(schema)


def _bare(value: JsonValue) -> JsonValue:
    """A schema without the words that only explain it."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    if not isinstance(value, dict):
        return value
    bare = {key: _bare(item) for key, item in value.items() if key not in _DRAWN or isinstance(item, dict)}
    return {**bare, "required": sorted(bare["required"])} if isinstance(bare.get("required"), list) else bare


def _difference(written: JsonSchema, real: JsonSchema) -> str:
    """The first field that is not alike."""
    ours: Mapping[str, Any] = written["properties"]
    theirs: Mapping[str, Any] = real["properties"]
    for name in (*ours, *theirs):
        if name not in theirs:
            return f"the function has no '{name}'"
        if name not in ours:
            return f"'{name}' is missing"
        if _bare(ours[name]) != _bare(theirs[name]):
            return f"'{name}' is of another type there"
        if (name in written["required"]) != (name in real["required"]):
            return f"'{name}' is {'required' if name in real['required'] else 'optional'} there"
    return "they differ"
