"""E305, E306: the program of a code node is one that the sandbox runs, and it keeps to the types around it."""

from __future__ import annotations

import keyword
from collections.abc import Iterator

from girih.language.compiler.unit import Unit, finding
from girih.language.nodes.code import CodeConfig
from girih.language.programs.check import check_program
from girih.language.programs.syntax import Fault, read_program
from girih.language.spec.diagnostics import Diagnostic, Place, Related
from girih.language.spec.model import GraphNode
from girih.language.spec.source import Source
from girih.language.spec.types import object_schema


def check(unit: Unit) -> Iterator[Diagnostic]:
    """Check the program of every code node. Nothing of it is run."""
    for node in unit.sound_nodes:
        if isinstance(node.config, CodeConfig):
            yield from _names(unit, node)
            yield from _program(unit, node, node.config)


def _names(unit: Unit, node: GraphNode) -> Iterator[Diagnostic]:
    for name in node.config.with_:
        if keyword.iskeyword(name):
            path = ("nodes", node.name, "with", name, "[key]")
            yield finding(
                unit, "E305", f"'{name}' is a word of Python and names no value", path, "give it another name"
            )


def _program(unit: Unit, node: GraphNode, config: CodeConfig) -> Iterator[Diagnostic]:
    where = None if isinstance(config.code, str) else unit.prompts.get(config.code.file)
    if not isinstance(config.code, str) and where is None:
        return
    text = config.code if isinstance(config.code, str) else unit.files[where or ""]
    program, faults = read_program(text)
    if program is not None and not faults:
        given = {name: unit.scope.infer(value) for name, value in config.with_.items()}
        faults = check_program(program, given, object_schema(config.returns))
    for fault in faults:
        if where is None:
            place = unit.tree.inside(("nodes", node.name, "code"), fault.offset, fault.length)
            yield Diagnostic(fault.code, fault.message, place, help=fault.help)
        else:
            yield _in_file(unit, node, Source(where, text), fault)


def _in_file(unit: Unit, node: GraphNode, source: Source, fault: Fault) -> Diagnostic:
    line, column = source.position(fault.offset)
    used = Related(unit.tree.at(("nodes", node.name, "code", "file")), f"'{node.name}' runs it here")
    place = Place(source.name, line, column, fault.length)
    return Diagnostic(fault.code, fault.message, place, help=fault.help, related=(used,))
