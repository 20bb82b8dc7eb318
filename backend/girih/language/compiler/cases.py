"""The cases of a test: one test for each row of a file, or for each entry of a list."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import ValidationError

from girih.language.compiler.prompts import find
from girih.language.expressions.kinds import kinds
from girih.language.spec.diagnostics import has_errors
from girih.language.spec.graph_tests import GraphTest
from girih.language.spec.reader import read
from girih.language.spec.scalars import NotJsonError, resolve_plain
from girih.language.spec.source import Source
from girih.language.spec.strict_json import loads
from girih.language.spec.tree import JsonObject, JsonSchema, JsonValue

MOST_CASES = 1000
"""Cases of one test."""

PARTS = ("given", "mock", "state", "answers", "expect")
"""What a case may say besides its name."""


class CasesError(ValueError):
    """The cases cannot be had; the message says why."""


@dataclass(frozen=True)
class Files:
    """Where case files are looked up: the texts of a workspace by path, from the file of the graph."""

    graph: str
    texts: Mapping[str, str]


def expanded(test: GraphTest, inputs: Mapping[str, JsonSchema], files: Files) -> list[GraphTest]:
    """The tests that a test stands for: itself, or one for each of its cases. Raises `CasesError`.

    `inputs` are the graph's: a cell of a table is text where an input is, else read as YAML would.
    """
    if test.cases is None:
        return [test]
    written = list(_rows(test.cases, inputs, files)) if isinstance(test.cases, str) else test.cases
    if not written:
        raise CasesError(f"'{test.cases}' holds no cases")
    if len(written) > MOST_CASES:
        raise CasesError(f"{len(written):,} cases are too many; {MOST_CASES:,} fit into one test")
    return [_case(test, number, case) for number, case in enumerate(written, 1)]


def _case(test: GraphTest, number: int, case: JsonObject) -> GraphTest:
    unknown = sorted(set(case) - {"name", *PARTS})
    if unknown:
        raise CasesError(f"case {number} has the key '{unknown[0]}'; a case may have: name, {', '.join(PARTS)}")
    plain = test.model_dump(by_alias=True, exclude_unset=True, exclude={"cases", "name"})
    merged: dict[str, Any] = {}
    for part in PARTS:
        over = case.get(part) or {}
        if not isinstance(over, dict):
            raise CasesError(f"'{part}' of case {number} must be a mapping")
        merged[part] = {**(plain.get(part) or {}), **over}
    try:
        return GraphTest.model_validate({"name": _name(test, number, case), **merged})
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CasesError(f"'{where}' of case {number} is not usable: {first['msg']}") from None


def _name(test: GraphTest, number: int, case: JsonObject) -> str:
    said = case.get("name")
    return f"{test.name}: {said if isinstance(said, str) and said else number}"[:200]


def _rows(written: str, inputs: Mapping[str, JsonSchema], files: Files) -> Iterator[JsonObject]:
    found = find(written, files.graph, files.texts)
    if found is None:
        raise CasesError(f"there is no file '{written}' in the workspace")
    text, suffix = files.texts[found], PurePosixPath(found).suffix.lower()
    if suffix == ".csv":
        rows: list[Any] = list(_table(text, inputs))
    elif suffix == ".jsonl":
        rows = [_json(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    elif suffix in (".yaml", ".yml", ".json"):
        rows = _list(found, text)
    else:
        raise CasesError(f"'{written}' is none of .yaml, .json, .jsonl and .csv")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise CasesError(f"case {number} of '{written}' must be a mapping")
        yield row


def _json(line: str, number: int) -> JsonValue:
    try:
        return loads(line)
    except ValueError:
        raise CasesError(f"line {number} is not JSON") from None


def _list(name: str, text: str) -> list[Any]:
    tree, found = read(Source(name, text))
    if tree is None or has_errors(found):
        first = next(iter(found), None)
        why = f"line {first.place.line}: {first.message}" if first else "it cannot be read"
        raise CasesError(f"'{name}' is not sound: {why}")
    if not isinstance(tree.value, list):
        raise CasesError(f"'{name}' must hold a list of cases")
    return tree.value


def _table(text: str, inputs: Mapping[str, JsonSchema]) -> Iterator[JsonObject]:
    """Rows whose columns are `name`, or a path such as `given.question`; an empty cell says nothing."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as fault:
        raise CasesError(f"line {reader.line_num} is not CSV: {fault}") from None
    columns = [column.strip() for column in rows[0]] if rows else []
    for number, row in enumerate(rows[1:], 2):
        if len(row) > len(columns):
            raise CasesError(f"row {number} has {len(row)} cells, and there are {len(columns)} columns")
        case: JsonObject = {}
        for column, cell in zip(columns, row, strict=False):
            if cell != "":
                _put(case, column.split("."), _cell(column, cell, inputs))
        yield case


def _cell(column: str, cell: str, inputs: Mapping[str, JsonSchema]) -> JsonValue:
    part, _, name = column.partition(".")
    if column == "name" or column == "expect.output" or (part == "given" and _is_text(inputs.get(name))):
        return cell
    if cell[:1] in "[{":
        tree, found = read(Source("cell.yaml", cell))
        if tree is None or has_errors(found):
            raise CasesError(f"the cell '{cell[:40]}' of column '{column}' cannot be read")
        return tree.value
    try:
        return resolve_plain(cell)
    except NotJsonError as fault:
        raise CasesError(f"the cell '{cell[:40]}' of column '{column}': {fault}") from None


def _is_text(schema: JsonSchema | None) -> bool:
    return schema is not None and set(kinds(schema) or ()) == {"string"}


def _put(case: JsonObject, path: list[str], value: JsonValue) -> None:
    inside = case
    for name in path[:-1]:
        inside = inside.setdefault(name, {})
        if not isinstance(inside, dict):
            raise CasesError(f"the columns say two things about '{name}'")
    inside[path[-1]] = value
