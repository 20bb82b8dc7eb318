"""Which roles may be given, and where they hold: in a project, below a unit, in the whole organization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.errors import Forbidden, InvalidInput, NotFound
from girih.language.spec.suggest import hint
from girih.services.identity import member_repository as repository
from girih.services.identity.roles import OWNER, POLICY, permissions_of


class Wanted(NamedTuple):
    """A role that somebody shall have: in the project of that name, below that unit, or in the whole organization."""

    role: str
    project: str | None = None
    unit: UUID | None = None


class Placed(NamedTuple):
    """A role at a place by its ids; without any it holds in the whole organization."""

    role: str
    project_id: UUID | None
    unit_id: UUID | None


class Known(NamedTuple):
    """What the organization has: its own roles, the ids of its projects by name, and its units."""

    custom: Mapping[str, list[str]]
    projects: Mapping[str, UUID]
    units: frozenset[UUID]


async def allowed(work: Work, scope: OrgScope, roles: Sequence[Wanted]) -> list[Placed]:
    """The roles as they are stored. Raises for one that nobody knows, and for one above the giver's own."""
    places = [(one.project, one.unit) for one in roles]
    if len(places) != len(set(places)):
        raise InvalidInput("two roles for one place", help="give one role for each project or unit, and one for all")
    known = Known(await repository.custom_roles(work), await repository.projects(work), await repository.units(work))
    return [_placed(scope, wanted, known) for wanted in roles]


def require_held(scope: OrgScope, wanted: frozenset[str], what: str) -> None:
    """Raise `Forbidden` where the caller may not do all of it himself."""
    if lacking := wanted - scope.permissions:
        raise Forbidden(
            f"{what} may do what you may not: {', '.join(sorted(lacking))}",
            help="ask somebody who may do all of it, such as an owner",
        )


def told(roles: Sequence[Wanted]) -> list[str]:
    """The roles as the audit log has them: `editor`, `editor@project`, `editor@unit:ID`."""
    places = [one.project or (f"unit:{one.unit}" if one.unit else None) for one in roles]
    return [f"{one.role}@{place}" if place else one.role for one, place in zip(roles, places, strict=True)]


def _placed(scope: OrgScope, wanted: Wanted, known: Known) -> Placed:
    if wanted.role not in POLICY and wanted.role not in known.custom:
        raise InvalidInput(f"no role `{wanted.role}`", help=hint(wanted.role, [*POLICY, *known.custom], "roles"))
    if wanted.project is not None and wanted.unit is not None:
        raise InvalidInput("a role holds in a project or below a unit", help="give two roles, or leave one place out")
    if wanted.project is not None and wanted.project not in known.projects:
        raise NotFound(f"no project `{wanted.project}`", help=hint(wanted.project, known.projects))
    if wanted.unit is not None and wanted.unit not in known.units:
        raise NotFound(f"no unit `{wanted.unit}`", help="list the units to find its id")
    if wanted.role == OWNER and (wanted.project, wanted.unit) != (None, None):
        raise InvalidInput("an owner owns the whole organization", help="give the role `admin` in a project or unit")
    require_held(scope, permissions_of([wanted.role], known.custom), f"the role `{wanted.role}`")
    return Placed(wanted.role, known.projects[wanted.project] if wanted.project else None, wanted.unit)
