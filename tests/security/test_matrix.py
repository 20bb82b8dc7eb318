"""Who may call what: every operation by every kind of caller, in two organizations, on their own things and others'."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tests.security.asking import FOLLOWING, Answer, Operation, ask, described, marks_in, masked, more_asked, of_doors
from tests.security.callers import Caller, callers_of, elsewhere
from tests.security.entries import ENTRIES
from tests.security.places import NOTHING, Place, World

from girih.services.identity.roles import ORGANIZATION_WIDE
from girih.services.identity.schemas import PERMISSIONS

pytestmark = pytest.mark.timeout(600)

REPEATS = 3
"""So often a pair of calls is asked again whose statements differ: who calls, and budgets, are remembered a while."""

BETWEEN_PROJECTS = {"owner", "key with the one permission", "member of another project only"}
"""Who is also asked about the things of other projects of the own organization."""

FURTHER_IN = ("may do what you may not", "what its maker may not do", "an API key owns nothing")
"""What those are told who may give permissions, and have not got themselves what they would give."""

WRONG_ON_PURPOSE = {"offer_organization", "delete_organization"}
"""What is called with somebody whom nobody is, or a name that is not its own: it would end what others are asked about."""


@pytest.fixture(scope="module")
async def callers(world: World) -> list[Caller]:
    return [*await callers_of(world, world.home), *await callers_of(world, world.away), await elsewhere(world)]


@pytest.fixture(scope="module")
def asked(world: World) -> list[Operation]:
    return [one for one in described(world.app) if one.permission in PERMISSIONS]


@pytest.fixture(scope="module")
def counted() -> Counter[str]:
    return Counter()


async def each(cells: list[tuple[Caller, Operation]], check: object, counted: Counter[str], name: str) -> None:
    """Check all cells, a few at a time, and say of all that are wrong what is."""
    few = asyncio.Semaphore(6)

    async def one(caller: Caller, operation: Operation) -> str | None:
        async with few:
            wrong: str | None = await check(caller, operation)  # type: ignore[operator]
        return wrong and f"{caller.name}, {operation.method} {operation.path}: {wrong}"

    found = [wrong for wrong in await asyncio.gather(*(one(*cell) for cell in cells)) if wrong]
    counted[name] += len(cells)
    print(f"{name}: {len(cells)} cells, {len(found)} wrong")
    assert not found, "\n".join(found[:40])


async def test_nobody_passes_without_the_permission(
    world: World, callers: list[Caller], asked: list[Operation], counted: Counter[str]
) -> None:
    """401 for strangers and 403 for everybody who lacks what the route declares, whatever is named."""

    async def check(caller: Caller, operation: Operation) -> str | None:
        client = await caller.client(operation.permission)
        answer = await ask(client, operation, operation.of_the_name, caller.place.ids)
        return refusal(caller, operation, answer)

    operations = [*asked, *of_doors(world.app)]
    cells = [(caller, one) for caller in callers for one in operations if not caller.may(one.permission)]
    await each(cells, check, counted, "refused")


def refusal(caller: Caller, operation: Operation, answer: Answer) -> str | None:
    """What is wrong with the answer to somebody who must not pass."""
    wanted = caller.refused or 403
    if answer.status != wanted:
        return f"{answer.status} instead of {wanted}: {answer.response.text[:200]}"
    is_named = operation.method == "HEAD" or f"lacks the permission {operation.permission}" in answer.response.text
    if wanted == 403 and caller.refused is None and not is_named:
        return f"the permission is not named: {answer.response.text[:200]}"
    return shape(operation, answer)


def shape(operation: Operation, answer: Answer) -> str | None:
    """What is wrong with the form of a refusal of the REST API."""
    if operation.described is None:
        return None
    body = answer.response.json()
    is_problem = answer.response.headers["content-type"] == "application/problem+json"
    if is_problem and body["status"] == answer.status and body["error_id"] == answer.response.headers["x-request-id"]:
        return None
    return f"no problem: {answer.text[:300]}"


async def test_with_the_permission_one_gets_through_and_sees_only_the_own(
    world: World, callers: list[Caller], asked: list[Operation], counted: Counter[str]
) -> None:
    """What reads is asked about own things; what changes is asked about nothing, so that they stay for the others."""
    seen: set[str] = set()
    running: set[str] = set()

    async def check(caller: Caller, operation: Operation) -> str | None:
        client, own = await caller.client(operation.permission), caller.place
        reads = operation.method == "GET" or not operation.names_a_thing
        named, ids = (operation.of_the_name, own.ids) if reads else (NOTHING, own.absent())
        answer = await ask(client, operation, named, ids)
        if leaks := marks_in(answer, foreign_places(world, caller, operation), world.places):
            return f"something of {leaks}"
        if own.says(answer.text):
            seen.add(operation.name)
        if answer.has_run:
            running.add(f"{operation.method} {operation.path}")
        return passage(operation, answer, reads)

    cells = [(c, one) for c in callers for one in asked if c.may(one.permission) and one.name not in FOLLOWING]
    for turn in range(3):
        await each([cell for cell in cells if turn_of(cell[1]) == turn], check, counted, "let through")
    assert {"POST /v1/runs", "POST /v1/runs/wait"} <= running <= {entry.route for entry in ENTRIES}
    assert len(seen) > 25, f"too few answers bear a mark: {sorted(seen)}"


def turn_of(operation: Operation) -> int:
    """When an operation has its turn: what takes something away, or renames all of it, once the others are done."""
    return 2 if operation.name == "change_organization" else int(operation.method == "DELETE")


def passage(operation: Operation, answer: Answer, reads: bool) -> str | None:
    """What is wrong with the answer to somebody who may do it."""
    if is_refused_further_in(answer) or (answer.status in (404, 422) and operation.name in WRONG_ON_PURPOSE):
        return shape(operation, answer)
    if not reads:
        return shape(operation, answer) if answer.status == 404 else f"{answer.status}: {answer.response.text[:200]}"
    is_done = answer.status == 409 and "already" in answer.response.text  # another caller made it just now
    is_gone = answer.status == 404 and operation.method == "DELETE"  # or took it away
    return (
        None if answer.response.is_success or is_done or is_gone else f"{answer.status}: {answer.response.text[:200]}"
    )


def is_refused_further_in(answer: Answer) -> bool:
    """Whether somebody who may do it was refused for what he would give to others."""
    return answer.status == 403 and any(words in answer.response.text for words in FURTHER_IN)


def foreign_places(world: World, caller: Caller, operation: Operation) -> list[Place]:
    """The places whose things are not the caller's: what an organization has as a whole is of all its projects."""
    others = [place for place in world.places if place is not caller.place]
    is_shared = operation.permission in ORGANIZATION_WIDE or "{service_account_id}" in operation.path
    if not is_shared:
        return others
    return [place for place in others if place.scope.org_id != caller.place.scope.org_id]


