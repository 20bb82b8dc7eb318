"""`each`: runs nodes once for every item of a list, some at a time, and keeps the order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from girih.errors import NodeError, Paused
from girih.language.nodes.base import ANY, Branch, NodeConfig, NodeKind, Scope, Shape, Slot, object_of
from girih.language.nodes.concurrency import AsTheyEnd, started
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Name
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

INDEX = "index"
INTEGER: JsonSchema = {"type": "integer"}
ARRAY: JsonSchema = {"type": "array"}
MAX_ITEMS = 100_000
AHEAD = 64
"""Items that may wait for their results to be recorded while others run: their records go into one commit."""


def _as_word(value: Any) -> Any:
    """`on_item_error: null` means the word."""
    return "null" if value is None else value


class EachConfig(NodeConfig):
    """`each: FIRST_NODE`, the list it goes over, and how the results come together."""

    each: Name
    over: Any
    as_: Annotated[Name, Field(alias="as")] = "item"
    max_concurrency: Annotated[int, Field(ge=1, le=64)] = 8
    on_item_error: Annotated[Literal["fail", "skip", "null"], BeforeValidator(_as_word)] = "fail"
    result: Any = None
    merge: Literal["list", "concat"] = "list"

    @field_validator("as_")
    @classmethod
    def _is_no_index(cls, name: str) -> str:
        if name == INDEX:
            raise PydanticCustomError("taken", "'index' is the item's place in the list: give the item another name")
        return name


class EachNode(NodeKind[EachConfig]):
    """Runs a branch of nodes for every item of a list.

    `each` names the branch's first node, `over` gives the list. Within the branch the item is `item`, or what `as`
    says, and `index` its place, from 0. At most `max_concurrency` items run at once; the results keep the order of the
    list. `result` says what an item gives; without it that is the result of the node at which the branch ends, if
    there is only one such node. `merge: concat` joins results that are lists into one list.

    When an item fails for good, `on_item_error: fail` cancels the others and fails this node, `skip` leaves the item
    out, `null` puts a null in its place; `failed` counts them. Finished items are recorded: a run that goes on after a
    crash or a pause does none of them again. An item that waits for a person lets the others go on. The nodes of the
    branch are not in sight after this node, and `limits.steps` holds for each item on its own. What the items `write`
    to the state comes together in the order of the list, once all have ended; an item that fails has written nothing.
    """

    verb: ClassVar[str] = "each"
    shape: ClassVar[Shape] = "fork"
    Config = EachConfig
    example: ClassVar[str] = """\
summaries:
  each: summarize
  over: "${ search.hits }"
  as: hit
  max_concurrency: 4
  on_item_error: skip
  result: "${ summarize.text }"
  next: answer
"""

    def slots(self, config: EachConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("over", ("over",), config.over, ARRAY)

    def branches(self, config: EachConfig, scope: Scope) -> Iterable[Branch]:
        binds = {config.as_: _items_of(scope.infer(config.over)), INDEX: INTEGER}
        expects = ARRAY if config.merge == "concat" else ANY
        value, path = _result(config, scope)
        gives = Slot("result", path, value, expects) if value is not None else None
        yield Branch(("each",), config.each, binds=binds, gives=gives, kept="never", why="is of one item only")

    def returns(self, config: EachConfig, scope: Scope) -> JsonSchema:
        value, _ = _result(config, scope)
        branch = next(iter(self.branches(config, scope)))
        one = scope.infer_in(branch, value) if value is not None else {"type": "null"}
        if config.merge == "concat":
            one = _items_of(one)
        elif config.on_item_error == "null" and one:
            one = {"anyOf": [one, {"type": "null"}]}
        return object_of({"items": {"type": "array", "items": one}, "failed": INTEGER})

    def lower(self, config: EachConfig, scope: Scope) -> JsonObject:
        return {
            "entry": config.each,
            "as": config.as_,
            "max_concurrency": config.max_concurrency,
            "on_item_error": config.on_item_error,
            "merge": config.merge,
        }

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        over = values["over"]
        if len(over) > MAX_ITEMS:
            message = f"the list has {len(over):,} items; at most {MAX_ITEMS:,} can be gone over"
            raise NodeError("budget", message, can_pass=False)
        ends = await _Items(settings, over, ctx).run()
        for end in ends:
            ctx.branches.write(end.get("writes", ()))
        merged = list(_merged(settings, ends))
        return {"items": merged, "failed": sum("error" in end for end in ends)}


@dataclass
class _Items:
    """The items of one visit. An item's end is `{value}` or `{error: {kind, message}}`."""

    settings: JsonObject
    over: list[JsonValue]
    ctx: NodeContext

    def __post_init__(self) -> None:
        self._room = asyncio.Semaphore(self.settings["max_concurrency"])
        self._ends: list[Any] = [None] * len(self.over)
        self._next = iter(range(len(self.over)))
        self._failure: NodeError | None = None

    async def run(self) -> list[Any]:
        """The ends of all items, in order. Raises `Paused` when some wait and all others have ended."""
        paused: Paused | None = None
        workers = min(len(self.over), self.settings["max_concurrency"] + AHEAD)
        async with started(self._work() for _ in range(workers)) as tasks:
            async for _, task in AsTheyEnd(tasks):
                paused = task.result() or paused
        if paused is not None:
            raise paused
        return self._ends

    async def _work(self) -> Paused | None:
        paused: Paused | None = None
        for index in self._next:
            try:
                self._ends[index] = await self.ctx.once(str(index), partial(self._end, index))
            except Paused as waits:
                paused = waits
        return paused

    async def _end(self, index: int) -> JsonValue:
        """Run one item. It makes room for the next one before its result is recorded."""
        binds = {self.settings["as"]: self.over[index], INDEX: index}
        async with self._room:
            if self._failure is not None:
                raise self._failure  # no item begins after the one that fails all
            try:
                value = await self.ctx.branches.run(self.settings["entry"], binds, str(index))
            except NodeError as failure:
                if self.settings["on_item_error"] == "fail":
                    self._failure = failure
                    raise
                return {"error": {"kind": failure.kind, "message": failure.message}}
            writes = self.ctx.branches.written(self.settings["entry"], str(index))
            return {"value": value, "writes": writes} if writes else {"value": value}


def _merged(settings: JsonObject, ends: Iterable[Any]) -> Iterator[JsonValue]:
    for end in ends:
        if "error" not in end:
            if settings["merge"] == "concat":
                yield from _listed(end["value"])
            else:
                yield end["value"]
        elif settings["on_item_error"] == "null" and settings["merge"] == "list":
            yield None


def _listed(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise NodeError("invalid_output", "merge: concat joins lists, and an item gave something else", can_pass=False)
    return value


def _result(config: EachConfig, scope: Scope) -> tuple[JsonValue, tuple[str | int, ...]]:
    """What an item gives, and where that is written; `None` when nothing says it."""
    if config.result is not None:
        return config.result, ("result",)
    ends = scope.ends(config.each)
    return (f"${{ {ends[0]} }}" if len(ends) == 1 else None), ("each",)


def _items_of(schema: JsonSchema) -> JsonSchema:
    found: JsonSchema = schema.get("items", ANY) if schema.get("type") == "array" else ANY
    return found
