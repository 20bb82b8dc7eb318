"""Whatever two organizations do on one server, each is answered as it would be if it were alone."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as some
from tests.api.conftest import Client, ClientMaker
from tests.conftest import make_scope

from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS

PLAIN = """\
kind: graph/v1
name: NAME
nodes:
  say: { set: { text: "WORD" }, next: $end }
outputs: { text: "${ say.text }" }
"""
LISTS = (
    "/v1/agents", "/v1/runs", "/v1/threads", "/v1/secrets", "/v1/keys", "/v1/schedules", "/v1/models", "/v1/tools",
    "/v1/collections", "/v1/data-stores", "/v1/audit", "/v1/usage",
)  # fmt: skip
KINDS = {"thread": "/v1/threads", "run": "/v1/runs", "schedule": "/v1/schedules", "key": "/v1/keys"}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d)?)?")
_RANDOM = re.compile(r"girih_\w+|(?<![0-9a-f])[0-9a-f]{16}(?:[0-9a-f]{16})?(?![0-9a-f])")
_MEASURED = frozenset(
    {"duration_ms", "milliseconds", "seconds", "next", "error_id", "hash", "traceparent", "hint", "seal"}
)
"""What is another number or text each time."""

Op = tuple[Any, ...]


@dataclass
class World:
    """One organization: who asks for it, what it made, and all that it was answered."""

    client: Client
    made: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    ids: dict[str, str] = field(default_factory=dict)
    heard: list[Any] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: Any = None, made: str | None = None) -> None:
        """Send it, and keep the answer as it would be of another organization that did the same."""
        self.plain(path)
        answer = await self.client.request(method, path, json=body)
        said = answer.json() if answer.content else None
        if made is not None and answer.is_success:
            self.made[made].append(said["id"])
        self.heard.append((method, self.plain(path), answer.status_code, self.plain(said)))

    def plain(self, value: Any) -> Any:
        """The same with the ids in the order that they were first seen in, and without what is measured."""
        if isinstance(value, dict):
            return {self.plain(name): self.plain(one) for name, one in value.items() if name not in _MEASURED}
        if isinstance(value, list):
            return [self.plain(one) for one in value]
        if not isinstance(value, str):
            return value
        named = _ID.sub(lambda found: self.ids.setdefault(found[0], f"#{len(self.ids)}"), value)
        return _RANDOM.sub("?", _MOMENT.sub("@", named))

    def one(self, kind: str, number: int) -> str:
        """One of the things it made; an id of nothing where there is none."""
        return self.made[kind][number % len(self.made[kind])] if self.made[kind] else str(uuid4())


async def do(op: Op, world: World, other: World | None) -> None:
    """One operation; what it names of the other's is, for who is alone, nothing at all."""
    verb, *rest = op
    match verb:
        case "publish":
            text = PLAIN.replace("NAME", rest[0]).replace("WORD", rest[1])
            await world.ask("POST", "/v1/workspace/apply", {"files": {"a.yaml": text}})
        case "run":
            await world.ask("POST", "/v1/runs/wait", {"agent": rest[0], "inputs": {}}, "run")
        case "thread":
            await world.ask("POST", "/v1/threads", {"metadata": {"word": rest[0]}}, "thread")
        case "schedule":
            run = {"agent": rest[0], "inputs": {}}
            await world.ask("POST", "/v1/schedules", {"name": rest[1], "cron": "0 3 1 1 *", "run": run}, "schedule")
        case "key":
            await world.ask("POST", "/v1/keys", {"name": rest[0], "permissions": ["runs:read"]}, "key")
        case "secret":
            await world.ask("PUT", f"/v1/secrets/{rest[0]}", {"value": rest[1]})
        case "forget":
            await world.ask("DELETE", f"/v1/secrets/{rest[0]}")
        case "keep":
            value = {"word": rest[1], "number": len(rest[1])}
            await world.ask("PUT", "/v1/store/items", {"namespace": ["n"], "key": rest[0], "value": value})
        case "unkeep":
            await world.ask("DELETE", f"/v1/store/items?namespace=n&key={rest[0]}")
        case "find":
            await world.ask("POST", "/v1/store/search", {"query": rest[0]})
            await world.ask("POST", "/v1/store/search", {"filter": {"word": rest[0]}})
        case "alias":
            await world.ask("PUT", f"/v1/agents/{rest[0]}/aliases/{rest[1]}", {"version": rest[2]})
        case "look":
            await world.ask("GET", f"/v1/agents/{rest[0]}/aliases/{rest[1]}")
            await world.ask("GET", f"/v1/agents/{rest[0]}")
        case "get" | "delete":
            kind, is_mine, number = rest
            whose = world if is_mine else other
            named = whose.one(kind, number) if whose is not None else str(uuid4())
            if verb == "get" and kind != "key":
                await world.ask("GET", f"{KINDS[kind]}/{named}")
            elif verb == "delete" and kind != "run":
                await world.ask("DELETE", f"{KINDS[kind]}/{named}")
        case "list":
            await world.ask("GET", rest[0])


