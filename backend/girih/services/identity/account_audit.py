"""What people do with their accounts, written down in every organization that they are members of."""

from __future__ import annotations

from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.audit.service import record
from girih.services.identity import account_repository as repository


async def record_for(work: Work, account_id: UUID, action: str, **details: object) -> None:
    """Write it down as the last step of a transaction that speaks for the person, and stays or goes with it."""
    purpose, whom = f"account:{account_id}", f"user:{account_id}"
    # Always in the same order: each log lets one writer in at a time.
    for org_id in sorted(await repository.organizations_of(work, account_id)):
        await work.speak(OrgScope(org_id, org_id, actor=whom), purpose)
        await record(work, action, whom, org_wide=True, **details)
    await work.speak(None, purpose)
