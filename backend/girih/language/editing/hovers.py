"""What an editor shows of the word under the mouse: a node, a type, the meaning of a key, a finding's page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from girih.language.compiler.unit import Unit
from girih.language.editing.expressions import Around
from girih.language.editing.positions import Range, between
from girih.language.editing.prompts import type_of, variables_of
from girih.language.editing.reading import Reading
from girih.language.editing.shapes import Shapes, kind_in
from girih.language.editing.spots import At
from girih.language.editing.wording import in_words, of_node
from girih.language.editing.words import Chain, pointed_at
from girih.language.expressions.template_reader import read_template
from girih.language.expressions.template_tree import every, spoken

Page = Callable[[str], str | None]
"""Takes a diagnostic code; gives the page on it, in Markdown."""

_FIRST_LINES = 12


class Hover(NamedTuple):
    """What to show, in Markdown, and of which part of the text it speaks."""

    text: str
    range: Range | None = None


def hover(reading: Reading, file: str, index: int, page: Page) -> Hover | None:
    """What there is to say of a character of a file; `None` for nothing."""
    source = reading.source(file)
    parts = list(_of_findings(reading, file, index, page))
    tree = reading.tree(file)
    if tree is None:
        said = _in_prompt(reading, file, index)
        parts += [said] if said else []
        return Hover("\n\n---\n\n".join(parts)) if parts else None
    unit = reading.unit(file)
    pointed = pointed_at(tree, unit, index)
    range_ = None
    if unit is not None and pointed.mention is not None and pointed.mention.node in unit.graph.nodes:
        parts.insert(0, of_node(unit, pointed.mention.node))
        range_ = between(source, *pointed.mention.span) if pointed.mention.span is not None else None
    elif unit is not None and pointed.chain is not None:
        parts.insert(0, _of_chain(unit, pointed.chain))
    elif pointed.at is not None:
        parts[:0] = _of_place(reading, unit, file, pointed.at)
    return Hover("\n\n---\n\n".join(parts), range_) if parts else None


def _of_findings(reading: Reading, file: str, index: int, page: Page) -> Iterator[str]:
    for code in dict.fromkeys(found.code for found in reading.at(file, index)):
        text = page(code)
        if text is not None:
            yield "\n".join(text.strip().splitlines()[:_FIRST_LINES])


def _of_chain(unit: Unit, chain: Chain) -> str:
    around = Around(unit, chain.path, chain.expression)
    return f"`{chain.text}` is {in_words(around.type_of(chain.text))}"


def _of_place(reading: Reading, unit: Unit | None, file: str, at: At) -> Iterator[str]:
    path = at.path
    if unit is not None and not at.is_key and len(path) > 1 and path[0] == "use":
        yield from _of_alias(unit, str(path[1]))
    node = unit.graph.nodes.get(str(path[1])) if unit is not None and path[:1] == ("nodes",) and len(path) > 1 else None
    if unit is not None and node is not None and node.sound and len(path) > 2 and not at.is_key:
        used = [use.alias for use in unit.kinds[node.verb].uses(node.config) if use.path == path[2:]]
        for alias in used:
            yield from _of_alias(unit, alias)
    if at.is_key and path:
        said = Shapes(kind_in(reading.files.get(file, "")), node.verb if node is not None else None).described(path)
        if said:
            yield f"**{path[-1]}** – {said}"


def _of_alias(unit: Unit, alias: str) -> Iterator[str]:
    uris = ", ".join(f"`{uri}`" for uri in unit.graph.use.get(alias, ()))
    if not uris:
        return
    lines = [f"**{alias}** – {uris}"]
    if alias in unit.scope.tools:
        tool = unit.scope.tools[alias]
        lines += [str(tool.document.get("description", "")), f"It takes {in_words(tool.parameters)}"]
        lines.append(f"It returns {in_words(tool.returns)}")
    elif alias in unit.scope.graphs:
        graph = unit.scope.graphs[alias]
        lines += [f"It takes {in_words(graph.inputs)}", f"It returns {in_words(graph.outputs)}"]
    yield "\n\n".join(line for line in lines if line)


def _in_prompt(reading: Reading, file: str, index: int) -> str | None:
    """The type of a variable of a prompt file."""
    variables = variables_of(reading, file)
    statements = read_template(reading.files.get(file, "")) if variables else None
    best: str | None = None
    for expression in every(statements or ()):
        name = spoken(expression)
        if name is not None and expression.at <= index <= expression.end and (best is None or len(name) < len(best)):
            best = name
    return f"`{best}` is {in_words(type_of(best, variables))}" if best is not None else None
