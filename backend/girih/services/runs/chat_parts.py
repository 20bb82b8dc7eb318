"""What an app may give the models of a run: each part held against what the agent's nodes accept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from girih.errors import InvalidInput
from girih.language.compiler.plan import Plan
from girih.language.nodes.accepting import PARTS, Part, accepted_parts
from girih.language.nodes.agent import FINAL_ANSWER
from girih.language.spec.patterns import pattern_fault
from girih.language.spec.suggest import did_you_mean
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue
from girih.services.runs.chat_schemas import ClientIn

MOST_OF_A_SCHEMA = 200_000
"""Characters of the JSON text of one schema that an app gives."""
MOST_OF_INSTRUCTIONS = 200_000


def _is_number(low: float, high: float) -> Callable[[JsonValue], bool]:
    def fits(value: JsonValue) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

    return fits


def _is_whole(low: int, high: int) -> Callable[[JsonValue], bool]:
    def fits(value: JsonValue) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return fits


def _is_stop(value: JsonValue) -> bool:
    texts = value if isinstance(value, list) else [value]
    return 0 < len(texts) <= 16 and all(isinstance(text, str) and 0 < len(text) <= 500 for text in texts)


PARAMS: Final[Mapping[str, tuple[Callable[[JsonValue], bool], str]]] = {
    "temperature": (_is_number(0, 2), "a number from 0 to 2"),
    "top_p": (_is_number(0, 1), "a number from 0 to 1"),
    "max_tokens": (_is_whole(1, 10_000_000), "a whole number from 1 on"),
    "max_completion_tokens": (_is_whole(1, 10_000_000), "a whole number from 1 on"),
    "stop": (_is_stop, "a text, or a list of up to 16 texts"),
    "seed": (_is_whole(-(2**63), 2**63 - 1), "a whole number"),
    "presence_penalty": (_is_number(-2, 2), "a number from -2 to 2"),
    "frequency_penalty": (_is_number(-2, 2), "a number from -2 to 2"),
    "reasoning_effort": (
        lambda value: value in ("none", "minimal", "low", "medium", "high", "xhigh"),
        "none, minimal, low, medium, high or xhigh",
    ),
    "verbosity": (lambda value: value in ("low", "medium", "high"), "low, medium or high"),
    "parallel_tool_calls": (lambda value: isinstance(value, bool), "true or false"),
}
"""The settings an app may give, each with what it may hold. Everything else is the author's."""


def check_client(plan: Plan, client: ClientIn) -> None:
    """Raise `InvalidInput` that names the first part which no node accepts, or which is not sound."""
    accepted = {part for node in plan.nodes for part in accepted_parts(node.settings)}
    for part, path in _given(client):
        if part not in accepted:
            raise InvalidInput(
                f"agent '{plan.name}' does not accept {PARTS[part]} from an app: none of its nodes has "
                f"`accepts: [{part}]`",
                help=f"leave `client.{path}` out, or let the agent's author accept it",
                param=f"client.{path}",
            )
    _check_tools(plan, client)
    _check_params(client.params)
    if client.format is not None:
        _check_schema(client.format, "client.format")
    if client.instructions is not None and len(client.instructions) > MOST_OF_INSTRUCTIONS:
        raise InvalidInput(
            f"`client.instructions` are longer than {MOST_OF_INSTRUCTIONS} characters", param="client.instructions"
        )


def _given(client: ClientIn) -> Iterator[tuple[Part, str]]:
    if client.tools:
        yield "tools", "tools"
    if client.tool_choice is not None:
        yield "tools", "tool_choice"
    if client.params:
        yield "params", "params"
    if client.format is not None:
        yield "format", "format"
    if client.instructions is not None:
        yield "instructions", "instructions"


