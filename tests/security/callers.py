"""Everybody who may call: from strangers to owners, each with what the policy says they may do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from tests.security.places import Place, Speaker, World
from tests.services.identity.people import PASSWORD

from girih.services.identity.keys import make_key
from girih.services.identity.roles import ORGANIZATION_WIDE, POLICY, ROLES
from girih.services.identity.schemas import PERMISSIONS

ClientFor = Callable[[str], Awaitable[Speaker]]


@dataclass(frozen=True)
class Caller:
    """Somebody who calls.

    `refused`: the status that all calls get, whatever they are for. `may`: what is allowed, given the permission that
    an operation asks for. `client`: theirs, given that permission.
    """

    kind: str
    place: Place
    may: Callable[[str], bool]
    client: ClientFor
    refused: int | None = None
    is_person: bool = False

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.kind} of {self.place.name}"


async def callers_of(world: World, place: Place) -> list[Caller]:
    """Every kind of caller, for one organization; the members have their roles in all of it."""
    return [
        *await strangers(world, place),
        *[await member(world, place, role) for role in ROLES],
        await suspended(world, place),
        *_scoped(world, place),
    ]


async def strangers(world: World, place: Place) -> list[Caller]:
    """Those whom nobody knows, or no longer."""
    made = world.girih.identity.create_key
    revoked = await made(place.scope, "revoked", PERMISSIONS)
    await world.girih.identity.revoke_key(place.scope, revoked.id)
    expired = await made(place.scope, "expired", PERMISSIONS, expires_in=timedelta(milliseconds=1))
    await asyncio.sleep(0.01)
    shown: dict[str, str | None] = {"expired key": expired.key, "revoked key": revoked.key}
    if place is world.home:  # these are of no organization
        shown |= {"anonymous": None, "garbage key": "garbage", "key that was never made": make_key("live").text}
    return [
        Caller(kind, place, lambda _: False, _same(world.speaker(place, key)), refused=401)
        for kind, key in shown.items()
    ]


async def member(world: World, place: Place, role: str, project: str | None = None, kind: str | None = None) -> Caller:
    """Somebody with a role in the whole organization, or in one `project` only."""
    token = await signed_in(world, place, role, project)
    held = POLICY[role] - (ORGANIZATION_WIDE if project else frozenset())
    client = world.speaker(place, token, **{"girih-project": str(place.scope.project_id)})
    return Caller(kind or role, place, held.__contains__, _same(client), is_person=True)


async def elsewhere(world: World) -> Caller:
    """Somebody who may do everything in another project of the organization, and nothing in the first."""
    return await member(world, world.cellar, "admin", "cellar", "member of another project only")


async def suspended(world: World, place: Place) -> Caller:
    """An owner who was suspended."""
    caller = await member(world, place, "owner")
    account = (await (await caller.client("")).get("/v1/account")).json()
    assert (await place.owner.post(f"/v1/members/{account['id']}/suspend")).is_success
    return replace(caller, kind="suspended member", may=lambda _: False, refused=403)


async def signed_in(world: World, place: Place, role: str, project: str | None = None) -> str:
    """The access token of somebody new in the organization."""
    people = world.girih.people
    invited = await people.members.invite(place.scope, f"{uuid4()}@example.com", role, project)
    return (await people.members.accept(invited.token, "Somebody", PASSWORD, "test")).access_token


def _same(client: Speaker) -> ClientFor:
    async def given(_: str) -> Speaker:
        return client

    return given


def _scoped(world: World, place: Place) -> list[Caller]:
    """Two keys for each permission: one that has all others, and one that has no other."""
    known: dict[frozenset[str], Speaker] = {}

    async def key(held: frozenset[str]) -> Speaker:
        if held not in known:
            made = await world.girih.identity.create_key(place.scope, "scoped", held)
            known.setdefault(held, world.speaker(place, made.key))
        return known[held]

    return [
        Caller("key with one permission less", place, lambda _: False, lambda one: key(PERMISSIONS - {one})),
        Caller("key with the one permission", place, lambda _: True, lambda one: key(frozenset({one}))),
    ]
