"""Units: a tree without circles whose roles reach every project below, now and later."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import make_scope
from tests.services.identity.people import Town

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Forbidden, InvalidInput, NotFound
from girih.services.identity.granting import Wanted
from girih.services.identity.projects import ProjectService
from girih.services.identity.roles import ORGANIZATION_WIDE, POLICY
from girih.services.organizations.units import DEEPEST, UnitService


@pytest.fixture
def units(uow: UnitOfWork) -> UnitService:
    return UnitService(uow)


async def test_a_role_holds_in_every_project_below(units: UnitService, scope: OrgScope, uow: UnitOfWork) -> None:
    town, projects = Town.of(uow), ProjectService(uow)
    person = await town.join(scope, "viewer", "main")
    me = town.holder(person).account_id
    top = await units.create(scope, "research", None)
    lab = await units.create(scope, "lab", top.id)
    await town.members.set_roles(scope, me, [Wanted("admin", unit=top.id)])
    with pytest.raises(Forbidden, match="no role"):
        await town.scope_of(person)
    later = await projects.create(scope, "later")
    await units.assign(scope, later.id, lab.id)
    town.accounts.forget(me)
    found = await town.scope_of(person)
    assert (found.project_id, found.permissions) == (later.id, POLICY["admin"] - ORGANIZATION_WIDE)
    await units.move(scope, lab.id, None)
    town.accounts.forget(me)
    with pytest.raises(Forbidden, match="no role"):
        await town.scope_of(person)
    (shown,) = await town.members.members(scope)
    assert [(role.role, role.unit) for role in shown.roles] == [("admin", top.id)]
    await units.remove(scope, top.id)
    (shown,) = await town.members.members(scope)
    assert shown.roles == []


async def test_roles_of_several_places_add_up(units: UnitService, scope: OrgScope, uow: UnitOfWork) -> None:
    town = Town.of(uow)
    person = await town.join(scope, "viewer")
    top = await units.create(scope, "research", None)
    await units.assign(scope, scope.project_id, top.id)
    wanted = [Wanted("viewer"), Wanted("editor", unit=top.id), Wanted("auditor", "main")]
    await town.members.set_roles(scope, town.holder(person).account_id, wanted)
    held = (await town.scope_of(person)).permissions
    assert held == POLICY["editor"] | (POLICY["auditor"] - ORGANIZATION_WIDE)
    with pytest.raises(InvalidInput, match="whole organization"):
        await town.members.set_roles(scope, town.holder(person).account_id, [Wanted("owner", unit=top.id)])
    with pytest.raises(InvalidInput, match="two roles for one place"):
        await town.members.set_roles(scope, new_id(), [Wanted("viewer", unit=top.id), Wanted("editor", unit=top.id)])


async def test_units_are_neither_below_themselves_nor_too_deep(units: UnitService, scope: OrgScope) -> None:
    above = None
    made = []
    for level in range(DEEPEST):
        above = (await units.create(scope, f"level {level}", above)).id
        made.append(above)
    with pytest.raises(InvalidInput, match="deep"):
        await units.create(scope, "too deep", above)
    for below in made:
        with pytest.raises(Conflict, match="below itself"):
            await units.move(scope, made[0], below)
    other = await units.create(scope, "other", None)
    with pytest.raises(InvalidInput, match="deep"):
        await units.move(scope, made[0], other.id)
    assert (await units.move(scope, made[4], other.id)).path == ["other", "level 4"]
    assert [one.path for one in await units.units(scope) if one.id == made[7]] == [
        ["other", "level 4", "level 5", "level 6", "level 7"]
    ]


async def test_only_empty_units_go_and_names_are_unique_at_a_place(units: UnitService, scope: OrgScope) -> None:
    top = await units.create(scope, "top", None)
    below = await units.create(scope, "below", top.id)
    with pytest.raises(Conflict, match="already"):
        await units.create(scope, "top", None)
    with pytest.raises(Conflict, match="already"):
        await units.rename(scope, (await units.create(scope, "x", top.id)).id, "below")
    with pytest.raises(Conflict, match="not empty"):
        await units.remove(scope, top.id)
    await units.assign(scope, scope.project_id, below.id)
    with pytest.raises(Conflict, match="not empty"):
        await units.remove(scope, below.id)
    await units.assign(scope, scope.project_id, None)
    await units.remove(scope, below.id)


async def test_those_of_others_are_not_there(units: UnitService, scope: OrgScope, other_scope: OrgScope) -> None:
    theirs = await units.create(other_scope, "theirs", None)
    assert await units.units(scope) == []
    for attempt in (
        units.create(scope, "mine", theirs.id),
        units.rename(scope, theirs.id, "mine"),
        units.move(scope, theirs.id, None),
        units.remove(scope, theirs.id),
        units.assign(scope, scope.project_id, theirs.id),
        units.assign(scope, other_scope.project_id, None),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert [one.name for one in await units.units(other_scope)] == ["theirs"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 5))), max_size=12))
async def test_whatever_is_moved_it_stays_a_tree(
    units: UnitService, uow: UnitOfWork, moves: list[tuple[int, int | None]]
) -> None:
    scope = await make_scope(uow)
    made = [(await units.create(scope, f"unit {number}", None)).id for number in range(6)]
    parents: dict[int, int | None] = dict.fromkeys(range(6))
    for moved, target in moves:
        above, at = [], target
        while at is not None:
            above.append(at)
            at = parents[at]
        try:
            await units.move(scope, made[moved], made[target] if target is not None else None)
        except Conflict:
            assert moved in above
        else:
            assert moved not in above
            parents[moved] = target
    shown = {one.id: one for one in await units.units(scope)}
    for number, one in enumerate(made):
        path, at = [], number
        while at is not None:
            path.append(f"unit {at}")
            at = parents[at]  # type: ignore[assignment] - the top has none
        assert shown[one].path == path[::-1]
