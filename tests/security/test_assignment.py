"""What a body must not say: whose a thing is, who made it and when, and which number it has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from tests.security.asking import Operation, ask, described
from tests.security.fields import Description
from tests.security.places import World

from girih.services.identity.schemas import PERMISSIONS

OURS = (
    "org_id",
    "organization_id",
    "project_id",
    "id",
    "role",
    "permissions",
    "created_at",
    "created_by",
    "updated_at",
    "actor",
    "owner_id",
    "revoked_at",
    "status",
)
"""What the server says of things, and no caller."""


def bodies(world: World) -> Iterator[tuple[Operation, str, Any]]:
    """Every body with one thing too much, at its top and in whatever is described within."""
    description = Description(world.app.openapi())
    for operation in described(world.app):
        schema = description.body(operation)
        if schema is None or operation.permission not in PERMISSIONS:
            continue
        given = operation.arguments().get("json", {})
        known = {name for one in description.variants(schema) for name in one.get("properties", {})}
        for name in OURS:
            if name not in known:
                yield operation, name, {**given, name: "x"}
        for field in description.fields(operation):
            inner = [one for one in description.variants(field.schema) if "properties" in one]
            if inner and "org_id" not in inner[0]["properties"]:
                value = {**description.least(inner[0]), "org_id": "x"}
                yield operation, ".".join(field.path), description.with_value(schema, given, field.path, value)


async def test_nothing_is_taken_that_is_not_the_callers_to_say(world: World) -> None:
    few = asyncio.Semaphore(6)

    async def one(operation: Operation, name: str, body: Any) -> str | None:
        async with few:
            answer = await ask(world.home.owner, operation, operation.of_the_name, world.home.ids, json=body)
        refused = answer.status == 422 and answer.response.json()["code"] == "invalid_input"
        return None if refused else f"{operation.name} with {name}: {answer.status} {answer.response.text[:150]}"

    found = await asyncio.gather(*(asyncio.create_task(one(*cell)) for cell in bodies(world)))
    print(f"assignment: {len(found)} cells")
    assert len(found) > 500
    assert not (wrong := [text for text in found if text]), "\n".join(wrong[:30])
