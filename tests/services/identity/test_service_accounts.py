"""Service accounts: their keys may do what the account may do now, and nothing once it is suspended or gone."""

from __future__ import annotations

import pytest

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorized
from girih.services.audit.schemas import AuditSearch
from girih.services.audit.service import AuditService
from girih.services.identity.callers import Callers
from girih.services.identity.granting import Wanted
from girih.services.identity.roles import ORGANIZATION_WIDE, POLICY
from girih.services.identity.schemas import PERMISSIONS
from girih.services.identity.service import IdentityService
from girih.services.identity.service_accounts import ServiceAccountService
from girih.services.organizations.units import UnitService
from girih.services.usage.schemas import BudgetIn
from girih.services.usage.service import UsageService


class Robots:
    """The services, and what a key may do as another process would find it."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow
        self.identity = IdentityService(uow)
        self.callers = Callers(uow)
        self.accounts = ServiceAccountService(uow, self.identity, self.callers)

    async def speaks_for(self, key: str) -> OrgScope:
        """Asked of the database, as after five seconds."""
        return await Callers(self.uow).admitted(await IdentityService(self.uow).authenticate(key))


@pytest.fixture
def robots(uow: UnitOfWork) -> Robots:
    return Robots(uow)


async def test_a_key_may_do_what_its_account_may_do_now(robots: Robots, scope: OrgScope) -> None:
    made = await robots.accounts.create(scope, "nightly", [Wanted("editor")])
    key = await robots.accounts.create_key(scope, made.id, "one", PERMISSIONS)
    caller = await robots.speaks_for(key.key)
    assert (caller.actor, caller.permissions, caller.key_id) == (f"service:{made.id}", POLICY["editor"], key.id)
    await robots.accounts.set_roles(scope, made.id, [Wanted("viewer", "main")])
    assert (await robots.speaks_for(key.key)).permissions == POLICY["viewer"] - ORGANIZATION_WIDE
    await robots.accounts.set_roles(scope, made.id, [])
    assert (await robots.speaks_for(key.key)).permissions == frozenset()


async def test_a_key_never_gets_more_than_stands_in_it(robots: Robots, scope: OrgScope) -> None:
    made = await robots.accounts.create(scope, "reader", [Wanted("admin")])
    key = await robots.accounts.create_key(scope, made.id, "one", ["runs:read", "agents:read"])
    assert (await robots.speaks_for(key.key)).permissions == {"runs:read", "agents:read"}


async def test_what_changes_is_seen_at_once_where_it_was_changed(robots: Robots, scope: OrgScope) -> None:
    made = await robots.accounts.create(scope, "nightly", [Wanted("editor")])
    key = await robots.accounts.create_key(scope, made.id, "one", PERMISSIONS)
    shown = await robots.identity.authenticate(key.key)
    assert (await robots.callers.admitted(shown)).permissions == POLICY["editor"]
    await robots.accounts.suspend(scope, made.id, suspended=True)
    with pytest.raises(Unauthorized):
        await robots.callers.admitted(shown)
    await robots.accounts.suspend(scope, made.id, suspended=False)
    assert (await robots.callers.admitted(shown)).permissions == POLICY["editor"]


async def test_keys_go_with_their_account(robots: Robots, scope: OrgScope) -> None:
    made = await robots.accounts.create(scope, "nightly", [Wanted("editor")])
    key = await robots.accounts.create_key(scope, made.id, "one", PERMISSIONS)
    await robots.accounts.remove(scope, made.id)
    with pytest.raises(Unauthorized):
        await robots.speaks_for(key.key)
    assert [one.id for one in await robots.identity.keys(scope)] == []


async def test_keys_that_it_makes_or_rotates_are_its_own(robots: Robots, scope: OrgScope) -> None:
    """Else an account that may look after keys would outlive its suspension."""
    made = await robots.accounts.create(scope, "keeper", [Wanted("admin")])
    first = await robots.accounts.create_key(scope, made.id, "one", ["keys:manage", "runs:read"])
    caller = await robots.speaks_for(first.key)
    second = await robots.identity.create_key(caller, "two", ["runs:read"])
    third = await robots.identity.rotate_key(caller, second.id, overlap=second.created_at - second.created_at)
    assert {second.service_account_id, third.service_account_id} == {made.id}
    await robots.accounts.suspend(scope, made.id, suspended=True)
    for key in (second, third):
        with pytest.raises(Unauthorized):
            await robots.speaks_for(key.key)


async def test_one_of_a_project_has_roles_there_only(robots: Robots, scope: OrgScope) -> None:
    with pytest.raises(InvalidInput, match="for the project `main` only"):
        await robots.accounts.create(scope, "local", [Wanted("editor")], "main")
    with pytest.raises(InvalidInput, match="owners are people"):
        await robots.accounts.create(scope, "local", [Wanted("owner")])
    made = await robots.accounts.create(scope, "local", [Wanted("admin", "main")], "main")
    key = await robots.accounts.create_key(scope, made.id, "one", PERMISSIONS)
    assert (await robots.speaks_for(key.key)).permissions == POLICY["admin"] - ORGANIZATION_WIDE
    with pytest.raises(Conflict, match="already"):
        await robots.accounts.create(scope, "local", [])


async def test_a_role_below_a_unit_reaches_its_projects(robots: Robots, scope: OrgScope, uow: UnitOfWork) -> None:
    units = UnitService(uow)
    top = await units.create(scope, "research", None)
    made = await robots.accounts.create(scope, "nightly", [Wanted("editor", unit=top.id)])
    key = await robots.accounts.create_key(scope, made.id, "one", PERMISSIONS)
    assert (await robots.speaks_for(key.key)).permissions == frozenset()
    await units.assign(scope, scope.project_id, (await units.create(scope, "lab", top.id)).id)
    assert (await robots.speaks_for(key.key)).permissions == POLICY["editor"]


async def test_nobody_gives_it_more_than_he_has(robots: Robots, scope: OrgScope) -> None:
    weak = OrgScope(scope.org_id, scope.project_id, "test", POLICY["editor"] | {"members:manage", "keys:manage"})
    strong = await robots.accounts.create(scope, "strong", [Wanted("admin")])
    for attempt in (
        robots.accounts.create(weak, "mine", [Wanted("admin")]),
        robots.accounts.set_roles(weak, strong.id, []),
        robots.accounts.create_key(weak, strong.id, "one", PERMISSIONS),
        robots.accounts.suspend(weak, strong.id, suspended=True),
        robots.accounts.remove(weak, strong.id),
    ):
        with pytest.raises(Forbidden):
            await attempt


async def test_those_of_others_are_not_there(robots: Robots, scope: OrgScope, other_scope: OrgScope) -> None:
    theirs = await robots.accounts.create(other_scope, "theirs", [Wanted("viewer")])
    assert await robots.accounts.accounts(scope) == []
    said = set()
    for wanted in (theirs.id, new_id()):
        for attempt in (robots.accounts.keys(scope, wanted), robots.accounts.remove(scope, wanted)):
            with pytest.raises(NotFound) as refused:
                await attempt
            said.add(str(refused.value).replace(str(wanted), "ID"))
    assert len(said) == 1


async def test_the_log_names_the_account(robots: Robots, scope: OrgScope, uow: UnitOfWork) -> None:
    made = await robots.accounts.create(scope, "keeper", [Wanted("admin")])
    key = await robots.accounts.create_key(scope, made.id, "one", PERMISSIONS)
    caller = await robots.speaks_for(key.key)
    await robots.identity.create_key(caller, "two", ["runs:read"])
    page = await AuditService(uow).entries(scope, AuditSearch(actor=f"service:{made.id}"), cursor=None, limit=10)
    assert [entry.action for entry in page.items] == ["key.created"]


async def test_a_budget_of_its_key_would_bound_nothing_and_is_refused(
    robots: Robots, scope: OrgScope, uow: UnitOfWork
) -> None:
    """What it spends counts for the account, whichever key it comes with."""
    made = await robots.accounts.create(scope, "nightly", [Wanted("editor")])
    key = await robots.accounts.create_key(scope, made.id, "one", PERMISSIONS)
    body = BudgetIn(target="key", key_id=key.id, period="month", tokens=10)
    with pytest.raises(InvalidInput, match="service account"):
        await UsageService(uow).set_budget(scope, body)
    plain = await robots.identity.create_key(scope, "plain", ["runs:read"])
    made_budget = await UsageService(uow).set_budget(scope, body.model_copy(update={"key_id": plain.id}))
    assert made_budget.target == "key"
