"""`remember` and `recall`: whose memory they mean, what they keep, and what they show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.language.nodes.fake_context import Turns, World, scope

from girih.errors import NodeError
from girih.language.nodes.base import NodeKind
from girih.language.nodes.recall import RecallNode
from girih.language.nodes.remember import RememberNode
from girih.language.spec.conform import contract
from girih.language.spec.tree import JsonObject
from girih.providers.fakes.memory import InProcessMemory


async def visit(
    kind: NodeKind[Any],
    memory: InProcessMemory,
    written: JsonObject,
    *,
    user: str | None = "anna",
    key: str = "run:a#1",
) -> Any:
    config = kind.Config.model_validate(written)
    context = World(Turns([])).context()
    context = replace(context, user=user, attempt_key=key, ports=replace(context.ports, memory=memory))
    values = {slot.name: slot.value for slot in kind.slots(config, scope())}
    result = await kind.run(kind.lower(config, scope()), values, context)
    assert not contract(kind.returns(config, scope())).misfits(result)
    return result


async def remember(memory: InProcessMemory, **written: Any) -> Any:
    options = {name: written.pop(name) for name in ("user", "attempt") if name in written}
    return await visit(
        RememberNode(), memory, written, user=options.get("user", "anna"), key=options.get("attempt", "1")
    )


async def recall(memory: InProcessMemory, query: str, **written: Any) -> Any:
    user = written.pop("user", "anna")
    return (await visit(RecallNode(), memory, {"recall": query, **written}, user=user))["items"]


async def test_what_is_remembered_is_recalled_by_the_same_user() -> None:
    memory = InProcessMemory()
    kept = await remember(memory, remember="likes tea", key="drink", data={"drink": "tea"})
    (item,) = await recall(memory, "tea")
    assert item == {
        "id": kept["id"],
        "key": "drink",
        "text": "likes tea",
        "data": {"drink": "tea"},
        "score": 1.0,
        "at": item["at"],
    }
    assert await recall(memory, "tea", user="ben") == []
    assert await recall(memory, "tea", namespace="work") == []
    assert await recall(memory, "tea", scope="project") == []


async def test_a_visit_that_is_repeated_remembers_once_and_another_one_anew() -> None:
    memory = InProcessMemory()
    first = await remember(memory, remember="one", attempt="run:a#1")
    assert await remember(memory, remember="one", attempt="run:a#1") == first
    assert await remember(memory, remember="one", attempt="run:a#2") != first
    items = await recall(memory, "")
    assert len(items) == 2
    assert all("key" not in item for item in items)


async def test_the_projects_memory_needs_no_user_and_a_users_does() -> None:
    memory = InProcessMemory()
    await remember(memory, remember="open on Sundays", scope="project", user=None)
    assert [item["text"] for item in await recall(memory, "Sundays", scope="project", user="ben")] == [
        "open on Sundays"
    ]
    for work in (remember(memory, remember="x", user=None), recall(memory, "x", user=None)):
        with pytest.raises(NodeError) as caught:
            await work
        assert (caught.value.kind, caught.value.can_pass) == ("refused", False)
        assert "scope: project" in str(caught.value.help)


async def test_keys_of_its_own_are_not_for_authors() -> None:
    with pytest.raises(NodeError, match="may not begin"):
        await remember(InProcessMemory(), remember="x", key="@x")
