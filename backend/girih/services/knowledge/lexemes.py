"""How a text becomes the words that searches find: the same way for a document's and for a question's."""

from __future__ import annotations

from dataclasses import dataclass

from girih.services.knowledge.index_config import IndexConfig


@dataclass(frozen=True)
class Wording:
    """A text as PostgreSQL is to make lexemes of it: `to_tsvector(configuration, text)`."""

    configuration: str
    text: str


def wording_of(text: str, made_by: IndexConfig) -> Wording:
    """The wording of a document's or a question's text in an index."""
    return Wording(made_by.language, text)
