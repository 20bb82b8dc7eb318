"""The graphs an agent can hand over to: how an author names them, and what the model is told of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from girih.language.nodes.base import Scope, Use
from girih.language.spec.model import Name, Strict
from girih.language.spec.tree import JsonValue


class Handoff(Strict):
    """A graph that can take over: `name` and `description` are what the model is told of it."""

    use: Name
    name: Name | None = None
    description: Annotated[str, Field(min_length=1)] | None = None

    @property
    def shown_as(self) -> str:
        """What the model calls it."""
        return self.name or f"transfer_to_{self.use}"


class NamedHandoff(Handoff):
    """A graph written as its alias alone."""


def _handoff_of_name(value: Any) -> Any:
    return NamedHandoff.model_construct(use=value, name=None, description=None) if isinstance(value, str) else value


HandoffField = Annotated[Handoff, BeforeValidator(_handoff_of_name, json_schema_input_type=Name | Handoff)]
"""How an agent's model declares a hand-over: `alias`, or `{ use: alias, … }`."""


def handoff_uses(handoffs: Iterable[Handoff]) -> Iterable[Use]:
    """The names of `use:` that the hand-overs need."""
    for index, handoff in enumerate(handoffs):
        path = ("handoffs", index) if isinstance(handoff, NamedHandoff) else ("handoffs", index, "use")
        yield Use(path, handoff.use, "graph")


def lower_handoff(handoff: Handoff, scope: Scope) -> JsonValue:
    """The settings of one hand-over."""
    known = scope.graphs.get(handoff.use)
    name = known.name if known else handoff.use
    return {
        "name": handoff.shown_as,
        "alias": handoff.use,
        "description": handoff.description or f"Hands the conversation over to {name}, which answers in your place.",
        "parameters": known.inputs if known else {},
        "digest": known.digest if known else "",
    }
