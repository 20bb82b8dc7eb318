"""People sign in, refresh, sign out, and are refused in the same words whatever is wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.services.identity.people import PASSWORD, Town

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorized
from girih.services.identity.accounts import GRACE, PATIENCE, AccountService
from girih.services.identity.passwords import Passwords
from girih.services.identity.roles import POLICY
from girih.services.identity.tokens import Holder


@pytest.fixture
def town(uow: UnitOfWork) -> Town:
    return Town.of(uow)


def an_address() -> str:
    return f"{new_id()}@example.com"


async def change_session(uow: UnitOfWork, holder: Holder, assignment: str, **values: object) -> None:
    async with uow.of_account(holder.account_id) as work:
        statement = text(f"UPDATE account_sessions SET {assignment} WHERE id = :id")
        await work.session.execute(statement, {"id": holder.session_id, **values})


async def test_who_is_invited_signs_in_and_speaks_for_the_project(town: Town, scope: OrgScope) -> None:
    email = an_address()
    await town.join(scope, "publisher", email=email)
    again = await town.accounts.sign_in(f"  {email.upper()} ", PASSWORD, "a browser")
    spoken = await town.scope_of(again)
    holder = town.holder(again)
    assert (spoken.org_id, spoken.project_id, spoken.actor) == (
        scope.org_id,
        scope.project_id,
        f"user:{holder.account_id}",
    )
    assert spoken.permissions == POLICY["publisher"]
    me = await town.accounts.me(holder)
    assert (me.email, [place.roles for place in me.places]) == (email, [["publisher"]])
    told = await town.accounts.sessions(holder)
    assert [(one.client, one.current) for one in told] == [("a browser", True), ("test", False)]


async def test_nobody_learns_which_addresses_are_known(town: Town, scope: OrgScope) -> None:
    email = an_address()
    await town.join(scope, email=email)
    said = set()
    for address, password in ((email, "another password"), (an_address(), PASSWORD), (email, "")):
        with pytest.raises(Unauthorized) as refused:
            await town.accounts.sign_in(address, password, "")
        said.add((refused.value.message, refused.value.help))
    assert len(said) == 1


async def test_after_wrong_passwords_an_address_waits(town: Town, scope: OrgScope, uow: UnitOfWork) -> None:
    email = an_address()
    holder = town.holder(await town.join(scope, email=email))
    for _ in range(PATIENCE):
        with pytest.raises(Unauthorized):
            await town.accounts.sign_in(email, "a wrong password", "")
    with pytest.raises(Unauthorized):
        await town.accounts.sign_in(email, PASSWORD, "")
    async with uow.of_account(holder.account_id) as work:
        await work.session.execute(text("UPDATE accounts SET locked_until = now() - interval '1 second'"))
    await town.accounts.sign_in(email, PASSWORD, "")
    async with uow.of_account(holder.account_id) as work:
        rows = await work.session.execute(text("SELECT failures, locked_until FROM accounts"))
        assert rows.all() == [(0, None)]


async def test_each_refresh_token_is_good_once(town: Town, scope: OrgScope, uow: UnitOfWork) -> None:
    first = await town.join(scope)
    second = await town.accounts.refresh(first.refresh_token)
    assert town.holder(second) == town.holder(first)
    # The answer may have been lost on the way: for a moment the one before is taken again.
    third = await town.accounts.refresh(first.refresh_token)
    await town.scope_of(third)
    await change_session(uow, town.holder(first), "rotated_at = :before", before=datetime.now(UTC) - GRACE)
    with pytest.raises(Unauthorized):
        await town.accounts.refresh(second.refresh_token)
    # Somebody has it twice: the session ends for both.
    for token in (first, second, third):
        with pytest.raises(Unauthorized):
            await town.accounts.refresh(token.refresh_token)
        with pytest.raises(Unauthorized):
            await town.scope_of(token)


async def test_refreshing_from_two_places_at_once_leaves_one_token_that_holds(town: Town, scope: OrgScope) -> None:
    first = await town.join(scope)
    made = await asyncio.gather(*(town.accounts.refresh(first.refresh_token) for _ in range(2)))
    assert len({one.refresh_token for one in made}) == 2
    await town.scope_of(made[0])


async def test_what_is_no_refresh_token_is_refused(town: Town, scope: OrgScope) -> None:
    made = await town.join(scope)
    for token in ("", "x", made.access_token, made.refresh_token[:-1] + "x"):
        with pytest.raises(Unauthorized):
            await town.accounts.refresh(token)


async def test_sessions_end_and_expire(town: Town, scope: OrgScope, uow: UnitOfWork) -> None:
    email = an_address()
    one = await town.join(scope, email=email)
    other = await town.accounts.sign_in(email, PASSWORD, "elsewhere")
    await town.accounts.end_session(town.holder(one), town.holder(other).session_id)
    with pytest.raises(Unauthorized):
        await town.scope_of(other)
    with pytest.raises(NotFound):
        await town.accounts.end_session(town.holder(one), town.holder(other).session_id)
    with pytest.raises(NotFound):
        await town.accounts.end_session(town.holder(one), new_id())
    await town.accounts.end_session(town.holder(one))
    with pytest.raises(Unauthorized):
        await town.scope_of(one)
    late = await town.accounts.sign_in(email, PASSWORD, "")
    await change_session(uow, town.holder(late), "expires_at = now()")
    with pytest.raises(Unauthorized):
        await town.accounts.refresh(late.refresh_token)


async def test_another_password_ends_the_other_sessions(town: Town, scope: OrgScope) -> None:
    email = an_address()
    one = await town.join(scope, email=email)
    other = await town.accounts.sign_in(email, PASSWORD, "elsewhere")
    holder = town.holder(one)
    for current, new in (("not it at all", "nine yellow bicycles"), (PASSWORD, "short"), (PASSWORD, PASSWORD)):
        with pytest.raises(InvalidInput):
            await town.accounts.change_password(holder, current, new)
    await town.accounts.change_password(holder, PASSWORD, "nine yellow bicycles")
    await town.scope_of(one)
    with pytest.raises(Unauthorized):
        await town.scope_of(other)
    with pytest.raises(Unauthorized):
        await town.accounts.sign_in(email, PASSWORD, "")
    await town.accounts.sign_in(email, "nine yellow bicycles", "")


async def test_a_suspended_person_does_nothing_any_more(town: Town, scope: OrgScope, uow: UnitOfWork) -> None:
    email = an_address()
    one = await town.join(scope, email=email)
    async with uow.of_account(town.holder(one).account_id) as work:
        await work.session.execute(text("UPDATE accounts SET suspended_at = now()"))
    for attempt in (town.scope_of(one), town.accounts.refresh(one.refresh_token)):
        with pytest.raises(Unauthorized):
            await attempt
    with pytest.raises(Unauthorized):
        await town.accounts.sign_in(email, PASSWORD, "")


async def test_tokens_of_others_and_old_ones_are_refused(town: Town, scope: OrgScope) -> None:
    made = await town.join(scope)
    holder = town.holder(made)
    stranger = town.tokens.give(Holder(new_id(), holder.session_id))
    old = town.tokens.give(holder, now=(datetime.now(UTC) - timedelta(hours=1)).timestamp())
    none = "eyJhbGciOiJub25lIn0." + made.access_token.split(".")[1] + "."
    for token in (stranger, old, none, made.access_token[:-4] + "AAAA", "a.b.c", ".."):
        with pytest.raises(Unauthorized):
            await town.accounts.authenticate(token, None, None)


async def test_who_has_roles_in_several_places_says_which(
    town: Town, scope: OrgScope, other_scope: OrgScope, uow: UnitOfWork
) -> None:
    email = an_address()
    await town.join(scope, "viewer", email=email)
    both = await town.join(other_scope, "editor", email=email)
    with pytest.raises(InvalidInput, match="several projects"):
        await town.scope_of(both)
    spoken = await town.scope_of(both, organization=str(other_scope.org_id))
    assert (spoken.org_id, spoken.permissions) == (other_scope.org_id, POLICY["editor"])
    assert (await town.scope_of(both, f"org-{scope.org_id}", "main")).org_id == scope.org_id
    third = new_id()
    foreign = await town.join(other_scope, "viewer")
    for organization in (str(scope.org_id), str(third)):
        with pytest.raises(NotFound):
            await town.scope_of(foreign, organization=organization)
    with pytest.raises(NotFound):
        await town.scope_of(foreign, project="cellar")


async def test_without_a_role_there_is_nowhere_to_speak_for(town: Town, scope: OrgScope) -> None:
    await town.join(scope)
    one = await town.join(scope, "viewer")
    await town.members.set_roles(scope, town.holder(one).account_id, [])
    with pytest.raises(Forbidden):
        await town.scope_of(one)


async def test_nobody_signs_in_where_no_key_signs_tokens(uow: UnitOfWork) -> None:
    accounts = AccountService(uow, Passwords(memory=64, rounds=1), None)
    with pytest.raises(Conflict) as refused:
        await accounts.sign_in(an_address(), PASSWORD, "")
    assert refused.value.help == "set GIRIH_TOKEN_KEY"


async def test_a_person_sees_nobody_elses_rows(town: Town, scope: OrgScope, uow: UnitOfWork) -> None:
    one, other = town.holder(await town.join(scope)), town.holder(await town.join(scope, "viewer"))

    async def seen(table: str) -> set[UUID]:
        column = "id" if table == "accounts" else "account_id"
        async with uow.of_account(one.account_id) as work:
            return set(await work.session.scalars(text(f"SELECT {column} FROM {table}")))

    assert other.account_id != one.account_id
    for table in ("accounts", "account_sessions", "memberships", "role_grants"):
        assert await seen(table) == {one.account_id}, table
    async with uow(scope) as work:
        assert set(await work.session.scalars(text("SELECT id FROM account_sessions"))) == set()
        known = set(await work.session.scalars(text("SELECT id FROM accounts")))
        changed = await work.session.execute(text("UPDATE accounts SET name = 'x' RETURNING id"))
        assert (known, changed.all()) == ({one.account_id, other.account_id}, [])
