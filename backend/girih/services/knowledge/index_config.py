"""How an index is made: everything that decides which passages a document gives, and what their vectors are."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from girih.language.spec.collection import Language
from girih.language.spec.pipelines import CleanerStep, EnricherStep, LoaderStep, ParserStep, StoreStep
from girih.language.spec.tree import JsonObject
from girih.services.knowledge.cut_rules import CutRules

IndexStatus = Literal["building", "active", "former", "failed", "cancelled", "removing"]
"""`building`: beside the one that searches read; `active`: that one; `former`: was it, and can be it again.

`failed`: too many documents could not be brought into it; `cancelled`: its building was stopped;
`removing`: its passages are being deleted.
"""

_PARTS = {
    "loader": "load",
    "parser": "parse",
    "cleaner": "clean",
    "splitter": "chunk",
    "enricher": "enrich",
    "embedder": "embedder",
    "store": "store",
}
"""Step of a pipeline → its part of a config."""


class IndexConfig(BaseModel):
    """Two indexes of equal config hold equal passages. `embedder` is what the author chose, a rung of the ladder.

    Each part is a step of a pipeline as its author wrote it; `language` says how texts become the words that are found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedder: str = "default"
    chunk: CutRules = CutRules()
    language: Language = "english"
    load: LoaderStep = LoaderStep()
    parse: ParserStep = ParserStep()
    clean: CleanerStep = CleanerStep()
    enrich: EnricherStep | None = None
    store: StoreStep = StoreStep()

    @property
    def as_json(self) -> JsonObject:
        """What a row keeps."""
        return self.model_dump(mode="json")

    @classmethod
    def of_collection(cls, document: JsonObject) -> IndexConfig:
        """What the short form of a `collection/v1` document says."""
        given = {key: document[key] for key in ("embedder", "chunk", "language") if document.get(key)}
        return cls.model_validate(given)

    @classmethod
    def of_pipeline(cls, pipeline: JsonObject, document: JsonObject) -> IndexConfig:
        """What a `pipeline/v1` document says, for the collection of a `collection/v1` document."""
        steps = {part: pipeline[step] for step, part in _PARTS.items() if pipeline.get(step) is not None}
        language = {"language": document["language"]} if document.get("language") else {}
        return cls.model_validate(steps | language)
