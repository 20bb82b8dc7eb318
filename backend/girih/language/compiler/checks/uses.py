"""E401: every name a node uses is in `use:`, and is of the kind the node needs."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.resolve import NOUNS
from girih.language.compiler.unit import Unit, finding
from girih.language.nodes.base import Use
from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.model import GraphNode
from girih.language.spec.suggest import did_you_mean, one_of


def check(unit: Unit) -> Iterator[Diagnostic]:
    """What `use:` names and nothing is, then what nodes name and `use:` does not."""
    yield from unit.resolved.diagnostics
    for node in unit.sound_nodes:
        for use in unit.kinds[node.verb].uses(node.config):
            yield from _use(unit, node, use)


def _use(unit: Unit, node: GraphNode, use: Use) -> Iterator[Diagnostic]:
    path = ("nodes", node.name, *use.path)
    schemes = unit.resolved.schemes
    if use.alias not in unit.graph.head.use:
        fitting = [alias for alias, scheme in schemes.items() if scheme == use.scheme]
        near = did_you_mean(use.alias, fitting)
        if near is not None:
            way_out = f"did you mean '{near}'?"
        else:
            listed = f". {NOUNS[use.scheme]}s there: {one_of(fitting)}" if fitting else ""
            way_out = f"add {use.alias}: {use.scheme}://NAME under use:{listed}"
        yield finding(unit, "E401", f"'{use.alias}' is not in use:", path, way_out)
    elif schemes.get(use.alias, use.scheme) != use.scheme:
        message = f"{node.verb} needs a {NOUNS[use.scheme]}, but '{use.alias}' is a {NOUNS[schemes[use.alias]]}"
        fitting = [alias for alias, scheme in schemes.items() if scheme == use.scheme]
        way_out = (
            f"{NOUNS[use.scheme]}s in use: {one_of(fitting)}" if fitting else f"add {use.scheme}://NAME under use:"
        )
        yield finding(unit, "E401", message, path, way_out)
