"""`collection/v1`: documents that are searched together, and what brings them in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from girih.language.spec.model import Name, Slug, Strict, TypeSpec
from girih.language.spec.pipelines import ChunkOptions, EmbedderName
from girih.language.spec.references import PipelineRef

Language = Literal[
    "arabic", "armenian", "basque", "catalan", "chinese", "danish", "dutch", "english", "estonian", "finnish", "french",
    "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "japanese", "korean", "lithuanian",
    "nepali", "norwegian", "portuguese", "romanian", "russian", "serbian", "simple", "spanish", "swedish", "tamil",
    "turkish", "yiddish",
]  # fmt: skip
"""The languages whose words are known by their stems; `simple` takes words as they are."""


class CollectionDocument(Strict):
    """A collection of documents that graphs search as `knowledge://NAME`.

    How documents are brought in says either a `pipeline`, a reference such as `pipeline://handbook@^1`, or the short
    form: `embedder` says how texts become vectors (`default` takes what the server is set up with) and `chunk` how they
    are cut. `language` is the one that words are looked up in, English where none is named. `metadata` are fields with
    types that documents may carry, and that searches filter by.
    """

    kind: Literal["collection/v1"]
    name: Slug
    title: str | None = None
    description: str | None = None
    pipeline: PipelineRef | None = None
    embedder: EmbedderName = "default"
    chunk: ChunkOptions = ChunkOptions()
    language: Language | None = None
    metadata: dict[Name, TypeSpec] | None = Field(default=None, max_length=100)
