"""Which organization and project a person's request is about, of those the person has a role in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from girih.errors import Forbidden, InvalidInput, NotFound
from girih.services.identity.account_repository import Place
from girih.services.identity.people_schemas import PlaceOut
from girih.services.identity.roles import ORGANIZATION_WIDE, permissions_of

_NAMED = 5
"""How many places are named to choose from."""


def shown_places(places: Iterable[Place], custom: Mapping[UUID, Mapping[str, list[str]]]) -> tuple[PlaceOut, ...]:
    """Places with what may be done there. What concerns the whole organization takes a role in all of it."""
    return tuple(_shown(place, custom.get(place.org_id, {})) for place in places)


def _shown(place: Place, custom: Mapping[str, list[str]]) -> PlaceOut:
    here = permissions_of(place.roles, custom) - ORGANIZATION_WIDE
    return PlaceOut(
        organization=place.organization,
        organization_id=place.org_id,
        project=place.project,
        project_id=place.project_id,
        roles=sorted(set(place.roles)),
        permissions=sorted(here | permissions_of(place.everywhere, custom)),
        suspended_at=place.suspended_at,
        deletes_at=place.deletes_at,
    )


def chosen(places: Sequence[PlaceOut], organization: str | None, project: str | None) -> PlaceOut:
    """The one place that is meant, by names or ids; where only one is possible nothing need be said.

    Raises `NotFound` for one that the person has no role in, whether it exists or not.
    """
    if not places:
        raise Forbidden("you have no role in any project", help="ask an administrator for one")
    fitting = [place for place in places if _is(organization, place.organization, place.organization_id)]
    if not fitting:
        raise NotFound(f"no organization `{organization}`", help="`GET /v1/account` lists where you have a role")
    fitting = [place for place in fitting if _is(project, place.project, place.project_id)]
    if not fitting:
        raise NotFound(f"no project `{project}`", help="`GET /v1/account` lists where you have a role")
    if len(fitting) > 1:
        names = [f"{place.organization}/{place.project}" for place in fitting]
        told = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
        raise InvalidInput(
            f"you have roles in several projects: {told}",
            help="say which in the headers `Girih-Organization` and `Girih-Project`",
        )
    return fitting[0]


def place_of(places: Sequence[PlaceOut], organization: str | None) -> PlaceOut:
    """The first place in the organization that is meant; without a name or id there may be only one organization."""
    fitting = [place for place in places if _is(organization, place.organization, place.organization_id)]
    if not fitting:
        raise NotFound(f"no organization `{organization}`", help="`GET /v1/account` lists where you have a role")
    if len({place.organization_id for place in fitting}) > 1:
        raise InvalidInput("you belong to several organizations", help="say which in `Girih-Organization`")
    return fitting[0]


def require_open(suspended_at: datetime | None, deletes_at: datetime | None) -> None:
    """Raise `Forbidden` where nothing happens in the organization: its operator or its owner has said so."""
    if deletes_at is not None:
        raise Forbidden("the organization is being deleted", help="until its time is over an owner can take that back")
    if suspended_at is not None:
        raise Forbidden("the organization is suspended", help="ask the operator of this installation")


def _is(asked: str | None, name: str, id: UUID) -> bool:
    return asked is None or asked in (name, str(id))
