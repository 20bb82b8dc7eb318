"""What the service of trusted issuers takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

AudienceClaim = Literal["aud", "azp"]
Claim = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]


class TrustIn(BaseModel):
    """An issuer to be trusted, for whom its tokens have to be, and what may be done with them."""

    model_config = ConfigDict(extra="forbid")

    issuer: Annotated[str, Field(min_length=1, max_length=255, description="As its description names it, exactly.")]
    audience: Annotated[str, Field(min_length=1, max_length=255, description="What tokens have to say they are for.")]
    audience_claim: AudienceClaim = Field(default="aud", description="Where they say it.")
    role: Annotated[str, Field(min_length=1, max_length=64, description="What their users may do in this project.")]
    user_claim: Claim = Field(default="sub", description="Where they name the user.")
    groups_claim: Claim | None = Field(
        default=None, description="Where they name the user's groups: a claim, or a path such as `realm_access.roles`."
    )


class TrustedIssuerOut(BaseModel):
    """An issuer that the project trusts."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    issuer: str
    audience: str
    audience_claim: AudienceClaim
    role: str
    user_claim: str
    groups_claim: str | None
    created_at: datetime
    created_by: str
