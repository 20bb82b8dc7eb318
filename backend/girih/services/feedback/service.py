"""What users say of runs: through signed links that need no key, read by whoever may read the run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import NotFound
from girih.services.feedback import repository
from girih.services.feedback.links import Link
from girih.services.feedback.schemas import FeedbackIn, FeedbackList, FeedbackOut
from girih.services.runs import repository as runs
from girih.services.runs.reader import no_such_run
from girih.services.webhooks.keys import SigningKeys

LASTS = timedelta(days=7)
"""For so long a link can be used, to the end of the day."""


class FeedbackService:
    """Makes links, and keeps what is said through them."""

    def __init__(self, uow: UnitOfWork, keys: SigningKeys) -> None:
        self._uow = uow
        self._keys = keys

    async def tokens(self, scope: OrgScope, run_id: UUID, keys: Sequence[str]) -> dict[str, str]:
        """A token for each key; the same all day long. They are signed with the project's secret for webhooks."""
        secret = (await self._keys.of(scope)).secret
        last = (datetime.now(UTC) + LASTS + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        until = int(last.timestamp())
        return {key: Link(scope.org_id, scope.project_id, run_id, key, until).token(secret) for key in keys}

    async def give(self, token: str, body: FeedbackIn) -> None:
        """Keep what is said of the token's run. Raises `NotFound`, of whatever is wrong with the token the same."""
        link = Link.claimed(token)
        if link is None:
            raise _no_such_link()
        scope = OrgScope(link.org_id, link.project_id)
        found, now = await self._keys.known(scope), datetime.now(UTC)
        known = () if found is None else found.both(now)
        async with self._uow(scope) as work:
            if not link.is_valid(token, known, now):
                raise _no_such_link()
            if await runs.run(work, scope, link.run_id) is None:
                raise _no_such_link()
            await repository.put(work, scope.org_id, link.run_id, link.key, body)

    async def of_run(self, scope: OrgScope, run_id: UUID) -> FeedbackList:
        """What was said of the run. Raises `NotFound` for one that is not there."""
        async with self._uow(scope) as work:
            if await runs.run(work, scope, run_id) is None:
                raise no_such_run(run_id)
            rows = await repository.of_run(work, scope.org_id, run_id)
            return FeedbackList(items=[FeedbackOut.model_validate(row, from_attributes=True) for row in rows])


def _no_such_link() -> NotFound:
    return NotFound("there is no such feedback link, or its time is over", help="stream the run for a new one")
