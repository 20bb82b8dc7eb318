"""Programs of `code` nodes, read without running them: their syntax tree, or why the sandbox will not take them."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from girih.language.spec.suggest import did_you_mean, one_of

PROGRAM = "<program>"
"""The name that programs are parsed under."""

MAX_PROGRAM = 20_000
"""Characters a program may have."""

MODULES = (
    "base64", "binascii", "bisect", "collections", "copy", "csv", "dataclasses", "datetime", "decimal", "functools",
    "hashlib", "itertools", "json", "math", "re", "tomllib", "typing", "unicodedata",
)  # fmt: skip
"""What a program may import: what computes, and reaches nothing."""

_MAX_DEPTH = 100
_LINE_END = re.compile(r"\r\n|\r|\n")
_UNKNOWN: dict[type[ast.AST], tuple[str, str]] = {
    ast.Yield: ("'yield'", "collect the values in a list and return it"),
    ast.YieldFrom: ("'yield'", "collect the values in a list and return it"),
    ast.AsyncFunctionDef: ("'async'", "write a plain function: a program waits for nothing"),
    ast.AsyncFor: ("'async'", "write a plain loop: a program waits for nothing"),
    ast.AsyncWith: ("'async'", "a program waits for nothing"),
    ast.Await: ("'await'", "call the function without it: a program waits for nothing"),
    ast.Delete: ("'del'", "make a new dict or list without what should go"),
    ast.TryStar: ("'except*'", "write except"),
}
_FORBIDDEN = {
    "open": "a program has no files: pass what it needs under with:",
    "input": "a program has no input: pass what it needs under with:",
    "eval": "write the expression out",
    "exec": "write the statements out",
    "compile": "write the statements out",
    "__import__": "write import at the top",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with a program: `length` characters from `offset` of its text."""

    code: str
    message: str
    offset: int
    length: int = 1
    help: str | None = None


@dataclass(frozen=True)
class Program:
    """A program that can be run: its text and its syntax tree."""

    text: str
    tree: ast.Module

    def fault(self, code: str, message: str, node: ast.AST, help: str | None = None) -> Fault:
        """A fault at the first line of a part of the program."""
        start = self._offset(getattr(node, "lineno", 1), getattr(node, "col_offset", 0))
        end_line = getattr(node, "end_lineno", None) or 1
        end = self._offset(end_line, getattr(node, "end_col_offset", None) or 0)
        line_end = _LINE_END.search(self.text, start)
        end = min(end, line_end.start()) if line_end else end
        return Fault(code, message, start, max(1, end - start), help)

    def _offset(self, line: int, column: int) -> int:
        """Python counts columns in UTF-8 bytes."""
        start = _line_starts(self.text)[line - 1]
        end = _LINE_END.search(self.text, start)
        row = self.text[start : end.start() if end else None]
        return start + len(row.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))


def read_program(text: str) -> tuple[Program | None, list[Fault]]:
    """The program, and all that is wrong with it; `None` when it cannot be read as Python. Nothing of it is run."""
    if len(text) > MAX_PROGRAM:
        way_out = "make two nodes of it, or a tool"
        return None, [Fault("E305", f"the program is longer than {MAX_PROGRAM} characters", 0, 1, way_out)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, PROGRAM)
    except SyntaxError as fault:
        return None, [_syntax_fault(text, fault)]
    except (ValueError, RecursionError, MemoryError) as fault:
        what = (
            "it holds a character that no program has" if isinstance(fault, ValueError) else "it is nested too deeply"
        )
        return None, [Fault("E305", f"the program cannot be read: {what}", 0)]
    program = Program(text, tree)
    deep = _too_deep(tree)
    if deep is not None:
        return None, [program.fault("E305", "the program is nested too deeply", deep, "give the parts names")]
    return program, list(_unsupported(program))


def _syntax_fault(text: str, fault: SyntaxError) -> Fault:
    starts = _line_starts(text)
    line = min(max(1, fault.lineno or 1), len(starts))
    offset = min(starts[line - 1] + max(0, (fault.offset or 1) - 1), max(0, len(text.rstrip()) - 1))
    length = 1
    if fault.end_lineno == fault.lineno and fault.end_offset and fault.offset and fault.end_offset > fault.offset:
        length = fault.end_offset - fault.offset
    said = re.sub(r"\s*\(<program>.*\)|\(detected at line \d+\)", "", fault.msg or "invalid syntax").strip()
    return Fault("E305", f"the program is not sound Python: {said[:1].lower()}{said[1:]}", offset, length)


def _line_starts(text: str) -> list[int]:
    return [0, *(found.end() for found in _LINE_END.finditer(text))]


def _too_deep(tree: ast.Module) -> ast.AST | None:
    """The first part that lies too deep; looked for without recursion."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _MAX_DEPTH and hasattr(node, "lineno"):
            return node
        waiting += ((child, depth + 1) for child in ast.iter_child_nodes(node))
    return None


def _unsupported(program: Program) -> Iterator[Fault]:
    inside = {id(part) for top in ast.walk(program.tree) if _is_function(top) for part in ast.walk(top)}
    said: set[str] = set()
    for node in ast.walk(program.tree):
        if type(node) in _UNKNOWN:
            what, way_out = _UNKNOWN[type(node)]
            if what in said:
                continue
            said.add(what)
            yield program.fault("E305", f"a program has no {what}", node, way_out)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imports(program, node)
        elif isinstance(node, ast.Return) and id(node) not in inside:
            way_out = "end the program with the dict itself, as its last line"
            yield program.fault("E305", "'return' belongs in a function", node, way_out)
        elif isinstance(node, ast.Name) and node.id in _FORBIDDEN and isinstance(node.ctx, ast.Load):
            yield program.fault("E305", f"a program has no '{node.id}'", node, _FORBIDDEN[node.id])
        elif isinstance(node, ast.Attribute) and node.attr.startswith("__"):
            yield program.fault("E305", f"a program has no '{node.attr}'", node, "use what the value offers by name")


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.Lambda)


def _imports(program: Program, node: ast.Import | ast.ImportFrom) -> Iterator[Fault]:
    places: list[tuple[str, ast.AST]] = [(alias.name, alias) for alias in node.names]
    for name, place in places if isinstance(node, ast.Import) else [(node.module or ".", node)]:
        if name.partition(".")[0] not in MODULES:
            near = did_you_mean(name, MODULES)
            way_out = f"did you mean '{near}'?" if near else f"modules: {one_of(MODULES)}"
            yield program.fault("E305", f"a program cannot import '{name}'", place, way_out)
