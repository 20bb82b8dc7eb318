"""What each kind of source is told: typed options without a secret in them, checked field by field."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from girih.language.spec.outward import SecretRef
from girih.language.spec.tree import JsonObject

_READS = re.compile(r"\s*(select|with|values|table)\b", re.IGNORECASE)


def _http_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError("must be an address that begins with http:// or https://, without a user name")
    return text


def _reads(text: str) -> str:
    if not _READS.match(text) or "\x00" in text:
        raise ValueError("must be one statement that reads: it begins with SELECT, WITH, VALUES or TABLE")
    return text


Url = Annotated[str, Field(min_length=8, max_length=2000), AfterValidator(_http_url)]
Glob = Annotated[str, Field(min_length=1, max_length=200)]
Globs = Annotated[list[Glob], Field(max_length=50)]
Endpoint = Annotated[str, Field(min_length=1, max_length=100)]
Column = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00]*$")]
Columns = Annotated[list[Column], Field(max_length=100)]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _WithGlobs(_Source):
    include: Globs = Field(default=[], description="Patterns of paths to take, such as `docs/**/*.md`; none: all.")
    exclude: Globs = Field(default=[], description="Patterns of paths to leave out.")


class FolderSource(_WithGlobs):
    """A folder on the server, below one that the operator allows (GIRIH_SOURCE_FOLDERS)."""

    kind: Literal["folder"]
    path: Annotated[str, Field(min_length=1, max_length=1000, pattern=r"^/[^\x00]*$")]
    hidden: bool = Field(default=False, description="Whether names that begin with a dot are taken.")


class WebSource(_WithGlobs):
    """Pages by their addresses, and those that sitemaps name."""

    kind: Literal["web"]
    urls: Annotated[list[Url], Field(max_length=1000)] = []
    sitemaps: Annotated[list[Url], Field(max_length=20)] = []
    max_pages: Annotated[int, Field(ge=1, le=50_000)] = 1000
    max_depth: Annotated[int, Field(ge=0, le=5)] = Field(default=2, description="How deep sitemaps may name sitemaps.")
    robots: bool = Field(default=True, description="Whether pages that robots.txt asks to leave alone are left alone.")
    endpoint: Endpoint | None = Field(default=None, description="The endpoint that `token` is sent to.")
    token: SecretRef | None = None

    @model_validator(mode="after")
    def _names_something(self) -> WebSource:
        if not self.urls and not self.sitemaps:
            raise ValueError("name at least one address in `urls` or `sitemaps`")
        _require_bound(self.token, self.endpoint)
        return self


class S3Source(_WithGlobs):
    """Objects of a bucket that speaks the protocol of Amazon S3."""

    kind: Literal["s3"]
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    prefix: Annotated[str, Field(max_length=1000)] = ""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] = "us-east-1"
    endpoint: Endpoint | None = Field(
        default=None, description="The operator's endpoint; without one a public bucket of Amazon's is read."
    )
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None

    @model_validator(mode="after")
    def _keys_are_whole(self) -> S3Source:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("`access_key` and `secret_key` belong together")
        if self.access_key is not None and self.endpoint is None:
            raise ValueError("keys are only sent to an `endpoint`, which the operator binds")
        return self


class GitSource(_WithGlobs):
    """The files of a repository at a branch, tag or commit, from the archive that its host offers."""

    kind: Literal["git"]
    url: Url | None = Field(
        default=None, description="Such as `https://codeload.github.com/OWNER/REPO/tar.gz/{ref}`: a tar.gz or zip."
    )
    endpoint: Endpoint | None = None
    path: Annotated[str, Field(max_length=1000)] = Field(
        default="", description="The archive's address below the endpoint, with `{ref}`."
    )
    ref: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._/-]+$")] = "main"
    token: SecretRef | None = None
    max_mb: Annotated[int, Field(ge=1, le=2000)] = Field(default=200, description="The largest archive.")

    @model_validator(mode="after")
    def _is_somewhere(self) -> GitSource:
        if (self.url is None) == (self.endpoint is None):
            raise ValueError("name either `url`, or `endpoint` and `path`")
        _require_bound(self.token, self.endpoint)
        return self


class _Records(_Source):
    title: Column | None = None
    content: Columns = Field(default=[], description="What becomes the text, in this order; none: all but metadata.")
    metadata: Columns = Field(default=[], description="What becomes the document's metadata.")
    cursor: Column | None = Field(
        default=None, description="What grows when a record changes; only newer ones are read then."
    )
    timeout: Annotated[float, Field(ge=1, le=3600)] = Field(default=60, description="Seconds that a query may take.")
    max_rows: Annotated[int, Field(ge=1, le=10_000_000)] = 100_000


class SqlSource(_Records):
    """What a query gives: a document for each row, or for all rows with the same key."""

    kind: Literal["sql"]
    endpoint: Endpoint | None = Field(
        default=None, description="The operator's database: `postgresql://host/name` or `mysql://host/name`."
    )
    file: Annotated[str, Field(min_length=2, max_length=1000, pattern=r"^/[^\x00]*$")] | None = Field(
        default=None, description="An SQLite file below a folder that the operator allows."
    )
    user: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    password: SecretRef | None = None
    statement: Annotated[str, Field(min_length=6, max_length=20_000), AfterValidator(_reads)]
    key: Column
    grouped: bool = Field(default=False, description="Whether all rows with the same key are one document.")

    @model_validator(mode="after")
    def _is_somewhere(self) -> SqlSource:
        if (self.endpoint is None) == (self.file is None):
            raise ValueError("name either `endpoint` or `file`")
        if self.endpoint is not None and self.user is None:
            raise ValueError("an `endpoint` needs a `user`")
        return self


class MongoSource(_Records):
    """The documents of a MongoDB collection."""

    kind: Literal["mongodb"]
    endpoint: Endpoint = Field(description="The operator's database: `mongodb://host:port`.")
    user: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    password: SecretRef | None = None
    database: Annotated[str, Field(pattern=r"^[^/\\. \"$\x00]{1,63}$")]
    collection: Annotated[str, Field(pattern=r"^[^$\x00]{1,120}$")]
    filter: JsonObject = Field(default={}, description="As MongoDB has it, in extended JSON.")
    projection: dict[str, int | bool] = {}

    @model_validator(mode="after")
    def _runs_no_code(self) -> MongoSource:
        if code := _code_in(self.filter):
            raise ValueError(f"`filter` must not run code on the server: {code}")
        return self


Source = Annotated[
    FolderSource | WebSource | S3Source | GitSource | SqlSource | MongoSource, Field(discriminator="kind")
]
"""A source of any kind."""

KINDS = ("folder", "web", "s3", "git", "sql", "mongodb")


def _require_bound(token: str | None, endpoint: str | None) -> None:
    """A secret goes to an address that the operator bound, and nowhere else: else a spec could send it anywhere."""
    if token is not None and endpoint is None:
        raise ValueError("a `token` is only sent to an `endpoint`, which the operator binds")


def _code_in(value: Any) -> str | None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("$where", "$function", "$accumulator"):
                return str(name)
            if found := _code_in(inner):
                return found
    if isinstance(value, list):
        return next((found for inner in value if (found := _code_in(inner))), None)
    return None
