"""Members are invited and given roles by those who may do as much, and an organization keeps an owner."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from sqlalchemy import text
from tests.services.identity.people import PASSWORD, Town

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthorized
from girih.services.identity.granting import Wanted
from girih.services.identity.people_schemas import SignedIn
from girih.services.identity.projects import ProjectService
from girih.services.identity.roles import POLICY
from girih.services.identity.schemas import PERMISSIONS


@pytest.fixture
def town(uow: UnitOfWork) -> Town:
    return Town.of(uow)


async def add_project(uow: UnitOfWork, scope: OrgScope, name: str) -> None:
    async with uow(scope) as work:
        statement = text("INSERT INTO projects (id, org_id, name) VALUES (:id, :org_id, :name)")
        await work.session.execute(statement, {"id": new_id(), "org_id": scope.org_id, "name": name})


def test_every_permission_is_somebodys() -> None:
    assert POLICY["owner"] == PERMISSIONS
    ladder = ["viewer", "editor", "publisher", "admin", "owner"]
    for lower, higher in pairwise(ladder):
        assert POLICY[lower] < POLICY[higher]
    assert all(permission.endswith(":read") for permission in POLICY["viewer"] | POLICY["auditor"])


async def test_an_invitation_holds_once(town: Town, scope: OrgScope) -> None:
    invited = await town.members.invite(scope, "Ann@Example.com", "editor")
    assert (invited.email, invited.role) == ("ann@example.com", "editor")
    assert invited.token not in str(await town.members.invitations(scope))
    for token in ("", "x", invited.token[:-1] + "x"):
        with pytest.raises(Unauthorized):
            await town.members.accept(token, "Ann", PASSWORD, "")
    with pytest.raises(InvalidInput):
        await town.members.accept(invited.token, "Ann", "short", "")
    await town.members.accept(invited.token, "Ann", PASSWORD, "")
    with pytest.raises(Unauthorized):
        await town.members.accept(invited.token, "Ann", PASSWORD, "")
    (member,) = await town.members.members(scope)
    assert (member.email, member.name, [(one.role, one.project) for one in member.roles]) == (
        "ann@example.com",
        "Ann",
        [("editor", None)],
    )
    with pytest.raises(Conflict):
        await town.members.revoke_invitation(scope, invited.id)


async def test_who_has_an_account_accepts_with_its_password(town: Town, scope: OrgScope, other_scope: OrgScope) -> None:
    email = f"{new_id()}@example.com"
    await town.join(scope, email=email)
    invited = await town.members.invite(other_scope, email, "viewer")
    with pytest.raises(Unauthorized, match="another password"):
        await town.members.accept(invited.token, "Somebody else", "nine yellow bicycles", "")
    await town.members.accept(invited.token, "Somebody else", PASSWORD, "")
    (member,) = await town.members.members(other_scope)
    assert member.name == "Somebody"


async def test_a_revoked_or_old_invitation_opens_nothing(town: Town, scope: OrgScope, uow: UnitOfWork) -> None:
    revoked = await town.members.invite(scope, "ann@example.com", "editor")
    await town.members.revoke_invitation(scope, revoked.id)
    await town.members.revoke_invitation(scope, revoked.id)
    old = await town.members.invite(scope, "bob@example.com", "editor")
    async with uow(scope) as work:
        statement = text("UPDATE invitations SET expires_at = now() WHERE id = :id")
        await work.session.execute(statement, {"id": old.id})
    for invited in (revoked, old):
        with pytest.raises(Unauthorized):
            await town.members.accept(invited.token, "Ann", PASSWORD, "")
    with pytest.raises(NotFound):
        await town.members.revoke_invitation(scope, new_id())


async def test_nobody_gives_what_he_may_not_do(town: Town, scope: OrgScope) -> None:
    owner = await town.join(scope)
    admin = await town.scope_of(await town.join(scope, "admin"))
    for role in ("owner",):
        with pytest.raises(Forbidden, match="organization:manage"):
            await town.members.invite(admin, "x@example.com", role)
    with pytest.raises(Forbidden):
        await town.members.set_roles(admin, town.holder(owner).account_id, [Wanted("viewer")])
    for attempt in (
        town.members.suspend(admin, town.holder(owner).account_id, suspended=True),
        town.members.remove(admin, town.holder(owner).account_id),
    ):
        with pytest.raises(Forbidden):
            await attempt
    with pytest.raises(Forbidden):
        await town.members.put_role(admin, "everything", PERMISSIONS)
    await town.members.put_role(admin, "caller", ["runs:create"])
    caller = await town.scope_of(await town.join(admin, "caller"))
    assert caller.permissions == {"runs:create"}


async def test_a_role_in_one_project_holds_there_only(town: Town, scope: OrgScope, uow: UnitOfWork) -> None:
    await add_project(uow, scope, "cellar")
    person = await town.join(scope, "admin", "cellar")
    spoken = await town.scope_of(person)
    assert spoken.project_id != scope.project_id
    assert "keys:manage" in spoken.permissions
    # Members belong to the whole organization: an administrator of one project looks after none.
    assert "members:manage" not in spoken.permissions
    with pytest.raises(NotFound):
        await town.scope_of(person, project="main")
    account_id = town.holder(person).account_id
    await town.members.set_roles(scope, account_id, [Wanted("admin", "cellar"), Wanted("viewer")])
    assert (await town.scope_of(person, project="main")).permissions == POLICY["viewer"]
    with pytest.raises(NotFound):
        await town.members.set_roles(scope, account_id, [Wanted("admin", "attic")])
    with pytest.raises(InvalidInput):
        await town.members.set_roles(scope, account_id, [Wanted("admin"), Wanted("viewer")])
    with pytest.raises(InvalidInput):
        await town.members.set_roles(scope, account_id, [Wanted("owner", "cellar")])
    with pytest.raises(InvalidInput):
        await town.members.set_roles(scope, account_id, [Wanted("admim")])


async def test_the_last_owner_stays(town: Town, scope: OrgScope) -> None:
    owner = await town.join(scope)
    owner_id = town.holder(owner).account_id
    for attempt in (
        town.members.remove(scope, owner_id),
        town.members.suspend(scope, owner_id, suspended=True),
        town.members.set_roles(scope, owner_id, [Wanted("admin")]),
    ):
        with pytest.raises(Conflict, match="without an owner"):
            await attempt
    await town.scope_of(owner)
    other = await town.join(scope)
    await town.members.set_roles(scope, owner_id, [Wanted("admin")])
    await town.members.remove(scope, owner_id)
    with pytest.raises(Forbidden):
        await town.scope_of(owner)
    assert [one.id for one in await town.members.members(scope)] == [town.holder(other).account_id]


async def test_a_suspended_member_is_nobody_here_until_resumed(
    town: Town, scope: OrgScope, other_scope: OrgScope
) -> None:
    await town.join(scope)
    email = f"{new_id()}@example.com"
    await town.join(scope, "editor", email=email)
    person: SignedIn = await town.join(other_scope, "viewer", email=email)
    account_id = town.holder(person).account_id
    await town.members.suspend(scope, account_id, suspended=True)
    assert (await town.scope_of(person)).org_id == other_scope.org_id
    await town.members.suspend(scope, account_id, suspended=False)
    assert (await town.scope_of(person, str(scope.org_id))).permissions == POLICY["editor"]


async def test_roles_of_ones_own(town: Town, scope: OrgScope, other_scope: OrgScope) -> None:
    await town.join(scope)
    await town.members.put_role(scope, "caller", ["runs:create"])
    person = await town.join(scope, "caller")
    await town.members.put_role(scope, "caller", ["runs:create", "runs:read"])
    town.accounts.forget(town.holder(person).account_id)
    assert (await town.scope_of(person)).permissions == {"runs:create", "runs:read"}
    with pytest.raises(Conflict):
        await town.members.remove_role(scope, "caller")
    await town.members.remove(scope, town.holder(person).account_id)
    await town.members.remove_role(scope, "caller")
    with pytest.raises(NotFound):
        await town.members.remove_role(scope, "caller")
    for name, permissions in (("owner", ["runs:read"]), ("No name", ["runs:read"]), ("fine", ["runs:raed"])):
        with pytest.raises(InvalidInput):
            await town.members.put_role(scope, name, permissions)
    with pytest.raises(InvalidInput):
        await town.members.invite(other_scope, "x@example.com", "caller")


async def test_members_of_others_are_nobodys(town: Town, scope: OrgScope, other_scope: OrgScope) -> None:
    person = await town.join(scope)
    account_id = town.holder(person).account_id
    assert await town.members.members(other_scope) == []
    for member_id in (account_id, new_id()):
        with pytest.raises(NotFound):
            await town.members.set_roles(other_scope, member_id, [Wanted("viewer")])
        with pytest.raises(NotFound):
            await town.members.remove(other_scope, member_id)
    with pytest.raises(Forbidden):
        await town.members.invite(replace(scope, permissions=frozenset()), "x@example.com", "viewer")


async def test_projects_are_made_and_called_otherwise(
    town: Town, uow: UnitOfWork, scope: OrgScope, other_scope: OrgScope
) -> None:
    projects = ProjectService(uow)
    made = await projects.create(scope, " cellar ")
    assert (made.name, made.current) == ("cellar", False)
    assert [(one.name, one.current) for one in await projects.projects(scope)] == [("cellar", False), ("main", True)]
    for attempt in (projects.create(scope, "main"), projects.rename(scope, made.id, "main")):
        with pytest.raises(Conflict):
            await attempt
    assert (await projects.rename(scope, made.id, "attic")).name == "attic"
    assert await projects.named(scope, "attic") == made.id
    assert len(await projects.projects(other_scope)) == 1
    for id_ in (made.id, new_id()):
        with pytest.raises(NotFound):
            await projects.rename(other_scope, id_, "theirs")
    with pytest.raises(NotFound):
        await projects.named(other_scope, "attic")
    with pytest.raises(InvalidInput):
        await projects.create(scope, "\n")
    # Whoever has a role in the whole organization has it in the new one too.
    person = await town.join(scope, "editor")
    assert (await town.scope_of(person, project="attic")).permissions == POLICY["editor"]
