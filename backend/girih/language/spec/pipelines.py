"""`pipeline/v1`: what becomes of a document on its way into a collection, step by step."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from girih.language.spec.model import Slug, Strict
from girih.language.spec.patterns import pattern_fault
from girih.language.spec.references import ModelRef
from girih.language.spec.semantic import Version, Weight
from girih.language.spec.tree import JsonObject

Format = Literal[
    "pdf", "docx", "pptx", "xlsx", "epub", "rtf", "html", "markdown", "text", "csv", "json", "email", "image"
]
"""The kinds of files that parsers read."""

EmbedderName = Literal["default", "minilm", "openai", "hashing"]
StoreType = Literal["pgvector", "qdrant", "pinecone"]
Added = Literal["title", "summary", "questions"]


def _sound_pattern(pattern: str) -> str:
    fault = pattern_fault(pattern)
    if fault is not None:
        raise PydanticCustomError("pattern", "{message}", {"message": fault})
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_sound_pattern)]
"""A regular expression in RE2's syntax."""


class LoaderStep(Strict):
    """Which documents are taken: of these `formats` (all, if none are named), of at most `max_mb` megabytes."""

    elsewhere: ClassVar[str] = (
        "where documents come from is said by a data store (girih data-stores create), and here which of them are taken"
    )

    formats: Annotated[list[Format], Field(min_length=1)] | None = None
    max_mb: Annotated[float, Field(gt=0, le=10_000)] | None = None


class ParserStep(Strict):
    """How a file is read. A document with more than `max_pages` pages or `max_cells` cells of tables is refused.

    `tables` are kept, or left out with `drop`. With `ocr: auto` text is read out of pictures and those pages of a PDF
    that are pictures; the server needs the extra `ocr` for it. With `off` a document of pictures alone is refused.
    """

    max_pages: Annotated[int, Field(ge=1, le=5_000)] = 5_000
    max_cells: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000_000
    tables: Literal["keep", "drop"] = "keep"
    ocr: Literal["off", "auto"] = "off"


class CleanerStep(Strict):
    """What is done to the text before it is cut, always in this order.

    `unicode` brings it into one normal form (`NFKC` also turns ligatures and full-width letters into plain ones).
    `repeated: drop` leaves out lines that stand at the top or the bottom of most pages. `drop` leaves out every line in
    which one of these RE2 expressions is found. `hyphens: join` puts words together again that a line's end has parted.
    `whitespace: collapse` makes one space of several, and one empty line of several; tables and code stay as they are.
    """

    unicode: Literal["NFC", "NFKC"] | None = None
    repeated: Literal["keep", "drop"] = "keep"
    drop: Annotated[list[Pattern], Field(min_length=1, max_length=50)] | None = None
    hyphens: Literal["keep", "join"] = "keep"
    whitespace: Literal["keep", "collapse"] = "keep"


class ChunkOptions(Strict):
    """How documents are cut into chunks of at most `size` words; neighbours share `overlap` of them, less than half.

    `strategy` says where: `structure` (the default) never crosses a heading and keeps sentences and tables whole,
    `sentence` does so over headings, `recursive` keeps paragraphs whole, then lines, then sentences, `tokens` cuts
    after so many tokens (`size` and `overlap` count tokens, as the offline embedder reads them), and `parent` searches
    quarters of a chunk and answers with the whole one. `context` is what is put before a chunk when it is embedded:
    the document's title and its `headings`, its `title`, or `none`; a hit's text never has it.
    """

    strategy: Literal["structure", "recursive", "tokens", "sentence", "parent"] = "structure"
    size: Annotated[int, Field(ge=50, le=1000)] = 220
    overlap: Annotated[int, Field(ge=0, le=499)] = 40
    context: Literal["headings", "title", "none"] = "headings"

    @model_validator(mode="after")
    def _less_than_half(self) -> Self:
        if self.overlap * 2 >= self.size:
            raise PydanticCustomError("overlap", "'overlap' must be less than half of 'size'")
        return self


class EnricherStep(Strict):
    """What a `model` adds to the chunks: it is embedded with them, and stands in a hit's metadata.

    `add` names it: a `title` and a `summary` of the document, and `questions` that the chunk answers, as many as
    `count` says. When the model fails, the document fails, or with `on_error: skip` it goes on without.
    """

    model: ModelRef
    add: Annotated[list[Added], Field(min_length=1, max_length=3)]
    count: Annotated[int, Field(ge=1, le=10)] = 3
    on_error: Literal["fail", "skip"] = "fail"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.add)) < len(self.add):
            raise PydanticCustomError("twice", "'add' names something twice")
        return self


class StoreStep(Strict):
    """Where vectors are kept: `type: pgvector`, the database itself, or a server of the operator's.

    `qdrant` and `pinecone` need an `endpoint`, a name that the operator has bound to an address. Texts and words are in
    the database in any case.
    """

    type: StoreType = "pgvector"
    endpoint: Slug | None = None

    @property
    def is_database(self) -> bool:
        """Whether vectors are in the database itself."""
        return self.type == "pgvector"

    @model_validator(mode="after")
    def _bound(self) -> Self:
        if self.type == "pgvector" and self.endpoint is not None:
            raise PydanticCustomError("store", "pgvector is the database itself and takes no 'endpoint'")
        if self.type != "pgvector" and self.endpoint is None:
            raise PydanticCustomError("store", "{type} needs 'endpoint'", {"type": self.type})
        return self


class PipelineDocument(Strict):
    """A pipeline: what becomes of a document on its way into the collections that name `pipeline://NAME`.

    Each step may be left out. `loader` says which documents are taken, `parser` how they are read, `cleaner` what is
    done to their text, `splitter` how they are cut, `enricher` what a model adds, `embedder` how texts become vectors
    (`default` takes what the server is set up with), and `store` where vectors are kept. Each content that is published
    is a version of its own: `version` names it (too low a one is refused), else it is the next one.
    """

    kind: Literal["pipeline/v1"]
    name: Slug
    version: Version | None = None
    title: str | None = None
    description: str | None = None
    loader: LoaderStep = LoaderStep()
    parser: ParserStep = ParserStep()
    cleaner: CleanerStep = CleanerStep()
    splitter: ChunkOptions = ChunkOptions()
    enricher: EnricherStep | None = None
    embedder: EmbedderName = "default"
    store: StoreStep = StoreStep()


_SAID = frozenset({"title", "description"})
_APART = frozenset({"embedder", "store"})


def changed_steps(before: JsonObject, after: JsonObject) -> list[str]:
    """The keys in which one pipeline differs from another, beside the version they declare."""
    keys = [*after, *(key for key in before if key not in after)]
    return [key for key in keys if key != "version" and before.get(key) != after.get(key)]


def weight_of(before: JsonObject, after: JsonObject) -> Weight | None:
    """What a change means to the collections of a pipeline; `None` where nothing changed.

    `major`: vectors of before cannot be compared with those of after; `minor`: documents are brought in differently;
    `patch`: only what the pipeline says of itself changed.
    """
    changed = set(changed_steps(before, after))
    if changed & _APART:
        return "major"
    return ("minor" if changed - _SAID else "patch") if changed else None
