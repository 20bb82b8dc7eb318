"""How an index is made: everything that decides which passages a document gives, and what their vectors are."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from girih.language.spec.tree import JsonObject
from girih.services.knowledge.cut_rules import CutRules

IndexStatus = Literal["building", "active", "former", "failed"]
"""`building`: beside the one that searches read; `active`: that one; `former`: was it, and can be it again."""


Language = Literal[
    "simple", "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german",
    "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian", "portuguese",
    "romanian", "russian", "serbian", "spanish", "swedish", "tamil", "turkish", "yiddish",
]  # fmt: skip
"""PostgreSQL's text-search configurations; `simple` takes words as they are written."""


class IndexConfig(BaseModel):
    """Two indexes of equal config hold equal passages. `embedder` is what the author chose, a rung of the ladder.

    `language` is the text-search configuration of PostgreSQL that makes words of texts, of documents and of questions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: str = "default"
    chunk: CutRules = CutRules()
    language: Language = "english"

    @property
    def as_json(self) -> JsonObject:
        """What a row keeps."""
        return self.model_dump(mode="json")
