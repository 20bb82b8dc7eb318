"""The first set-up of an installation, over a database of its own pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from girih.db.engine import make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.accounts import AccountService
from girih.services.identity.passwords import Passwords
from girih.services.identity.setup import SetupService
from girih.settings import Settings
from girih.wiring.database import open_database
from girih.wiring.environment import dispatch_of
from girih.wiring.mail import one_time_tokens
from girih.wiring.people import token_keys_of


@asynccontextmanager
async def open_setup(settings: Settings) -> AsyncIterator[SetupService]:
    """What knows the set-up token. Raises `InvalidInput` and `Unavailable` for a database that cannot be used."""
    async with open_database(settings) as engine:
        uow, passwords = UnitOfWork(make_sessions(engine), dispatch_of(settings)), Passwords()
        accounts = AccountService(uow, passwords, None)
        try:
            yield SetupService(uow, accounts, passwords, one_time_tokens(token_keys_of(settings)))
        finally:
            passwords.close()
