"""What a logical model comes to on this server: its document, with what it is bound to over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from girih.language.spec.canonical import digest_of
from girih.language.spec.tree import JsonObject
from girih.services.registry.tables import BindingRevision

AT = "at"
"""The key under which an effective document says where a binding leads to: endpoint or URL, secret and origin."""
_PLACE = ("endpoint", "url", "secret")


@dataclass(frozen=True)
class ModelRevision:
    """What a model's name stands for at one moment: changes with its document and with what it is bound to."""

    digest: str
    revision: int
    """Of the binding; 0 where there is none, and never was."""

    @property
    def version(self) -> str | None:
        """The revision of the binding, as the locks of versions keep it."""
        return str(self.revision) if self.revision else None


def effective(documents: Mapping[str, JsonObject], bindings: Mapping[str, BindingRevision]) -> dict[str, JsonObject]:
    """Every model by name, bound ones without a document of their own among them."""
    bound = {name: row for name, row in bindings.items() if row.binding is not None}
    found = {name: _over(document, bound.get(name)) for name, document in documents.items()}
    found |= {name: _over({}, row) for name, row in bound.items() if name not in documents}
    return dict(sorted(found.items()))


def stands_for(digest: str | None, row: BindingRevision | None) -> ModelRevision:
    """The revision of a model, from its document's digest and the newest revision of its binding."""
    told = {"document": digest, "binding": row.digest if row is not None and row.binding is not None else None}
    return ModelRevision(digest_of(told), row.revision if row is not None else 0)


def says(binding: JsonObject) -> JsonObject:
    """The keys of a binding that take the place of a document's."""
    named = {key: value for key, value in binding.items() if key not in _PLACE}
    if named["provider"] == "demo":
        # What stands in for a model costs nothing and is no model of a provider, whatever the document says of that.
        return {"model": None, "price": None, **named}
    return named


def _over(document: JsonObject, row: BindingRevision | None) -> JsonObject:
    if row is None or row.binding is None:
        return document
    place = {key: row.binding[key] for key in _PLACE if key in row.binding}
    found = {**document, **says(row.binding)}
    return found | {AT: {**place, "origin": row.origin}} if place else found
