"""The store keeps items apart by project and organization, finds them, and embeds anew when the embedder changes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound
from girih.providers.embeddings.hashing import Hashing
from girih.providers.embeddings.ladder import Embedders
from girih.services.store.schemas import ItemIn, ItemsWanted, NamespacesWanted
from girih.services.store.service import MAX_VALUE, StoreService
from girih.services.store.texts import MAX_TEXTS, texts_of

HERE = ["a", "b"]


@pytest.fixture
def store(uow: UnitOfWork) -> StoreService:
    return StoreService(uow, Embedders("hashing"))


def item(key: str, **value: object) -> ItemIn:
    return ItemIn(namespace=HERE, key=key, value=value)


async def keys(store: StoreService, scope: OrgScope, **wanted: object) -> list[str]:
    return [one.key for one in (await store.search(scope, ItemsWanted.model_validate(wanted))).items]


async def test_organizations_and_projects_are_kept_apart(
    store: StoreService, scope: OrgScope, other_scope: OrgScope
) -> None:
    await store.put(scope, item("k", text="blue whale"))
    sibling = OrgScope(scope.org_id, new_id(), permissions=scope.permissions)
    for stranger in (other_scope, sibling):
        with pytest.raises(NotFound):
            await store.get(stranger, HERE, "k")
        assert await keys(store, stranger) == []
        assert await keys(store, stranger, query="blue whale") == []
        assert (await store.namespaces(stranger, NamespacesWanted())).namespaces == []
        await store.delete(stranger, HERE, "k")
    assert (await store.get(scope, HERE, "k")).value == {"text": "blue whale"}


async def test_a_new_embedder_finds_what_another_one_embedded(uow: UnitOfWork, scope: OrgScope) -> None:
    await StoreService(uow, Embedders("hashing")).put(scope, item("k", text="blue whale"))

    class Other(Hashing):
        fingerprint = "other/16"
        dimensions = 16

        async def embed(self, texts: Sequence[str]) -> list[list[float]]:
            return [vector[:16] for vector in await super().embed(list(texts))]

    embedders = Embedders("hashing")
    embedders._made["hashing"] = Other()
    changed = StoreService(uow, embedders)
    assert await keys(changed, scope, query="blue whale") == ["k"]
    assert await keys(StoreService(uow, Embedders("hashing")), scope, query="blue whale") == ["k"]


async def test_a_full_store_takes_changes_and_nothing_new(uow: UnitOfWork, scope: OrgScope) -> None:
    small = StoreService(uow, Embedders("hashing"), max_items=2)
    for key in ("a", "b"):
        await small.put(scope, item(key))
    with pytest.raises(Conflict, match="no more fit in"):
        await small.put(scope, item("c"))
    await small.put(scope, item("a", changed=True))
    await small.delete(scope, HERE, "b")
    await small.put(scope, item("c"))


async def test_too_much_is_refused(store: StoreService, scope: OrgScope) -> None:
    with pytest.raises(InvalidInput, match="at most"):
        await store.put(scope, item("k", text="x" * MAX_VALUE))
    with pytest.raises(InvalidInput, match=f"{MAX_TEXTS} texts"):
        await store.put(
            scope, ItemIn(namespace=HERE, key="k", value={"list": [f"t{n}" for n in range(101)]}, index=["list[*]"])
        )
    with pytest.raises(InvalidInput, match="half of a character"):
        await store.put(scope, item("k", text="\ud800"))


def test_places_lead_to_texts() -> None:
    value = {"title": "T", "deep": {"name": "N"}, "list": [{"x": "1"}, {"x": "2"}, {"y": 3}], "empty": "  "}
    assert texts_of(value, ["title", "deep.name", "list[*].x", "list[-1].y", "empty", "no.such"]) == {
        "title": "T",
        "deep.name": "N",
        "list[0].x": "1",
        "list[1].x": "2",
        "list[2].y": "3",
    }
    assert set(texts_of({"a": {"x": "1", "y": "2"}}, ["a.*"])) == {"a.x", "a.y"}
    assert texts_of({"b": 1, "a": "x"}, ["$"]) == {"$": '{"a": "x", "b": 1}'}
    for wrong in ("", "a..b", "a[", "a[x]", "[*]."):
        with pytest.raises(InvalidInput, match="not a place"):
            texts_of(value, [wrong])


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ),
    st.text(),
)
def test_any_place_in_any_value_gives_texts_or_a_refusal(value: object, place: str) -> None:
    try:
        found = texts_of({"v": value}, [place])
    except InvalidInput:
        return
    assert all(isinstance(text, str) and text.strip() for text in found.values())
