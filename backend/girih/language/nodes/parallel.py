"""`parallel`: runs named branches at the same time and joins them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from girih.errors import NodeError, Paused
from girih.language.nodes.base import STRING, Branch, NodeConfig, NodeKind, Scope, Shape, object_of
from girih.language.nodes.concurrency import AsTheyEnd, started
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Name
from girih.language.spec.policies import ERROR_KINDS
from girih.language.spec.tree import JsonObject, JsonSchema

_KEPT: Mapping[str, tuple[Literal["always", "one", "maybe"], str]] = {
    "all": ("always", ""),
    "any": ("one", "may have been cancelled (join: any)"),
    "settled": ("maybe", "may have failed (join: settled)"),
}

FAILURE: JsonSchema = object_of({"kind": {"enum": list(ERROR_KINDS)}, "message": STRING})


class ParallelConfig(NodeConfig):
    """`parallel: [branch, …]` and how they join."""

    parallel: Annotated[list[Name], Field(min_length=2, max_length=32)]
    join: Literal["all", "any", "settled"] = "all"


class ParallelNode(NodeKind[ParallelConfig]):
    """Runs two or more branches at the same time.

    Each name in `parallel` is the first node of a branch; the branch follows its nodes' `next` until a node that has
    none, and ends there. A branch may not leave its fork and two branches may not share a node, so a join can neither
    starve nor run twice. Forks may stand inside of branches. `join` says when execution goes on at this node's `next`:

    - `all`: when every branch has ended. Each branch's results stand under its nodes' names, as everywhere. When one
      fails, the others are cancelled and this node fails with it.
    - `any`: when the first branch has ended well; the others are cancelled, also in the middle of a model's answer.
      `winner` is the first node of the branch that won. Only when all of them fail, this node fails.
    - `settled`: when every branch has ended or failed. Under each branch's first node stand `ok` and, where it failed,
      `error` with `kind` and `message`.

    After `any` and `settled` a branch's results may be missing, and have to be read as such: `.?field.orValue(…)`.
    A branch that waits for a person lets the others go on.
    """

    verb: ClassVar[str] = "parallel"
    shape: ClassVar[Shape] = "fork"
    Config = ParallelConfig
    example: ClassVar[str] = """\
gather:
  parallel: [search, account]
  join: all
  next: answer
"""

    def branches(self, config: ParallelConfig, scope: Scope) -> Iterable[Branch]:
        kept, why = _KEPT[config.join]
        for index, entry in enumerate(config.parallel):
            yield Branch(("parallel", index), entry, kept=kept, why=why)

    def returns(self, config: ParallelConfig, scope: Scope) -> JsonSchema:
        if config.join == "any":
            return object_of({"winner": {"enum": list(dict.fromkeys(config.parallel))}})
        if config.join == "settled":
            end = object_of({"ok": {"type": "boolean"}, "error": FAILURE}, optional=("error",))
            return object_of(dict.fromkeys(config.parallel, end))
        return object_of({})

    def lower(self, config: ParallelConfig, scope: Scope) -> JsonObject:
        return {"branches": list(config.parallel), "join": config.join}

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        return await _JOINS[settings["join"]](settings["branches"], ctx)


async def _all(entries: list[str], ctx: NodeContext) -> JsonObject:
    paused: Paused | None = None
    async with started(_ended(entry, ctx) for entry in entries) as tasks:
        async for _, task in AsTheyEnd(tasks):
            paused = task.result() or paused
    if paused is not None:
        raise paused
    for entry in entries:
        ctx.branches.keep(entry)
    return {}


async def _any(entries: list[str], ctx: NodeContext) -> JsonObject:
    paused: Paused | None = None
    last: NodeError | None = None
    async with started(_ended(entry, ctx) for entry in entries) as tasks:
        async for index, task in AsTheyEnd(tasks):
            try:
                waits = task.result()
            except NodeError as failure:
                last = failure
                continue
            if waits is None:
                ctx.branches.keep(entries[index])
                return {"winner": entries[index]}
            paused = waits
    raise paused or last or AssertionError("a fork has branches")


async def _settled(entries: list[str], ctx: NodeContext) -> JsonObject:
    paused: Paused | None = None
    ends: dict[str, Any] = {}
    async with started(_ended(entry, ctx) for entry in entries) as tasks:
        async for index, task in AsTheyEnd(tasks):
            try:
                paused = task.result() or paused
                ends[entries[index]] = {"ok": True}
            except NodeError as failure:
                ends[entries[index]] = {"ok": False, "error": {"kind": failure.kind, "message": failure.message}}
    if paused is not None:
        raise paused
    for entry in entries:
        if ends[entry]["ok"]:
            ctx.branches.keep(entry)
    return {entry: ends[entry] for entry in entries}


async def _ended(entry: str, ctx: NodeContext) -> Paused | None:
    """Run a branch as far as it gets: to its end, or to where it waits."""
    try:
        await ctx.branches.run(entry)
    except Paused as paused:
        return paused
    return None


_JOINS: Mapping[str, Callable[[list[str], NodeContext], Awaitable[JsonObject]]] = {
    "all": _all,
    "any": _any,
    "settled": _settled,
}
