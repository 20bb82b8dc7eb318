"""What stands at a character of a spec that could be read: the way to its value, and whether it is a key."""

from __future__ import annotations

from typing import NamedTuple

from girih.language.spec.offsets import character_indexes
from girih.language.spec.tree import Path, Tree


class At(NamedTuple):
    """A value of a tree, or the key that names it."""

    path: Path
    is_key: bool


def path_at(tree: Tree, index: int) -> At | None:
    """The innermost value around a character; `None` outside of all."""
    best: At | None = None
    width = len(tree.source.text) + 1
    for path, spot in tree.spots.items():
        if spot.key is not None and spot.key[0] <= index <= spot.key[1]:
            return At(path, is_key=True)
        start, end = spot.shown
        if start <= index <= end and (end - start < width or (best is not None and len(path) > len(best.path))):
            best, width = At(path, is_key=False), end - start
    return best


def offset_in(tree: Tree, path: Path, index: int) -> int | None:
    """Which character of the text at a path stands at an index of the file; `None` if that is not known."""
    spot, value = tree.spots.get(path), tree.get(path)
    if spot is None or spot.style is None or not isinstance(value, str):
        return None
    indexes = character_indexes(tree.source.text, spot.span, spot.style, value)
    if not indexes:
        return None
    if index == indexes[-1] + 1:
        return len(indexes)
    return next((offset for offset, at in enumerate(indexes) if at >= index), None)


def starts_of(tree: Tree, path: Path, offset: int, length: int) -> tuple[int, int] | None:
    """The indexes in the file of `length` characters from `offset` of the text at a path, if they stand together."""
    spot, value = tree.spots.get(path), tree.get(path)
    if spot is None or spot.style is None or not isinstance(value, str):
        return None
    indexes = character_indexes(tree.source.text, spot.span, spot.style, value)
    if not indexes or offset + length > len(indexes):
        return None
    start = indexes[offset]
    word = value[offset : offset + length]
    return (start, start + length) if tree.source.text[start : start + length] == word else None
