"""Reads whether references may have come to mean something else, of many projects at once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from girih.db.unit_of_work import Work
from girih.services.agents.alias_tables import AgentRevision


async def revisions(work: Work, projects: Sequence[UUID]) -> dict[UUID, int]:
    """The newest revision of each of these projects, of any organization; those that never changed are missing."""
    query = select(AgentRevision.project_id, AgentRevision.revision).where(AgentRevision.project_id.in_(projects))
    return dict((await work.session.execute(query)).all())
