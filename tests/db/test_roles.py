"""A login that may not work as the application's role is told so, and what to do about it."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from tests.conftest import Logins

from girih.db.base import new_id
from girih.db.engine import make_engine, make_sessions
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Unavailable


@pytest.mark.parametrize(("role", "help"), [("girih_owner", "GRANT"), ("girih_nobody", "migrate")])
async def test_a_role_that_cannot_be_taken_is_a_sentence(empty_database: Logins, role: str, help: str) -> None:
    engine = make_engine(empty_database.app, role=role, pool_size=1, overflow=0)
    uow = UnitOfWork(make_sessions(engine), lambda job, job_id: None)
    try:
        with pytest.raises(Unavailable, match=role) as fault:
            async with uow(OrgScope(new_id(), new_id())) as work:
                await work.session.execute(text("SELECT 1"))
        assert help in (fault.value.help or "")
    finally:
        await engine.dispose()
