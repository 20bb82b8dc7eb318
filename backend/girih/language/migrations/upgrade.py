"""A spec brought to the newest version of its kind, with its comments."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from girih.language.formatting.layout import laid_out
from girih.language.spec.diagnostics import Diagnostic, has_errors
from girih.language.spec.reader import read
from girih.language.spec.source import Source
from girih.language.spec.versions import STEPS, Step

LONGEST_LINE = 100_000
"""Characters: lines are never broken."""


class MigrationError(ValueError):
    """A document that a step cannot bring further; the message says why."""


@dataclass(frozen=True)
class Upgraded:
    """What became of a document: its text, the steps that were taken, and what keeps it from being read at all."""

    text: str
    taken: tuple[Step, ...] = ()
    faults: tuple[Diagnostic, ...] = ()


def upgraded(source: Source, steps: Sequence[Step] = STEPS) -> Upgraded:
    """Take every step that there is for the document's kind. A document of the newest version stays as it is.

    Raises `MigrationError`.
    """
    tree, found = read(source)
    if tree is None or has_errors(found):
        return Upgraded(source.text, faults=found)
    kind = tree.value.get("kind") if isinstance(tree.value, dict) else None
    known = {step.before: step for step in steps}
    if kind not in known:
        return Upgraded(source.text)
    document = _loaded(source)
    taken: list[Step] = []
    while kind in known and len(taken) < len(steps):
        step = known[kind]
        try:
            step.change(document)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as fault:
            raise MigrationError(f"the step '{step.title}' does not fit what '{source.name}' says") from fault
        document["kind"] = kind = step.after
        taken.append(step)
    return Upgraded(_written(document, source), tuple(taken))


class _AllText(VersionedResolver):
    """Takes every scalar for the text that it is written as: what is not touched is written as it was."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """The tag of a scalar is always that of a text, as if it were quoted."""
        return super().resolve(kind, value, (False, True) if kind is ScalarNode else implicit)


class _NoEmpty(RoundTripConstructor):
    """Reads nothing as `null`: written between braces it would else become an empty text."""

    def construct_scalar(self, node: Any) -> Any:
        """The text of a scalar."""
        is_nothing = isinstance(node, ScalarNode) and not node.style and node.value == ""
        return "null" if is_nothing else super().construct_scalar(node)


def _yaml() -> YAML:
    made = YAML(typ="rt", pure=True)
    made.Resolver, made.Constructor = _AllText, _NoEmpty
    made.preserve_quotes = True
    made.width = LONGEST_LINE
    made.indent(mapping=2, sequence=4, offset=2)
    return made


def _loaded(source: Source) -> Any:
    try:
        return _yaml().load(source.text.removeprefix("\ufeff"))
    except YAMLError as fault:
        raise MigrationError(f"'{source.name}' cannot be read with its comments") from fault


def _written(document: Any, source: Source) -> str:
    stream = io.StringIO()
    _yaml().dump(document, stream)
    text = laid_out(stream.getvalue())
    tree, found = read(Source(source.name, text))
    if tree is None or has_errors(found):
        raise MigrationError(f"the steps would make a file of '{source.name}' that cannot be read")
    return text