def _check_tools(plan: Plan, client: ClientIn) -> None:
    taken = {FINAL_ANSWER, *_own_tools(plan)}
    for at, tool in enumerate(client.tools):
        if tool.name in taken:
            raise InvalidInput(
                f"the name '{tool.name}' of a tool is taken: two tools of that name could not be told apart",
                help="give the app's tool another name",
                param=f"client.tools[{at}].name",
            )
        taken.add(tool.name)
        if tool.parameters:
            _check_schema(tool.parameters, f"client.tools[{at}].parameters", patterns=False)
    names = [tool.name for tool in client.tools]
    if client.tool_choice not in (None, "auto", "none", "required", *names):
        raise InvalidInput(
            f"`client.tool_choice` is '{client.tool_choice}', and no tool of the app has that name",
            help="choose auto, none, required, or the name of one of `client.tools`",
            param="client.tool_choice",
        )
    if client.tool_choice == "required" and not names:
        raise InvalidInput(
            "`client.tool_choice` requires a tool, and the app has none",
            help="add `client.tools`, or leave the choice out",
            param="client.tool_choice",
        )


def _own_tools(plan: Plan) -> Iterator[str]:
    for node in plan.nodes:
        if "tools" in accepted_parts(node.settings):
            yield from (str(tool["name"]) for tool in (*node.settings["tools"], *node.settings["handoffs"]))


def _check_params(params: JsonObject) -> None:
    for name, value in params.items():
        if name not in PARAMS:
            near = did_you_mean(name, list(PARAMS))
            raise InvalidInput(
                f"'{name[:64]}' is no setting that an app may give",
                help=f"did you mean '{near}'?" if near else f"there are: {', '.join(PARAMS)}",
                param=f"client.params.{name[:64]}",
            )
        fits, words = PARAMS[name]
        if not fits(value):
            raise InvalidInput(f"`client.params.{name}` must be {words}", param=f"client.params.{name}")


def _check_schema(schema: JsonSchema, place: str, *, patterns: bool = True) -> None:
    """Raise `InvalidInput` unless the schema is one of an object, sound, and needs nothing from elsewhere."""
    try:
        fault = _fault(schema, patterns=patterns)
    except RecursionError:
        fault = "it is nested too deep"
    if fault is not None:
        raise InvalidInput(
            f"`{place}` is no JSON Schema that can be used: {fault}",
            help="give a JSON Schema (2020-12) of an object that stands alone",
            param=place,
        )


def _fault(schema: JsonSchema, *, patterns: bool) -> str | None:
    if schema.get("type", "object") != "object":
        return 'its `type` is not "object"'
    if len(json.dumps(schema)) > MOST_OF_A_SCHEMA:
        return f"it is longer than {MOST_OF_A_SCHEMA} characters"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as fault:
        place = "/".join(map(str, fault.absolute_path))
        return f"at `{place}`: {fault.message[:200]}" if place else fault.message[:200]
    for inner in _schemas(schema):
        reference = inner.get("$ref")
        if isinstance(reference, str) and not _is_there(reference, schema):
            return f"`$ref: {reference[:100]}` is not a place in it"
        if patterns and (unsound := next(filter(None, map(pattern_fault, _patterns(inner))), None)):
            return unsound
    return None


def usable(value: JsonValue) -> JsonValue:
    """A tool's schema without the patterns that cannot be checked here; the app holds the arguments against them."""
    if isinstance(value, list):
        return [usable(item) for item in value]
    if not isinstance(value, dict):
        return value
    pattern = value.get("pattern")
    drop = {"pattern"} if isinstance(pattern, str) and pattern_fault(pattern) is not None else set()
    named = value.get("patternProperties")
    if isinstance(named, dict) and any(map(pattern_fault, named)):
        drop.add("patternProperties")
    return {name: usable(item) for name, item in value.items() if name not in drop}


def _schemas(value: JsonValue) -> Iterator[JsonObject]:
    """Every mapping in a schema, itself included."""
    open_ones: list[JsonValue] = [value]
    while open_ones:
        one = open_ones.pop()
        if isinstance(one, dict):
            yield one
            open_ones += one.values()
        elif isinstance(one, list):
            open_ones += one


def _patterns(schema: JsonObject) -> list[str]:
    pattern, named = schema.get("pattern"), schema.get("patternProperties")
    return ([pattern] if isinstance(pattern, str) else []) + (list(named) if isinstance(named, dict) else [])


def _is_there(reference: str, root: JsonSchema) -> bool:
    """Whether a `$ref` points to a place in the schema itself."""
    if not reference.startswith("#"):
        return False
    place: JsonValue = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, dict) or name not in place:
            return False
        place = place[name]
    return isinstance(place, dict | bool)
