"""The rows of the public keys that versions are signed with."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.unit_of_work import Work
from girih.providers.signing.keys import PublicKey
from girih.services.agents.tables import SigningKey


async def keys(work: Work) -> Sequence[SigningKey]:
    """Every key of the organization, the newest first."""
    query = select(SigningKey).where(SigningKey.org_id == work.speaks_for.org_id)
    return (await work.session.scalars(query.order_by(SigningKey.created_at.desc(), SigningKey.kid))).all()


async def keep(work: Work, key: PublicKey, origin: str) -> None:
    """Keep a key for good; nothing happens where it is known."""
    row = {"id": new_id(), "org_id": work.speaks_for.org_id, "kid": key.kid, "x": key.x, "origin": origin}
    await work.session.execute(insert(SigningKey).values(row).on_conflict_do_nothing(index_elements=["org_id", "kid"]))
