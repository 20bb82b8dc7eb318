"""Memory is found by meaning, kept apart by namespace, project and organization, and forgotten when it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, NodeError, Unavailable
from girih.language.nodes.namespaces import namespace_of, parts_of
from girih.providers.embeddings.hashing import Hashing
from girih.providers.embeddings.ladder import Embedders
from girih.services.memory.service import MAX_DATA, MAX_TEXT, MemoryService

ANNA = namespace_of("user", "default", "anna")
SHARED = namespace_of("project", "default", None)


@pytest.fixture
def memory(uow: UnitOfWork) -> MemoryService:
    return MemoryService(uow, Embedders("hashing"))


async def keep(service: MemoryService, scope: OrgScope, text: str, namespace: str = ANNA, **more: Any) -> str:
    return await service.of(scope).put(namespace, text, **({"data": {}, "key": None, "ttl": None} | more))


async def found(service: MemoryService, scope: OrgScope, query: str, namespace: str = ANNA, **more: Any) -> list[str]:
    hits = await service.of(scope).search(namespace, query, **({"top_k": 10, "min_score": None} | more))
    return [hit.text for hit in hits]


async def test_the_nearest_comes_first_with_what_was_kept(memory: MemoryService, scope: OrgScope) -> None:
    await keep(memory, scope, "Anna has two cats", data={"pets": ["Mia", "Leo"]}, key="pets")
    await keep(memory, scope, "The weather in Lisbon is mild")
    hits = await memory.of(scope).search(ANNA, "How many cats has Anna?", top_k=2, min_score=None)
    assert [hit.text for hit in hits] == ["Anna has two cats", "The weather in Lisbon is mild"]
    assert (hits[0].key, hits[0].data) == ("pets", {"pets": ["Mia", "Leo"]})
    assert 1 >= hits[0].score > hits[1].score >= 0
    assert await found(memory, scope, "cats Anna", top_k=1) == ["Anna has two cats"]
    assert await found(memory, scope, "cats Anna", min_score=0.99) == []
    assert await found(memory, scope, "Anna has two cats", min_score=0.99) == ["Anna has two cats"]


async def test_the_same_key_replaces_and_an_empty_query_gives_the_latest_first(
    memory: MemoryService, scope: OrgScope
) -> None:
    first = await keep(memory, scope, "likes tea", key="drink", data={"n": 1})
    await keep(memory, scope, "lives in Rome")
    assert await keep(memory, scope, "likes coffee", key="drink", data={"n": 2}) == first
    assert await found(memory, scope, "  ") == ["likes coffee", "lives in Rome"]
    assert await found(memory, scope, "tea likes") == ["likes coffee", "lives in Rome"]


async def test_writers_of_one_key_at_once_leave_one_entry(memory: MemoryService, scope: OrgScope) -> None:
    ids = await asyncio.gather(*(keep(memory, scope, f"text {n}", key="k") for n in range(8)))
    assert len(set(ids)) == 1
    assert len(await found(memory, scope, "")) == 1


async def test_namespaces_projects_and_organizations_are_kept_apart(
    memory: MemoryService, scope: OrgScope, other_scope: OrgScope
) -> None:
    await keep(memory, scope, "a secret of Anna")
    for namespace in (namespace_of("user", "default", "ben"), namespace_of("user", "work", "anna"), SHARED):
        assert await found(memory, scope, "secret", namespace) == []
    assert await found(memory, other_scope, "secret") == []
    assert await memory.memories(other_scope, user="anna", namespace=None, cursor=None, limit=10) == ([], None)
    assert (await memory.forget(other_scope, user="anna", namespace=None, key=None)).deleted == 0
    assert await found(memory, scope, "secret") == ["a secret of Anna"]


@pytest.mark.parametrize("user", ["a/b", "a%2Fb", "ü ?", "user/x", "../project", "@"])
async def test_no_user_gets_into_anothers_namespace(user: str) -> None:
    namespace = namespace_of("user", "notes", user)
    assert parts_of(namespace) == (user, "notes")
    assert namespace.count("/") == 2


async def test_what_has_expired_is_not_found_and_goes(memory: MemoryService, scope: OrgScope) -> None:
    await keep(memory, scope, "for a moment", ttl=0.01, key="moment")
    await asyncio.sleep(0.05)
    assert await found(memory, scope, "moment") == []
    assert await found(memory, scope, "") == []
    assert (await memory.memories(scope, user="anna", namespace=None, cursor=None, limit=10))[0] == []
    await keep(memory, scope, "for a year", ttl=365 * 86400)
    assert (await memory.forget(scope, user="anna", namespace=None, key=None)).deleted == 1


async def test_a_user_is_forgotten_and_nobody_else(memory: MemoryService, scope: OrgScope) -> None:
    ben = namespace_of("user", "default", "ben")
    await keep(memory, scope, "one")
    await keep(memory, scope, "two", namespace_of("user", "work", "anna"))
    await keep(memory, scope, "of Ben", ben)
    await keep(memory, scope, "of all", SHARED)
    assert (await memory.forget(scope, user="anna", namespace="work", key=None)).deleted == 1
    assert (await memory.forget(scope, user="anna", namespace=None, key=None)).deleted == 1
    assert await found(memory, scope, "", ben) == ["of Ben"]
    assert (await memory.forget(scope, user=None, namespace="default", key="nothing")).deleted == 0
    assert (await memory.forget(scope, user=None, namespace="default", key=None)).deleted == 1
    for filters in ({"user": None, "namespace": None, "key": "x"}, {"user": "anna", "namespace": None, "key": "x"}):
        with pytest.raises(InvalidInput, match="nothing says"):
            await memory.forget(scope, **filters)  # type: ignore[arg-type]


async def test_the_list_goes_on_where_it_ended(memory: MemoryService, scope: OrgScope) -> None:
    for n in range(5):
        await keep(memory, scope, f"text {n}")
    cursor, seen = None, []
    while True:
        page, cursor = await memory.memories(scope, user="anna", namespace=None, cursor=cursor, limit=2)
        seen += [(entry.text, entry.scope, entry.user, entry.namespace, entry.key) for entry in page]
        if cursor is None:
            break
    assert seen == [(f"text {n}", "user", "anna", "default", None) for n in reversed(range(5))]
    with pytest.raises(InvalidInput, match="cursor"):
        await memory.memories(scope, user=None, namespace=None, cursor="x", limit=2)


async def test_what_cannot_be_kept_is_refused(memory: MemoryService, scope: OrgScope) -> None:
    for text, data in (
        ("x" * (MAX_TEXT + 1), {}),
        ("  ", {}),
        ("x", {"y": "z" * (MAX_DATA + MAX_TEXT)}),
        ("a\0b", {}),
        ("x", {"y": "\0"}),
        ("\ud800", {}),
        ("x", {"\ud800": 1}),
    ):
        with pytest.raises(NodeError) as caught:
            await keep(memory, scope, text, data=data)
        assert (caught.value.kind, caught.value.can_pass) == ("invalid_output", False)


async def test_a_namespace_that_is_full_takes_only_what_replaces(uow: UnitOfWork, scope: OrgScope) -> None:
    memory = MemoryService(uow, Embedders("hashing"), max_entries=2)
    await keep(memory, scope, "one", key="1")
    await keep(memory, scope, "two", key="2")
    with pytest.raises(NodeError) as caught:
        await keep(memory, scope, "three", key="3")
    assert caught.value.kind == "budget"
    await keep(memory, scope, "another two", key="2")
    await keep(memory, scope, "elsewhere", SHARED)


@dataclass
class Other:
    """An embedder of another size, or one that is away."""

    is_away: bool = False
    name: str = "other"
    model: str = "other"
    dims: int = 3
    fingerprint: str = "other-3"

    def load(self) -> None: ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.is_away:
            raise Unavailable("the embedder is away")
        return [[1.0, 0.0, 0.0] if "cat" in text else [0.0, 1.0, 0.0] for text in texts]


@dataclass
class Chosen:
    embedder: Any

    def get(self, name: str) -> Any:
        return self.embedder


async def test_a_new_embedder_finds_what_the_old_one_kept(uow: UnitOfWork, scope: OrgScope) -> None:
    await keep(MemoryService(uow, Chosen(Hashing())), scope, "Anna has a cat")  # type: ignore[arg-type]
    other = MemoryService(uow, Chosen(Other()))  # type: ignore[arg-type]
    await keep(other, scope, "Ben has a dog")
    assert await found(other, scope, "cats") == ["Anna has a cat", "Ben has a dog"]
    with pytest.raises(NodeError) as caught:
        await found(MemoryService(uow, Chosen(Other(is_away=True))), scope, "cat")  # type: ignore[arg-type]
    assert caught.value.kind == "unavailable"
