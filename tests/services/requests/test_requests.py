"""The same key gives the same answer and does the work once, whatever happens in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput
from girih.services.requests import repository
from girih.services.requests import service as requests_service
from girih.services.requests.service import Answer, RequestService

GOOD = Answer(201, {"content-type": "application/json"}, b'{"a":1}')


@pytest.fixture
def requests(uow: UnitOfWork) -> RequestService:
    return RequestService(uow)


class Work:
    """What a request does: counts, waits if told to, answers or fails."""

    def __init__(self, outcome: Any = GOOD) -> None:
        self.outcome = outcome
        self.done = 0
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> Answer:
        self.done += 1
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        answer: Answer = self.outcome
        return answer


async def test_fifty_at_once_do_it_once(requests: RequestService, scope: OrgScope) -> None:
    work = Work()
    answers = await asyncio.gather(*(requests.once(scope, "k", "POST /x", "h", work) for _ in range(50)))
    assert (work.done, set(map(bytes.decode, (a.body for a in answers)))) == (1, {'{"a":1}'})
    assert {(answer.status, answer.headers["content-type"]) for answer in answers} == {(201, "application/json")}


@pytest.mark.parametrize(("route", "request_hash"), [("POST /y", "h"), ("POST /x", "other")])
async def test_a_key_belongs_to_one_request(
    requests: RequestService, scope: OrgScope, route: str, request_hash: str
) -> None:
    await requests.once(scope, "k", "POST /x", "h", Work())
    with pytest.raises(InvalidInput, match="another request"):
        await requests.once(scope, "k", route, request_hash, Work())


async def test_keys_of_others_are_others(requests: RequestService, scope: OrgScope, other_scope: OrgScope) -> None:
    work = Work()
    for one in (scope, other_scope):
        await requests.once(one, "k", "POST /x", "h", work)
    assert work.done == 2


@pytest.mark.parametrize("outcome", [RuntimeError("broken"), Answer(409, {}, b"{}")])
async def test_what_failed_may_be_tried_again(requests: RequestService, scope: OrgScope, outcome: Any) -> None:
    failing = Work(outcome)
    if isinstance(outcome, Exception):
        with pytest.raises(RuntimeError):
            await requests.once(scope, "k", "POST /x", "h", failing)
    else:
        assert (await requests.once(scope, "k", "POST /x", "h", failing)).status == 409
    assert await requests.once(scope, "k", "POST /x", "h", Work()) == GOOD


async def test_an_equal_request_waits_for_the_first_and_then_says_so(
    requests: RequestService, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work()
    work.gate = asyncio.Event()
    first = asyncio.create_task(requests.once(scope, "k", "POST /x", "h", work))
    while not work.done:
        await asyncio.sleep(0.001)
    monkeypatch.setattr(requests_service, "PATIENCE", 0.1)
    with pytest.raises(Conflict, match="still under way"):
        await requests.once(scope, "k", "POST /x", "h", Work())
    work.gate.set()
    assert await first == GOOD


async def test_a_request_whose_process_ended_is_taken_over_by_one(
    requests: RequestService, uow: UnitOfWork, scope: OrgScope
) -> None:
    work = Work()
    work.gate = asyncio.Event()
    first = asyncio.create_task(requests.once(scope, "k", "POST /x", "h", work))
    while not work.done:
        await asyncio.sleep(0.001)
    await change(uow, scope, "held_until = now()")
    again = Work()
    await asyncio.gather(*(requests.once(scope, "k", "POST /x", "h", again) for _ in range(5)))
    assert again.done == 1
    first.cancel()
    await asyncio.wait({first})
    assert (await requests.once(scope, "k", "POST /x", "h", Work(RuntimeError()))) == GOOD


async def test_after_its_time_a_key_is_free_and_forgotten(
    requests: RequestService, uow: UnitOfWork, scope: OrgScope
) -> None:
    work = Work()
    for key in ("k", "old", "older"):
        await requests.once(scope, key, "POST /x", "h", work)
    await change(uow, scope, "expires_at = now()")
    await requests.once(scope, "k", "POST /y", "other", work)
    assert work.done == 4
    async with uow(scope) as unit:
        assert [await repository.forget_old(unit, scope, most=1) for _ in range(3)] == [1, 1, 0]
        assert list(await unit.session.scalars(text("SELECT key FROM idempotency_keys"))) == ["k"]


async def change(uow: UnitOfWork, scope: OrgScope, values: str) -> None:
    async with uow(scope) as unit:
        await unit.session.execute(text(f"UPDATE idempotency_keys SET {values}"))
