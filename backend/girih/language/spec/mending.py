"""A misspelt key is read as the one that was meant, once it has its finding, so that the rest of it is checked, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from pydantic import BaseModel, ValidationError

from girih.language.spec.diagnostics import Diagnostic
from girih.language.spec.findings import Subject, keys_of, unknown_key
from girih.language.spec.model import GraphHead
from girih.language.spec.node_parser import COMMON_KEYS, Kind, unknown_verb
from girih.language.spec.suggest import did_you_mean
from girih.language.spec.tree import JsonObject, Path, Tree, renamed

_ALIKE = 0.8
"""How alike two words must be before one is read as the other; less is enough for a suggestion."""


def mend(tree: Tree, kinds: Mapping[str, Kind]) -> tuple[Tree, tuple[Diagnostic, ...]]:
    """The graph with its misspelt keys put right, and a finding (E002) for each.

    Only keys of the graph and of its nodes, and only where the value fits what was meant. Places stay where they are.
    """
    if not isinstance(tree.value, dict):
        return tree, ()
    found: list[Diagnostic] = []
    subject = Subject(tree, (), GraphHead, "the graph", ("nodes",))
    names = _mend_keys(tree.value, subject, (*keys_of(GraphHead), "nodes"), found)
    tree = renamed(tree, {(): names})
    nodes = tree.value.get("nodes")
    meant: dict[Path, dict[str, str]] = {
        ("nodes", name): _mend_node(tree, name, kinds, found) for name in (nodes if isinstance(nodes, dict) else ())
    }
    return renamed(tree, meant), tuple(found)


def _mend_node(tree: Tree, name: str, kinds: Mapping[str, Kind], found: list[Diagnostic]) -> dict[str, str]:
    """The keys of a node that were misspelt: wrong name → right name."""
    path: Path = ("nodes", name)
    node = tree.get(path)
    if not isinstance(node, dict):
        return {}
    verbs = [key for key in node if key in kinds]
    meant: dict[str, str] = {}
    if not verbs:
        meant = {key: near for key in node if key not in COMMON_KEYS and (near := _meant(key, kinds))}
        if len(meant) != 1:
            return {}
        ((wrong, verb),) = meant.items()
        found.append(unknown_verb(tree, name, wrong, verb, kinds))
        node, verbs = {meant.get(key, key): item for key, item in node.items()}, [verb]
    if len(verbs) > 1:
        return meant
    model = kinds[verbs[0]].Config
    return meant | _mend_keys(node, Subject(tree, path, model, f"{verbs[0]} node '{name}'"), keys_of(model), found)


def _mend_keys(value: JsonObject, subject: Subject, known: Iterable[str], found: list[Diagnostic]) -> dict[str, str]:
    free = [key for key in known if key not in value]
    names: dict[str, str] = {}
    for key in value if free else ():
        near = _meant(key, [option for option in free if option not in names.values()]) if key not in known else None
        if near is not None:
            names[key] = near
    if not names:
        return {}
    faulty = _faulty(subject.model, {names.get(key, key): item for key, item in value.items()})
    names = {wrong: right for wrong, right in names.items() if right not in faulty}
    found += [unknown_key(subject, (*subject.path, wrong)) for wrong in names]
    return names


def _meant(word: str, options: Iterable[str]) -> str | None:
    near = did_you_mean(word, options)
    if near is None or sorted(near) == sorted(word.lower()):
        return near
    return near if SequenceMatcher(None, word.lower(), near).ratio() >= _ALIKE else None


def _faulty(model: type[BaseModel], value: JsonObject) -> set[Any]:
    """The keys with a fault of their own."""
    try:
        model.model_validate(value, strict=True)
    except ValidationError as error:
        return {detail["loc"][0] for detail in error.errors(include_url=False) if detail["loc"]} - {"nodes"}
    return set()
