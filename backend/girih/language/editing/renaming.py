"""Another name for a node, in every place that names it, or a sentence that says why not."""

from __future__ import annotations

import re

from girih.errors import InvalidInput
from girih.language.editing.mentions import Mention, mentions_of
from girih.language.editing.positions import Edit, Range, between
from girih.language.editing.reading import Reading
from girih.language.editing.words import pointed_at
from girih.language.spec.names import NAME_HELP, RESERVED

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")


def renamed_at(reading: Reading, file: str, index: int) -> tuple[str, Range] | None:
    """The node that can be renamed at a character, and where its name stands there."""
    unit = reading.unit(file)
    mention = pointed_at(unit.tree, unit, index).mention if unit is not None else None
    if unit is None or mention is None or mention.span is None or mention.node not in unit.graph.nodes:
        return None
    return mention.node, between(unit.tree.source, *mention.span)


def rename(reading: Reading, file: str, index: int, new: str) -> list[Edit]:
    """The edits that give the node at a character another name. Raises `InvalidInput` for one that it cannot have."""
    unit = reading.unit(file)
    found = renamed_at(reading, file, index)
    if unit is None or found is None:
        raise InvalidInput("there is no node here", help="put the cursor on the name of a node")
    name = found[0]
    if not _NAME.match(new):
        raise InvalidInput(f"'{new[:80]}' is not a name for a node", help=NAME_HELP)
    if new in RESERVED:
        raise InvalidInput(f"'{new}' is a word of the language and cannot name a node", help=f"write '{new}_node'")
    taken = new in unit.graph.nodes or any(
        new in branch.binds for forks in unit.flow.forks.values() for branch in forks
    )
    if taken and new != name:
        raise InvalidInput(f"'{new}' means something else in this graph", help="choose another name")
    if unit.tree.damage:
        raise InvalidInput("the file has a fault of syntax: not every place of the name is known", help="mend it first")
    places = mentions_of(unit, name)
    if hidden := next((mention for mention in places if mention.span is None), None):
        raise InvalidInput(_where(hidden), help="write it in one line and without escapes, then rename")
    spans = {mention.span for mention in places if mention.span is not None}
    return [Edit(between(unit.tree.source, *span), new) for span in sorted(spans)]


def _where(hidden: Mention) -> str:
    path = ".".join(str(step) for step in hidden.path)
    return f"'{hidden.node}' is written in {path} in a way that cannot be changed safely"
