"""Statement texts stay the same whatever is filtered by, sorted by, named or written: values travel beside them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import make_scope
from tests.security.asking import FOLLOWING, Answer, Operation, ask, described, of_doors
from tests.security.fields import Description, Field
from tests.security.places import Place, World, filled
from tests.security.test_doors import body_of, named

from girih.db.engine import make_engine, make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.schemas import PERMISSIONS

pytestmark = pytest.mark.timeout(600)

MARK = "zqx7"
HOSTILE = (MARK, f"{MARK}'); DROP TABLE runs; --\" $1 %(x)s :x {{0}} \\'")
"""One that is a name like any other, so that it gets past all forms, and one that ends every literal."""

ENDING = frozenset({"delete_organization"})
"""What nothing more is answered after: an organization whose name is one of those by now is deleted by it."""


@pytest.fixture
async def place(world: World) -> Place:
    """An organization of its own: most of what is in it is renamed here."""
    engine = make_engine(world.database_url)
    scope = await make_scope(UnitOfWork(make_sessions(engine), lambda *_: None))
    await engine.dispose()
    return await filled(world.girih, world.app, "attic", scope)


def texts(description: Description, operation: Operation) -> Iterator[Field]:
    """Every field that takes a text, or an object with keys of the caller's choice."""
    for field in description.fields(operation):
        kinds = [one for one in description.variants(field.schema) if "const" not in one and "enum" not in one]
        if any(one.get("type") in ("string", None) or is_open(one) for one in kinds):
            yield field


def is_open(schema: dict[str, Any]) -> bool:
    """Whether it is an object whose keys are the caller's."""
    return schema.get("type") == "object" and "properties" not in schema


async def with_text(place: Place, field: Field, description: Description, text: str) -> Answer:
    """The operation with a hostile text in one field: as the value, and where keys are free as the key."""
    kinds = description.variants(field.schema)
    value: Any = {text: text} if any(is_open(one) for one in kinds) else text
    operation = field.operation
    arguments: dict[str, Any] = dict(operation.arguments())
    if field.where == "query":
        known = arguments.get("params", {})
        arguments["params"] = {**known, field.path[0]: text if field.name != "metadata" else f'{{"{MARK}": "x"}}'}
    else:
        schema = description.body(operation) or {}
        arguments["json"] = description.with_value(schema, arguments.get("json"), field.path, value)
    return await ask(place.owner, operation, operation.of_the_name, place.ids, **arguments)


def injected(answer: Answer) -> list[str]:
    """The statements that a text of the caller's stands in."""
    return [statement for statement in answer.statements if MARK in statement]


async def test_nothing_that_is_said_in_a_field_is_part_of_a_statement(world: World, place: Place) -> None:
    description = Description(world.app.openapi())
    asked = [one for one in described(world.app) if one.permission in PERMISSIONS and one.name not in FOLLOWING]
    fields = [field for one in asked for field in texts(description, one)]
    statuses: Counter[int] = Counter()
    reached: set[str] = set()
    few = asyncio.Semaphore(4)

    async def one(field: Field, text: str) -> str | None:
        async with few:
            answer = await asyncio.create_task(with_text(place, field, description, text))
        statuses[answer.status] += 1
        if answer.response.is_success:
            reached.add(str(field))
        wrong = injected(answer) or ([answer.response.text[:200]] if answer.status >= 500 else [])
        return f"{field}: {wrong[0]}" if wrong else None

    found: list[str | None] = []
    for ends in (False, True):
        turn = [field for field in fields if (field.operation.name in ENDING) is ends]
        found += await asyncio.gather(*(one(field, text) for field in turn for text in HOSTILE))
    assert (await place.owner.get("/v1/agents")).status_code == 403, "the end was not reached"
    print(f"statements: {len(found)} cells in {len(fields)} fields, {dict(statuses)}")
    assert not (wrong := [text for text in found if text]), "\n".join(wrong[:30])
    assert len(reached) > len(fields) / 4, f"most texts did not get past the forms: {sorted(reached)}"


async def test_nothing_that_is_said_at_a_door_is_part_of_a_statement(world: World, place: Place) -> None:
    """Each text and each key of what the doors for other projects' clients are asked, one after the other."""
    ids, statuses = named(place, place.ids), Counter[int]()
    for operation in of_doors(world.app):
        if operation.method in ("GET", "HEAD"):
            continue
        for text in HOSTILE:
            given = body_of(operation, ids)
            more = SORTING.get(operation.path.removeprefix("/langgraph"), {})
            for body in spoiled({**given, **more} if more else given, text):
                path = operation.path.replace(":path}", "}").format(**ids)
                told = Operation(operation.name, operation.method, path, operation.permission)
                answer = await asyncio.create_task(ask(place.owner, told, "hello", ids, json=body))
                statuses[answer.status] += 1
                assert not injected(answer) and answer.status < 500, (operation.name, body, answer.response.text[:200])
    print(f"statements of doors: {statuses.total()} cells, {dict(statuses)}")
    assert statuses[200] > 20


_NEWEST = {"sort_by": "created_at", "sort_order": "desc", "metadata": {"of": "x"}}
SORTING: dict[str, dict[str, Any]] = {
    "/threads/search": {**_NEWEST, "values": {"x": "y"}, "select": ["status"]},
    "/assistants/search": {**_NEWEST, "select": ["name"]},
    "/runs/crons/search": {"sort_by": "created_at", "sort_order": "desc", "select": ["schedule"]},
    "/store/items/search": {"filter": {"of": "x"}, "query": "y"},
}
"""What searches of LangGraph's clients sort and filter by besides."""


def spoiled(value: Any, text: str) -> Iterator[Any]:
    """The value with one of its texts, or one of the keys within it, replaced; each in turn."""
    if isinstance(value, str):
        yield text
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from ([*value[:number], other, *value[number + 1 :]] for other in spoiled(item, text))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from ({**value, key: other} for other in spoiled(item, text))
            yield {text if name == key else name: held for name, held in value.items()}
