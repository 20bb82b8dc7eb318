"""What doors see of usage and budgets."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

GroupBy = Literal["agent", "node", "model", "provider", "key", "day"]
Of = Literal["project", "organization"]
Target = Literal["organization", "project", "key"]
Period = Literal["day", "month"]


class UsageRow(BaseModel):
    """What was used for one thing; only what was grouped by is named."""

    day: date | None = None
    key: str | None = None
    """The id of the API key, or `system`."""
    agent: str | None = None
    node: str | None = None
    """The node's path; items of a list are counted together."""
    model: str | None = None
    provider: str | None = None
    calls: int
    errors: int
    """Calls that failed or were cut off; what they used is counted too."""
    input_tokens: int
    output_tokens: int
    cost_usd: float


class UsagePage(BaseModel):
    """Usage between two days (both included, UTC), by what was asked for; `next` is the next page's cursor."""

    from_: date = Field(alias="from")
    to: date
    items: list[UsageRow]
    next: str | None = None

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class BudgetIn(BaseModel):
    """What may be spent in a period: USD, tokens, or both."""

    model_config = ConfigDict(extra="forbid")

    target: Target
    key_id: UUID | None = None
    """The key, where the target is one."""
    period: Period
    cost_usd: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None
    tokens: Annotated[int | None, Field(ge=0, le=10**15)] = None
    alerts: Annotated[list[Annotated[int, Field(ge=1, le=100)]], Field(max_length=10)] = [50, 80, 100]
    """Percentages at which an event is published, once in each period: `budget.warning`, at 100 `budget.exceeded`."""

    @model_validator(mode="after")
    def _whole(self) -> BudgetIn:
        if self.cost_usd is None and self.tokens is None:
            raise ValueError("a budget limits cost_usd, tokens, or both")
        if (self.target == "key") != (self.key_id is not None):
            raise ValueError("key_id belongs to the target `key`, and only there")
        return self


class BudgetOut(BaseModel):
    """A budget and what is spent of it in the current period (UTC)."""

    id: UUID
    target: Target
    subject: UUID
    """The id of the organization, project or key."""
    period: Period
    cost_usd: float | None
    tokens: int | None
    alerts: list[int]
    """The percentages at which an event is published, once in each period."""
    spent_usd: float
    spent_tokens: int
    frees_at: datetime
    """When the next period begins."""
    created_by: str
    created_at: datetime
