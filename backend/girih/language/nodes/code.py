"""`code`: runs a small Python program of the author's in a sandbox, with typed values in and out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import Field

from girih.errors import NodeError
from girih.language.nodes.base import Facility, NodeConfig, NodeKind, PromptFile, Scope, Slot
from girih.language.nodes.ports import NodeContext
from girih.language.spec.model import Name, Strict, TypeSpec
from girih.language.spec.tree import JsonObject, JsonSchema
from girih.language.spec.types import object_schema
from girih.language.spec.words import found

DEFAULT_SECONDS = 5.0
LONGEST_SECONDS = 60.0


class ProgramFile(Strict):
    """A program in a file of the workspace."""

    file: str


class CodeConfig(NodeConfig):
    """`code: PROGRAM`, or `code: { file: PATH }`."""

    code: str | ProgramFile
    with_: dict[Name, Any] = Field(default_factory=dict, alias="with")
    returns: Annotated[dict[Name, TypeSpec], Field(min_length=1)]
    memory_mb: Annotated[int, Field(ge=1, le=512)] = 64


class CodeNode(NodeKind[CodeConfig]):
    """Runs a Python program in a sandbox.

    `code` is the program, or a file of the workspace that holds it. It sees the values passed `with:` it by their
    names, and ends with a dict of the fields in `returns` as its last line. It computes and reaches nothing: there
    are no files, no network, no environment, no clock, and no packages but a part of Python's own library. It runs in
    a process of its own, for at most `timeout` (5 seconds unless set, 60 at the most) in at most `memory_mb` megabytes.

    The program is checked when the graph is: its syntax, what it may import, the fields it reads of what it is given,
    and whether its last line fits `returns`. A program that raises or gives something else fails the node as
    `invalid_output`, one that takes too long as `timeout`, one that needs too much memory as `budget`.
    """

    verb: ClassVar[str] = "code"
    requires: ClassVar[frozenset[Facility]] = frozenset({"sandbox"})
    Config = CodeConfig
    example: ClassVar[str] = """\
totals:
  code: |
    prices = [line["price"] * line["count"] for line in lines]
    { "total": round(sum(prices), 2), "lines": len(prices) }
  with: { lines: "${ inputs.lines }" }
  returns: { total: number, lines: integer }
  next: $end
"""

    def slots(self, config: CodeConfig, scope: Scope) -> Iterable[Slot]:
        yield Slot("with", ("with",), config.with_)

    def files(self, config: CodeConfig) -> Iterable[PromptFile]:
        if isinstance(config.code, ProgramFile):
            yield PromptFile(("code", "file"), config.code.file, tuple(config.with_), noun="program")

    def returns(self, config: CodeConfig, scope: Scope) -> JsonSchema:
        return object_schema(config.returns)

    def lower(self, config: CodeConfig, scope: Scope) -> JsonObject:
        attempt = config.timeout.attempt if config.timeout is not None else None
        return {
            "code": config.code if isinstance(config.code, str) else scope.prompts.get(config.code.file, ""),
            "timeout": min(attempt or DEFAULT_SECONDS, LONGEST_SECONDS),
            "memory_mb": config.memory_mb,
        }

    async def run(self, settings: JsonObject, values: JsonObject, ctx: NodeContext) -> JsonObject:
        result = await ctx.ports.sandbox.run(
            settings["code"], values["with"], timeout=settings["timeout"], memory_mb=settings["memory_mb"]
        )
        if not isinstance(result, dict):
            raise NodeError(
                "invalid_output",
                f"the program's last line must be a dict with the fields of returns, it is {found(result)}",
                help='end the program with { "field": value }',
                can_pass=False,
            )
        return result
