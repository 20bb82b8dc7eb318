"""Tools as they are listed and tried."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from girih.errors import RunErrorKind


class ToolOut(BaseModel):
    """A tool: what it takes and gives as JSON Schemas, how it is called, and what its calls may do."""

    name: str
    title: str | None = None
    description: str
    way: Literal["http", "mcp", "python"]
    where: str = Field(description="The endpoint, address or plug-in that is called.")
    digest: str
    idempotent: bool
    timeout: float | None = Field(default=None, description="Seconds a call may take.")
    rate: int | None = Field(default=None, description="Calls a minute of the whole project.")
    approval: str | None = Field(default=None, description="`always`, `never` or a condition over `args`.")
    retry: dict[str, Any] | None = None
    parameters: dict[str, Any]
    returns: dict[str, Any]


class ToolTestIn(BaseModel):
    """One real call; `confirm` says that it may do what cannot be undone."""

    model_config = ConfigDict(extra="forbid")

    arguments: dict[str, Any] = Field(default_factory=dict)
    confirm: bool = Field(default=False, description="Needed for a tool that is not idempotent.")
    timeout: float | None = Field(default=None, gt=0, le=60, description="Seconds; the tool's own where it is shorter.")


class RequestOut(BaseModel):
    """What was sent, without the values of secrets."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None = None


class ToolTestOut(BaseModel):
    """What one call came to: its typed result, or the failure and what is wrong."""

    ok: bool
    request: RequestOut | None = None
    status: int | None = None
    result: dict[str, Any] | None = None
    error: RunErrorKind | None = None
    message: str | None = None
    help: str | None = None
    faults: list[dict[str, Any]] = Field(default_factory=list)
    answer: str | None = Field(default=None, description="The beginning of an answer that does not fit.")
    milliseconds: float
