"""How a text becomes the words that searches find: the same way for a document's and for a question's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from girih.services.knowledge.chunking import Passage
from girih.services.knowledge.index_config import IndexConfig


@dataclass(frozen=True)
class Wording:
    """A text as PostgreSQL is to make lexemes of it: `to_tsvector(configuration, text)`."""

    configuration: str
    text: str


_WITHOUT_SPACES = frozenset({"chinese", "japanese", "korean"})
_RUN = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")


def wording_of(text: str, made_by: IndexConfig) -> Wording:
    """The wording of a document's or a question's text in an index."""
    if made_by.language in _WITHOUT_SPACES:
        return Wording("simple", _RUN.sub(_pairs, text))
    return Wording(made_by.language, text)


def passage_wording(passage: Passage, made_by: IndexConfig) -> Wording:
    """The wording of a passage: its headings count as its words, where they are a part of what is embedded."""
    return wording_of(passage.with_header(None, made_by.chunk.context), made_by)


def _pairs(run: re.Match[str]) -> str:
    """A run of characters that no spaces part, as all its pairs of neighbours: PostgreSQL takes it for one word."""
    found = run.group()
    pairs = [found[at : at + 2] for at in range(len(found) - 1)] or [found]
    return f" {' '.join(pairs)} "