async def test_foreign_things_are_as_things_that_never_were(
    world: World, callers: list[Caller], asked: list[Operation], counted: Counter[str]
) -> None:
    """Byte for byte the same answer, after the same statements on the database: nothing to tell them apart by."""
    for place in world.places:  # apps choose the ids of threads: who named others' may have threads of that id by now
        place.ids["thread_id"] = (await place.owner.post("/v1/threads", json={})).json()["id"]

    async def check(caller: Caller, operation: Operation) -> str | None:
        client = await caller.client(operation.permission)
        absent = caller.place.absent()
        random = await ask(client, operation, NOTHING, absent)
        for place in foreign_places(world, caller, operation):
            if place.scope.org_id != caller.place.scope.org_id or caller.kind in BETWEEN_PROJECTS:
                wrong = await told_apart(world, caller, operation, place, (random, absent))
                if wrong:
                    return f"{place.name}: {wrong}"
        return None

    cells = [(caller, one) for caller in callers for one in asked if one.names_a_thing and caller.may(one.permission)]
    await each(cells, check, counted, "foreign")


async def told_apart(
    world: World, caller: Caller, operation: Operation, place: Place, beside: tuple[Answer, dict[str, str]]
) -> str | None:
    """By what somebody could tell a thing of another place from one that never was."""
    client = await caller.client(operation.permission)
    random, absent = beside
    name = place.words[operation.of_the_name]
    words = [name, NOTHING, *place.ids.values(), *absent.values()]
    for _ in range(REPEATS):
        foreign = await ask(client, operation, name, place.ids)
        if leaks := marks_in(foreign, foreign_places(world, caller, operation), world.places):
            return f"something of {leaks}"
        is_refused = foreign.status == 404 or is_refused_further_in(foreign)
        if not is_refused or shape(operation, foreign):
            return f"{foreign.status} {foreign.response.text[:200]}"
        if masked(foreign, words) != masked(random, words):
            return f"{masked(foreign, words)} beside {masked(random, words)}"
        if not (differing := more_asked(foreign, random)):
            return None
        random = await ask(client, operation, NOTHING, absent)
    return f"asked of the database by one only: {differing}"
