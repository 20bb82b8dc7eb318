"""The app's own tools, which of them a model has to call, and the form of its answer."""

from __future__ import annotations

import re

from girih.api.compat.openai.fields import Fields, objects, wrong
from girih.language.spec.tree import JsonObject, JsonValue
from girih.services.runs.chat_schemas import ClientTool

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
ANYTHING: JsonObject = {"type": "object"}
"""The form of `json_object`."""
WORDS = ("auto", "none", "required")


def read_chat_tools(fields: Fields) -> list[ClientTool]:
    """`tools` of a chat completion: `{"type": "function", "function": {…}}`."""
    tools = []
    for item in objects(fields.listed("tools") or []):
        item.chosen("type", "function")
        function = item.inner("function")
        if function is None:
            raise wrong(item.at("function"), "is missing", "missing_required_parameter")
        tools.append(_tool(function))
        item.end()
    return _distinct(tools)


def read_response_tools(fields: Fields) -> list[ClientTool]:
    """`tools` of a response: `{"type": "function", "name": …, …}`."""
    tools = []
    for item in objects(fields.listed("tools") or []):
        if item.chosen("type", "function") is None:
            raise wrong(item.at("type"), "is missing", "missing_required_parameter")
        tools.append(_tool(item))
    return _distinct(tools)


def read_choice(fields: Fields, tools: list[ClientTool]) -> str | None:
    """`tool_choice`: a word, or a tool's name in either of the two forms there are."""
    value = fields.take("tool_choice")
    if value is None:
        return None
    if isinstance(value, str):
        return _word(value, tools)
    choice = Fields(value, "tool_choice")
    choice.chosen("type", "function")
    function = choice.inner("function")
    name = (function or choice).name("name")
    for part in (function, choice):
        if part is not None:
            part.end()
    if name not in {tool.name for tool in tools}:
        raise wrong("tool_choice", f"there is no `{name}` among the tools")
    return name


def read_chat_format(fields: Fields) -> JsonObject | None:
    """The schema of `response_format`; `None` for text."""
    inner = fields.inner("response_format")
    if inner is None:
        return None
    kind = inner.chosen("type", "text", "json_object", "json_schema")
    holder = inner.inner("json_schema") if kind == "json_schema" else None
    if kind == "json_schema" and holder is None:
        raise wrong(inner.at("json_schema"), "is missing", "missing_required_parameter")
    inner.end()
    return _schema(holder) if holder is not None else _named(kind, inner)


def read_response_format(inner: Fields | None) -> JsonObject | None:
    """The schema of `text.format`; `None` for text."""
    if inner is None:
        return None
    kind = inner.chosen("type", "text", "json_object", "json_schema")
    if kind == "json_schema":
        return _schema(inner)
    inner.end()
    return _named(kind, inner)


def _named(kind: str | None, inner: Fields) -> JsonObject | None:
    if kind is None:
        raise wrong(inner.at("type"), "is missing", "missing_required_parameter")
    return ANYTHING if kind == "json_object" else None


def _schema(holder: Fields) -> JsonObject:
    """The schema. Answers always fit it, which is what `strict` asks for; a name and a description add nothing."""
    _check_name(holder, holder.name("name"))
    holder.text("description")
    holder.flag("strict")
    schema = holder.take("schema")
    holder.end()
    if not isinstance(schema, dict):
        raise wrong(holder.at("schema"), "has to be a JSON Schema", "invalid_type")
    return schema


def _tool(item: Fields) -> ClientTool:
    """A function. Its arguments always fit its parameters, which is what `strict` asks for."""
    name = _check_name(item, item.name("name"))
    description = item.text("description", longest=4000) or ""
    item.flag("strict")
    parameters: JsonValue = item.take("parameters")
    item.end()
    if parameters is not None and not isinstance(parameters, dict):
        raise wrong(item.at("parameters"), "has to be a JSON Schema", "invalid_type")
    return ClientTool(name=name, description=description, parameters=parameters or {})


def _check_name(item: Fields, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise wrong(item.at("name"), "is 1 to 64 letters, digits, `_` and `-`")
    return name


def _distinct(tools: list[ClientTool]) -> list[ClientTool]:
    names = [tool.name for tool in tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise wrong("tools", f"two of them are called `{twice}`")
    if len(tools) > 128:
        raise wrong("tools", "holds at most 128 tools")
    return tools


def _word(value: str, tools: list[ClientTool]) -> str | None:
    if value not in WORDS:
        raise wrong("tool_choice", f"'{value[:60]}' is not taken; send auto, none, required, or a function")
    if value == "required" and not tools:
        raise wrong("tool_choice", "there are no tools that could be called")
    return value if tools else None
