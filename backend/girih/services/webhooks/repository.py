"""The rows of deliveries and secrets: what is due, who takes it, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.services.runs.tables import Run, RunPause
from girih.services.webhooks.tables import WebhookDelivery, WebhookSecret


@dataclass(frozen=True)
class DueDelivery:
    """A delivery that nobody is trying."""

    scope: OrgScope
    id: UUID


@dataclass(frozen=True)
class Try:
    """One try of a delivery: nobody else has that number."""

    id: UUID
    number: int


async def due(work: Work, *, limit: int) -> list[DueDelivery]:
    """Deliveries of all organizations whose time has come, each organization's oldest first and in turns."""
    row = WebhookDelivery
    turn = func.row_number().over(partition_by=row.org_id, order_by=row.next_at)
    query = select(row.id, row.org_id, row.project_id).where(row.state == "pending", row.next_at <= func.now())
    rows = await work.session.execute(query.order_by(turn, row.next_at).limit(limit))
    return [DueDelivery(OrgScope(r.org_id, r.project_id), r.id) for r in rows]


async def pending(work: Work, *, most: int) -> int:
    """How many deliveries of all organizations have neither arrived nor failed; `most` where there are more."""
    row = WebhookDelivery
    found = select(row.id).where(row.state == "pending").limit(most).subquery()
    return await work.session.scalar(select(func.count()).select_from(found)) or 0


async def take(work: Work, delivery_id: UUID, *, lease: timedelta) -> WebhookDelivery | None:
    """Begin a try, unless another process was faster; nobody else begins one before the lease is over."""
    row = WebhookDelivery
    statement = (
        update(row)
        .where(row.id == delivery_id, row.state == "pending", row.next_at <= func.now())
        .values(tries=row.tries + 1, next_at=func.now() + lease)
        .returning(row)
    )
    taken: WebhookDelivery | None = (await work.session.scalars(statement)).one_or_none()
    return taken


async def delivered(work: Work, taken: Try, *, status: int) -> None:
    """The receiver has it."""
    await _settle(work, taken, last_status=status, state="delivered", done_at=func.now())


async def failed(work: Work, taken: Try, *, status: int | None, error: str) -> None:
    """It is not tried again."""
    await _settle(work, taken, last_status=status, last_error=error, state="failed", done_at=func.now())


async def put_off(work: Work, taken: Try, *, status: int | None, error: str, wait: timedelta) -> None:
    """It is tried again after a while."""
    await _settle(work, taken, last_status=status, last_error=error, next_at=func.now() + wait)


async def _settle(work: Work, taken: Try, **values: object) -> None:
    """Say what became of a try, unless another one has begun since. What has arrived needs no text any more."""
    row = WebhookDelivery
    texts = {"body": None, "last_error": None} if values.get("state") == "delivered" else {}
    statement = update(row).where(row.id == taken.id, row.tries == taken.number, row.state == "pending")
    await work.session.execute(statement.values(**values | texts))


async def again(work: Work, scope: OrgScope, delivery_id: UUID) -> WebhookDelivery | None:
    """Have a delivery that failed tried once more, now; `None` where it has not, or its text is not there any more."""
    row = WebhookDelivery
    mine = row.org_id == scope.org_id, row.project_id == scope.project_id, row.id == delivery_id
    statement = (
        update(row)
        .where(*mine, row.state == "failed", or_(row.body.is_not(None), row.run.is_not(None)))
        .values(state="pending", next_at=func.now(), done_at=None)
        .returning(row)
    )
    found: WebhookDelivery | None = (await work.session.scalars(statement)).one_or_none()
    return found


async def delivery(work: Work, scope: OrgScope, delivery_id: UUID) -> WebhookDelivery | None:
    """The delivery of that id in the scope's project."""
    row = WebhookDelivery
    mine = row.org_id == scope.org_id, row.project_id == scope.project_id, row.id == delivery_id
    found: WebhookDelivery | None = await work.session.scalar(select(row).where(*mine))
    return found


async def pauses_of(work: Work, row: WebhookDelivery) -> Sequence[RunPause]:
    """What the run was interrupted by in the attempt that the delivery is about."""
    if row.type != "run.interrupted" or row.run is None:
        return ()
    mine = RunPause.org_id == row.org_id, RunPause.run_id == row.run_id, RunPause.attempt >= row.run["attempt"]
    return (await work.session.scalars(select(RunPause).where(*mine).order_by(RunPause.opened_at, RunPause.id))).all()


async def of_run(work: Work, org_id: UUID, run_id: UUID) -> Sequence[WebhookDelivery]:
    """The run's deliveries, in order."""
    row = WebhookDelivery
    query = select(row).where(row.org_id == org_id, row.run_id == run_id).order_by(row.created_at, row.id)
    return (await work.session.scalars(query)).all()


async def forgettable(work: Work, *, kept: timedelta, limit: int) -> dict[OrgScope, list[UUID]]:
    """Deliveries of all organizations that were done so long ago, or are done and have lost their run."""
    row = WebhookDelivery
    has_run = exists().where(Run.org_id == row.org_id, Run.id == row.run_id)
    query = select(row.id, row.org_id, row.project_id).where(row.done_at.is_not(None))
    rows = await work.session.execute(query.where(or_(row.done_at < func.now() - kept, ~has_run)).limit(limit))
    found: dict[OrgScope, list[UUID]] = {}
    for one in rows:
        found.setdefault(OrgScope(one.org_id, one.project_id), []).append(one.id)
    return found


async def remove(work: Work, numbers: Sequence[UUID]) -> None:
    """Delete deliveries."""
    await work.session.execute(delete(WebhookDelivery).where(WebhookDelivery.id.in_(numbers)))


async def write(work: Work, row: WebhookDelivery, body: str) -> None:
    """Put down what every try sends."""
    row.body, row.run = body, None
    await work.session.flush()


async def secret(work: Work, scope: OrgScope, fresh: str) -> WebhookSecret:
    """The project's secret: `fresh`, where it had none."""
    row = {"org_id": scope.org_id, "project_id": scope.project_id, "secret": fresh}
    await work.session.execute(insert(WebhookSecret).values(row).on_conflict_do_nothing())
    found = await work.session.get(WebhookSecret, (scope.org_id, scope.project_id), populate_existing=True)
    assert found is not None  # noqa: S101 - it was put there just now, or before
    return found


async def known_secret(work: Work, scope: OrgScope, *, lock: bool = False) -> WebhookSecret | None:
    """The project's secret, if it has one."""
    return await work.session.get(WebhookSecret, (scope.org_id, scope.project_id), with_for_update=lock or None)


async def replace(work: Work, scope: OrgScope, *, secret: str, before: str, before_until: datetime) -> WebhookSecret:
    """Give a project that has a secret another one; the one before is used as well until that moment."""
    row = WebhookSecret
    statement = (
        update(row)
        .where(row.org_id == scope.org_id, row.project_id == scope.project_id)
        .values(before=before, before_until=before_until, secret=secret, made_at=func.now())
        .returning(row)
    )
    found: WebhookSecret = (await work.session.scalars(statement)).one()
    return found


async def of_plain_secrets(work: Work) -> Sequence[OrgScope]:
    """The projects whose secret is not sealed; for a transaction that reads for `keys`."""
    rows = await work.session.execute(select(WebhookSecret.org_id, WebhookSecret.project_id))
    return [OrgScope(row.org_id, row.project_id) for row in rows]
