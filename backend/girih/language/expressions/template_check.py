"""The check of a prompt file against the types of what is passed to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from girih.language.expressions import fields
from girih.language.expressions.kinds import ANY, TEXT, is_kind, items, kinds, words
from girih.language.expressions.names import Finding
from girih.language.expressions.template_members import LOOP
from girih.language.expressions.template_reader import read_template
from girih.language.expressions.template_tree import (
    Assign,
    Block,
    Expr,
    For,
    If,
    Output,
    Statement,
    bodies,
    spoken,
)
from girih.language.expressions.template_types import Types
from girih.language.spec.tree import JsonSchema


@dataclass(frozen=True)
class CheckedTemplate:
    """What is wrong in a prompt file, by offset.

    `dead` is what can never happen with the types of this one use: a fault when every use of the file says so.
    """

    findings: tuple[Finding, ...] = ()
    dead: tuple[Finding, ...] = ()


def check_template(text: str, passed: Mapping[str, JsonSchema]) -> CheckedTemplate:
    """Check a prompt file that can be read, where `passed` are the types of its variables."""
    statements = read_template(text)
    if statements is None:
        return CheckedTemplate()
    check = _Statements(passed, _reassigned(statements))
    check.run(statements)
    return CheckedTemplate(tuple(dict.fromkeys(check.findings)), tuple(dict.fromkeys(check.dead)))


def _reassigned(statements: tuple[Statement, ...]) -> frozenset[str]:
    """Names whose type depends on the way taken: set more than once, or only under a condition."""
    seen: set[str] = set()
    unsure: set[str] = set()

    def look(part: tuple[Statement, ...], *, sure: bool) -> None:
        for statement in part:
            if isinstance(statement, Assign):
                unsure.update(seen.intersection(statement.names) if sure else statement.names)
                seen.update(statement.names)
            for body in bodies(statement):
                look(body, sure=sure and not isinstance(statement, If))

    look(statements, sure=True)
    return frozenset(unsure)


class _Statements(Types):
    def __init__(self, passed: Mapping[str, JsonSchema], unsure: frozenset[str]) -> None:
        super().__init__({**passed, **dict.fromkeys(unsure, ANY)})
        self._unsure = unsure

    def run(self, statements: tuple[Statement, ...]) -> None:
        """Check statements in their order."""
        for statement in statements:
            match statement:
                case Output():
                    self.type_of(statement.value)
                case If():
                    self._if(statement)
                case For():
                    self._for(statement)
                case Assign():
                    self._assign(statement)
                case Block():
                    self._block(statement)

    def _if(self, statement: If) -> None:
        self.type_of(statement.condition)
        for truth, body in ((True, statement.body), (False, statement.other)):
            # Names that are set here are of any type already, so that nothing of this scope is lost at its end.
            with self.scope({}), self.knowing(statement.condition, truth=truth):
                self.run(body)

    def _for(self, loop: For) -> None:
        element = self._items(loop.over)
        bound = {loop.targets[0]: element} if len(loop.targets) == 1 else dict.fromkeys(loop.targets, ANY)
        with self.scope(bound):
            if loop.condition is not None:
                self.type_of(loop.condition)
            with self.scope({"loop": LOOP}), self.knowing(loop.condition, truth=True):
                self.run(loop.body)
        with self.scope({}):
            self.run(loop.other)

    def _items(self, over: Expr) -> JsonSchema:
        schema = self.type_of(over)
        found = kinds(schema)
        if found is not None and not found & {"array", "object", "null"}:
            name = spoken(over)
            message = f"'for' goes over a list, and {fields.named(name)} is {words(found)}"
            way_out = f"pass a list, or write {name or '…'} | list to go over the characters of a text"
            self.findings.append(Finding("E302", message, over.at, over.end - over.at, way_out))
        return items(schema) if is_kind(schema, "array") else TEXT if is_kind(schema, "object") else ANY

    def _assign(self, statement: Assign) -> None:
        # The filter of a block may make anything of its text.
        schema = ANY if statement.value is None else self.type_of(statement.value)
        with self.scope({}):
            self.run(statement.body)
        is_sure = len(statement.names) == 1 and not self._unsure.intersection(statement.names)
        for name in statement.names:
            self.bind(name, schema if is_sure else ANY)

    def _block(self, block: Block) -> None:
        with self.scope({}):
            for names, value in block.bindings:
                schema = self.type_of(value)
                for name in names:
                    self.bind(name, schema if len(names) == 1 else ANY)
            self.run(block.body)
