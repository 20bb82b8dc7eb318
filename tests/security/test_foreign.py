"""Ids and names of others in bodies, queries and headers: the answer is the same as for what never was."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from tests.security.asking import FOLLOWING, Answer, Operation, ask, described, marks_in
from tests.security.callers import member
from tests.security.fields import PLAIN, REFERS, Description, Field, nouns, refers, value_in
from tests.security.places import NOTHING, Place, World

from girih.services.identity.schemas import PERMISSIONS

pytestmark = pytest.mark.timeout(600)

_OWN = re.compile(
    r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)?|girih_\w+|[0-9a-f]{16}|(?<=revision.:)\d+"
)
"""What every answer has of its own: numbers of what it made, moments, keys."""


@pytest.fixture(scope="module")
def description(world: World) -> Description:
    return Description(world.app.openapi())


@pytest.fixture(scope="module")
def asked(world: World) -> list[Operation]:
    return [one for one in described(world.app) if one.permission in PERMISSIONS]


@pytest.fixture(scope="module")
def naming(asked: list[Operation], description: Description) -> list[Field]:
    """Every field that names a thing."""
    known = nouns(asked)
    fields = [field for one in asked for field in description.fields(one)]
    return [field for field in fields if field.name in REFERS or (refers(field, known) and field.name not in PLAIN)]


SHARED = frozenset({"member", "organization", "parent", "project", "role", "unit"})
"""What an organization has as a whole, so that all its projects may name it."""

CHOSEN = "create_thread body id"
"""The caller's own choice, which has to be new in the organization: a thread of another project is in its way."""


def is_foreign(field: Field, own: Place, other: Place) -> bool:
    """Whether what a field names in the other place is somebody else's."""
    is_shared = field.name in SHARED or str(field) == CHOSEN
    return own.scope.org_id != other.scope.org_id or not is_shared


def pairs(world: World) -> list[tuple[Place, Place]]:
    """Who asks, and whose things are named."""
    return [(world.away, world.cellar), (world.home, world.away), (world.cellar, world.home)]


def test_it_is_known_of_every_field_what_it_names(naming: list[Field]) -> None:
    assert [str(field) for field in naming if field.name not in REFERS] == []
    assert len(naming) > 80


async def test_what_others_have_is_as_what_never_was(
    world: World, naming: list[Field], description: Description
) -> None:
    statuses: Counter[int] = Counter()
    few = asyncio.Semaphore(4)

    async def one(own: Place, other: Place, field: Field) -> str | None:
        async with few:
            absent = own.absent()
            foreign, random = [
                await asyncio.create_task(with_field(own, field, description, value))
                for value in (value_in(other, field.name, other.ids), value_in(own, field.name, absent))
            ]
        statuses[random.status] += 1
        words = [*other.ids.values(), *other.words.values(), *absent.values(), NOTHING]
        said = [said_by(answer, words) for answer in (foreign, random)]
        if leaks := marks_in(foreign, [place for place in world.places if place is not own], world.places):
            return f"{field} of {own.name}: something of {leaks}"
        if said[0] != said[1] or foreign.status >= 500:
            return f"{field} of {own.name}: {said[0]} beside {said[1]}"
        return None

    fields = [field for field in naming if field.operation.name not in FOLLOWING]
    cells = [(*pair, field) for pair in pairs(world) for field in fields if is_foreign(field, *pair)]
    found = await asyncio.gather(*(one(*cell) for cell in cells))
    print(f"fields: {len(found)} cells in {len(naming)} fields, {dict(statuses)}")
    assert not (wrong := [text for text in found if text]), "\n".join(wrong[:30])
    assert statuses[404] > 30, f"most fields were not even looked at: {statuses}"


async def with_field(place: Place, field: Field, description: Description, value: str) -> Answer:
    """An operation on the caller's own things, with something named in one field."""
    operation = field.operation
    arguments: dict[str, Any] = dict(operation.arguments())
    if field.where == "query":
        arguments["params"] = {**arguments.get("params", {}), field.path[0]: value}
    else:
        schema = description.body(operation) or {}
        is_list = any(one.get("type") == "array" for one in description.variants(field.schema))
        given = [value] if is_list else value
        body = description.with_value(schema, arguments.get("json"), field.path, given)
        arguments["json"] = {**body, "name": f"n{uuid4().hex}"} if "name" in body else body
    return await ask(place.owner, operation, operation.of_the_name, place.ids, **arguments)


def said_by(answer: Answer, words: list[str]) -> tuple[int, str]:
    """Status and body, without the caller's own words and what every answer has of its own."""
    text = answer.response.text
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "·")
    return answer.status, _OWN.sub("·", text)


async def test_places_that_one_has_no_role_in_are_as_if_they_were_not(world: World) -> None:
    """The headers that say where: ids and names of an organization and of a project, for people of elsewhere."""
    caller = await member(world, world.home, "editor", "main")
    client = await caller.client("")
    cells = []
    for header, values in {
        "girih-organization": [str(world.away.scope.org_id), f"org-{world.away.scope.org_id}"],
        "girih-project": [str(world.cellar.scope.project_id), "cellar", str(world.away.scope.project_id)],
    }.items():
        absent = await client.get("/v1/agents", headers={header: NOTHING})
        assert absent.status_code == 404
        for value in values:
            foreign = await client.get("/v1/agents", headers={header: value})
            cells.append(value)
            bodies = [{**one.json(), "error_id": ""} for one in (foreign, absent)]
            bodies[0]["detail"] = bodies[0]["detail"].replace(value, NOTHING)
            assert bodies[0] == bodies[1], (header, value)
    print(f"headers: {len(cells)} cells")
