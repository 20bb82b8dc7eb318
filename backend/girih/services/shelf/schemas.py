"""What doors see of the shelf: marks of versions, what was or would be collected, and what a server has as files."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Mark = Literal["deprecated", "yanked", "restored"]


class Notice(BaseModel):
    """What holds of a version that is deprecated or yanked, and since when."""

    model_config = ConfigDict(frozen=True)

    mark: Literal["deprecated", "yanked"]
    reason: str
    replaced_by: str | None
    at: datetime

    @property
    def said(self) -> dict[str, Any]:
        """As doors show it."""
        return {"mark": self.mark, "reason": self.reason, "replaced_by": self.replaced_by}

    def about(self, reference: str) -> str:
        """In one sentence."""
        instead = f"; use {self.replaced_by} instead" if self.replaced_by else ""
        return f"{reference} is {self.mark}: {self.reason}{instead}"


class MarkIn(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reason: str = Field(min_length=1, max_length=500)


class DeprecateIn(MarkIn):
    """Why, and what callers should use instead."""

    replaced_by: str | None = Field(
        default=None, min_length=1, max_length=200, description="A reference to an agent, as `name@2.0.0`."
    )


class YankIn(MarkIn):
    """Why."""

    force: bool = Field(default=False, description="Yank it although aliases lead to it; they go on doing so.")


class MarkOut(BaseModel):
    """One mark of a version, the newest of which holds."""

    model_config = ConfigDict(from_attributes=True)

    mark: Mark
    reason: str
    replaced_by: str | None
    by: str
    at: datetime


class ShelvedOut(BaseModel):
    """A version after it was marked: what holds now, and where the aliases of its agent lead."""

    name: str
    version: str
    mark: Literal["deprecated", "yanked"] | None
    reason: str | None
    replaced_by: str | None
    aliases: dict[str, str]


class CollectIn(BaseModel):
    """Whether only to say what would go."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False


class CollectedOut(BaseModel):
    """One version, and why it goes or stays."""

    name: str
    version: str
    reason: str
    bytes: int
    """Of its plan and its text, as the database keeps them."""


class CollectionOut(BaseModel):
    """What went, or with `dry_run` would go, and what stays; versions that went before are in neither."""

    gone: list[CollectedOut]
    kept: list[CollectedOut]
    dry_run: bool


class FileOut(BaseModel):
    """One spec of the project: what is published, and the text it came from, where that is known."""

    kind: str
    name: str
    digest: str
    version: str | None
    aliases: dict[str, str]
    path: str | None
    source: str | None
    """Null where the spec was changed by another way than applying a folder."""
    document: dict[str, object] | None
    """What is published, of a spec whose text is not known."""
    files: dict[str, str]
    """The other files that the text names, by path."""
    by: str | None
    at: datetime | None


class WorkspaceOut(BaseModel):
    """All that a project has published, as a folder would hold it."""

    project: str
    """Its id: the same folder may be applied to several."""
    things: list[FileOut]
