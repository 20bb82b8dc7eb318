"""Where the name at a cursor is defined, and where a node is named."""

from __future__ import annotations

from collections.abc import Iterator

from girih.language.compiler.prompts import find
from girih.language.compiler.unit import Unit
from girih.language.editing.mentions import mentions_of
from girih.language.editing.positions import between
from girih.language.editing.prompts import uses_of
from girih.language.editing.reading import Reading, Spot
from girih.language.editing.words import Chain, Pointed, pointed_at
from girih.language.spec.tree import Path
from girih.language.spec.uris import UriError, parse_uri

_KINDS = {"model": "model/v1", "knowledge": "collection/v1", "tool": "tool/v1", "pipeline": "pipeline/v1"}
_BEGINNING = (0, 0)


def definitions(reading: Reading, file: str, index: int) -> list[Spot]:
    """The places that define what stands at a character: one, or none; of a fallback chain, each model."""
    tree, unit = reading.tree(file), reading.unit(file)
    if tree is None or unit is None:
        return []
    pointed = pointed_at(tree, unit, index)
    return list(_of_node(reading, unit, pointed) or _of_others(reading, unit, pointed))


def references(reading: Reading, file: str, index: int, *, with_definition: bool) -> list[Spot]:
    """The places that name the node at a character."""
    unit = reading.unit(file)
    pointed = pointed_at(unit.tree, unit, index) if unit is not None else None
    if unit is None or pointed is None or pointed.mention is None:
        return []
    found = mentions_of(unit, pointed.mention.node)
    source = unit.tree.source
    spans = {m.span for m in found if m.span is not None and (with_definition or not m.is_definition)}
    return [Spot(file, between(source, *span)) for span in sorted(spans)]


def _of_node(reading: Reading, unit: Unit, pointed: Pointed) -> list[Spot]:
    mention = pointed.mention
    if mention is None or mention.node not in unit.graph.nodes:
        return []
    return [reading.spot(unit.tree.key_at(("nodes", mention.node)))]


def _of_others(reading: Reading, unit: Unit, pointed: Pointed) -> Iterator[Spot]:
    if pointed.chain is not None:
        yield from _of_chain(reading, unit, pointed.chain)
    elif pointed.at is not None:
        yield from _of_value(reading, unit, pointed.at.path)
        yield from _of_key(reading, unit, pointed.at.path)


def _of_chain(reading: Reading, unit: Unit, chain: Chain) -> Iterator[Spot]:
    """`inputs.x` and `state.x` are written out; a field of a node may stand in its `returns` or in what it sets."""
    steps: Path = tuple(chain.text.split("."))
    root, field = str(steps[0]), steps[1:2]
    if root in ("inputs", "state"):
        path: Path = (root, *field)
        if unit.tree.get(path) is not None:
            yield reading.spot(unit.tree.key_at(path))
    elif root in unit.graph.nodes and field:
        base: Path = ("nodes", root)
        for path in ((*base, "returns", *field), (*base, "set", *field), (*base, "ask", "returns", *field)):
            if path in unit.tree.spots:
                yield reading.spot(unit.tree.key_at(path))
                return
        yield reading.spot(unit.tree.key_at(base))
    else:
        yield from _of_bound(reading, unit, root, chain.path)


def _of_bound(reading: Reading, unit: Unit, name: str, path: Path) -> Iterator[Spot]:
    """A name that a fork binds for its branch."""
    region = unit.flow.regions.get(str(path[1])) if path[:1] == ("nodes",) and len(path) > 1 else None
    for inner in unit.flow.around(region.entry) if region is not None else ():
        branch = unit.flow.branch_of(inner.entry) if inner.fork is not None else None
        if branch is not None and name in branch.binds:
            fork: Path = ("nodes", str(inner.fork))
            yield reading.spot(unit.tree.key_at((*fork, "as") if (*fork, "as") in unit.tree.spots else fork))
            return


def _of_value(reading: Reading, unit: Unit, path: Path) -> Iterator[Spot]:
    value = unit.tree.get(path)
    if not isinstance(value, str):
        return
    if path[:1] == ("use",):
        yield from _of_uri(reading, value)
    elif path[:1] == ("nodes",) and len(path) > 2:
        yield from _of_node_value(reading, unit, path, value)
    elif path[:1] == ("chat",):
        section = "inputs" if path[-1] == "input" else "outputs"
        if (section, value) in unit.tree.spots:
            yield reading.spot(unit.tree.key_at((section, value)))
    elif path[-1:] == ("cases",):
        yield from _of_file(reading, unit, value)


def _of_node_value(reading: Reading, unit: Unit, path: Path, value: str) -> Iterator[Spot]:
    node = unit.graph.nodes.get(str(path[1]))
    if node is None or not node.sound:
        return
    kind = unit.kinds[node.verb]
    if any(use.path == path[2:] for use in kind.uses(node.config)):
        found = [spot for uri in unit.graph.use.get(value, ()) for spot in _of_uri(reading, uri)]
        yield from found or [reading.spot(unit.tree.key_at(("use", value)))]
    elif any(named.path == path[2:] for named in kind.files(node.config)):
        yield from _of_file(reading, unit, value)


def _of_uri(reading: Reading, text: str) -> Iterator[Spot]:
    """The spec of the workspace that a reference means, at its name."""
    try:
        uri = parse_uri(text)
    except UriError:
        return
    specs = reading.analysis.specs
    if uri.scheme == "graph" and uri.name in specs.graphs:
        yield reading.spot(specs.graphs[uri.name].tree.at(("name",)))
    for path, tree in specs.trees.items():
        if tree.get(("kind",)) == _KINDS.get(uri.scheme) and tree.get(("name",)) == uri.name:
            yield reading.spot(reading.analysis.specs.trees[path].at(("name",)))


def _of_file(reading: Reading, unit: Unit, written: str) -> Iterator[Spot]:
    found = find(written, unit.tree.source.name, reading.files)
    if found is not None:
        yield Spot(found, between(reading.source(found), *_BEGINNING))


def _of_key(reading: Reading, unit: Unit, path: Path) -> Iterator[Spot]:
    """A key that names something else: what a test gives, what a node writes."""
    sections = {"given": "inputs", "write": "state", "outputs": "outputs"}
    section = sections.get(str(path[-2])) if len(path) > 2 else None
    if section is not None and (section, path[-1]) in unit.tree.spots:
        yield reading.spot(unit.tree.key_at((section, path[-1])))


def uses_of_file(reading: Reading, file: str) -> list[Spot]:
    """The places that name a prompt file."""
    found = []
    for unit in reading.analysis.units.values():
        for node, named in uses_of(unit, file):
            found.append(reading.spot(unit.tree.at(("nodes", node.name, *named.path))))
    return found
