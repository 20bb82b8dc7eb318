"""Organizations as wholes: their units, programs and owners, their exports, and what removes those that end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Final, NamedTuple

from girih.db.engine import make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.accounts import AccountService
from girih.services.identity.callers import Callers
from girih.services.identity.passwords import Passwords
from girih.services.identity.service import IdentityService
from girih.services.identity.service_accounts import ServiceAccountService
from girih.services.organizations.exporting import ExportService, Withheld
from girih.services.organizations.purging import Purger
from girih.services.organizations.service import OrganizationService
from girih.services.organizations.transfers import TransferService
from girih.services.organizations.units import UnitService
from girih.services.uploads.housekeeping import Housekeeping
from girih.settings import Settings
from girih.wiring.database import open_database
from girih.wiring.environment import dispatch_of
from girih.wiring.knowledge import make_storage
from girih.wiring.secrets import SEALED

LOOK: Final = 5.0
"""Seconds between two looks for exports that are asked for."""


class Organizations(NamedTuple):
    """What concerns organizations as wholes. `callers` lets whoever calls in, or not."""

    callers: Callers
    organizations: OrganizationService
    units: UnitService
    service_accounts: ServiceAccountService
    transfers: TransferService
    exports: ExportService
    purger: Purger


async def open_organizations(
    stack: AsyncExitStack, settings: Settings, uow: UnitOfWork, identity: IdentityService, accounts: AccountService
) -> Organizations:
    """The services, with what makes exports and removes organizations until the stack is closed."""
    callers = Callers(uow)
    made = Organizations(
        callers,
        _organizations(settings, uow, accounts, callers),
        UnitService(uow),
        ServiceAccountService(uow, identity, callers),
        TransferService(uow, accounts),
        make_exports(settings, uow),
        Purger(uow, make_storage(settings)),
    )
    for chore, every in ((made.exports.round, LOOK), (made.purger.purge_due, min(settings.sweep_seconds, 60.0))):
        keeping = Housekeeping(chore, every=every)
        keeping.start()
        stack.push_async_callback(keeping.stop)
    return made


def make_exports(settings: Settings, uow: UnitOfWork) -> ExportService:
    """Exports without the columns that hold secrets."""
    sealed = [Withheld(column.table, column.column) for column in SEALED]
    kept = timedelta(hours=settings.export_hours)
    return ExportService(uow, make_storage(settings), settings.data_dir, sealed, kept=kept)


@asynccontextmanager
async def open_operation(settings: Settings) -> AsyncIterator[OrganizationService]:
    """What operators do to organizations, over a database of its own pool."""
    async with AsyncExitStack() as stack:
        uow = UnitOfWork(make_sessions(await stack.enter_async_context(open_database(settings))), dispatch_of(settings))
        passwords = Passwords()
        stack.callback(passwords.close)
        yield _organizations(settings, uow, AccountService(uow, passwords, None), Callers(uow))


def _organizations(
    settings: Settings, uow: UnitOfWork, accounts: AccountService, callers: Callers
) -> OrganizationService:
    return OrganizationService(uow, accounts, callers, window=timedelta(days=settings.deletion_days))