async def look_around(world: World) -> None:
    for path in LISTS:
        await world.ask("GET", path)
    await world.ask("POST", "/v1/store/search", {})
    await world.ask("POST", "/v1/store/namespaces", {})


AGENTS, WORDS = some.sampled_from(["alpha", "beta"]), some.sampled_from(["red", "green", "blue"])
KIND, TURN = some.sampled_from(sorted(KINDS)), some.integers(0, 3)
OPS = some.one_of(
    some.tuples(some.just("publish"), AGENTS, WORDS),
    some.tuples(some.just("publish"), AGENTS, WORDS),
    some.tuples(some.just("run"), AGENTS),
    some.tuples(some.just("thread"), WORDS),
    some.tuples(some.just("schedule"), AGENTS, WORDS),
    some.tuples(some.just("key"), WORDS),
    some.tuples(some.just("secret"), AGENTS, WORDS),
    some.tuples(some.just("forget"), AGENTS),
    some.tuples(some.just("keep"), AGENTS, WORDS),
    some.tuples(some.just("unkeep"), AGENTS),
    some.tuples(some.just("find"), WORDS),
    some.tuples(some.just("alias"), AGENTS, some.sampled_from(["live", "next"]), some.sampled_from(["1.0.0", "1.0.1"])),
    some.tuples(some.just("look"), AGENTS, some.sampled_from(["live", "latest"])),
    some.tuples(some.just("get"), KIND, some.booleans(), TURN),
    some.tuples(some.just("delete"), KIND, some.booleans(), TURN),
    some.tuples(some.just("list"), some.sampled_from(LISTS)),
)


@pytest.mark.timeout(0)
async def test_each_is_answered_as_if_it_were_alone(app: FastAPI, uow: UnitOfWork, client_for: ClientMaker) -> None:
    loop = asyncio.get_running_loop()

    async def world() -> World:
        return World(await client_for(await make_scope(uow), PERMISSIONS))

    async def compare(steps: list[tuple[int, Op]]) -> None:
        beside, alone = (await world(), await world()), (await world(), await world())
        for who, op in steps:
            await do(op, beside[who], beside[1 - who])
        for who, op in steps:
            await do(op, alone[who], None)
        for one in (*beside, *alone):
            await look_around(one)
            await one.client.aclose()
        for shared, own in zip(beside, alone, strict=True):
            assert json.dumps(shared.heard, indent=1) == json.dumps(own.heard, indent=1)

    await asyncio.to_thread(_many, compare, loop)


def _many(
    compare: Callable[[list[tuple[int, Op]]], Coroutine[Any, Any, None]], loop: asyncio.AbstractEventLoop
) -> None:
    @seed(9)
    @settings(
        max_examples=3, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(some.lists(some.tuples(some.integers(0, 1), OPS), min_size=8, max_size=14))
    def each(steps: list[tuple[int, Op]]) -> None:
        asyncio.run_coroutine_threadsafe(compare(steps), loop).result()

    each()
