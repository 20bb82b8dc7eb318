"""The rows of the store's items and of the vectors they are found by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, cast, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import Work
from girih.language.spec.tree import JsonObject
from girih.services.store.filters import conditions
from girih.services.store.schemas import ItemsWanted, NamespacesWanted
from girih.services.store.tables import StoreItem, StoreVector

Found = list[tuple[StoreItem, float | None]]


def _mine(scope: OrgScope) -> list[ColumnElement[bool]]:
    return [StoreItem.org_id == scope.org_id, StoreItem.project_id == scope.project_id]


def _alive() -> ColumnElement[bool]:
    return or_(StoreItem.expires_at.is_(None), StoreItem.expires_at > func.now())


def _below(prefix: Sequence[str]) -> list[ColumnElement[bool]]:
    if not prefix:
        return []
    return [func.trim_array(StoreItem.namespace, func.greatest(_depth() - len(prefix), 0)) == list(prefix)]


def _depth() -> Any:
    return func.cardinality(StoreItem.namespace)


async def sweep(work: Work, scope: OrgScope, most: int) -> int:
    """Delete what has expired in the project, at most `most` rows; gives how many."""
    due = select(StoreItem.id).where(*_mine(scope), StoreItem.expires_at <= func.now()).limit(most)
    gone = delete(StoreItem).where(*_mine(scope), StoreItem.id.in_(due)).returning(StoreItem.id)
    return len((await work.session.scalars(gone)).all())


async def count(work: Work, scope: OrgScope, most: int) -> int:
    """How many items the project has; counted no further than `most`."""
    rows = select(StoreItem.id).where(*_mine(scope)).limit(most).subquery()
    return await work.session.scalar(select(func.count()).select_from(rows)) or 0


async def put(
    work: Work, scope: OrgScope, namespace: Sequence[str], key: str, value: JsonObject, ttl: timedelta | None
) -> UUID:
    """Write the item of that key, in the place of the one before, whose vectors go. Gives its id."""
    row = {
        "value": value,
        "ttl": ttl,
        "updated_at": func.now(),
        "expires_at": None if ttl is None else func.now() + ttl,
    }
    new = {"id": new_id(), "org_id": scope.org_id, "project_id": scope.project_id}
    statement = insert(StoreItem).values(**new, namespace=list(namespace), key=key, **row)
    kept = statement.on_conflict_do_update(
        index_elements=["org_id", "project_id", "namespace", "key"], set_=row
    ).returning(StoreItem.id)
    number: UUID = (await work.session.scalars(kept)).one()
    await work.session.execute(
        delete(StoreVector).where(StoreVector.org_id == scope.org_id, StoreVector.item_id == number)
    )
    return number


async def add_vectors(
    work: Work, scope: OrgScope, item_id: UUID, fingerprint: str, vectors: Mapping[str, tuple[str, list[float]]]
) -> None:
    """Keep what an item is found by: path → its text and vector."""
    work.session.add_all(
        StoreVector(
            org_id=scope.org_id, item_id=item_id, path=path, text=text, fingerprint=fingerprint, embedding=vector
        )
        for path, (text, vector) in vectors.items()
    )
    await work.session.flush()


async def item(work: Work, scope: OrgScope, namespace: Sequence[str], key: str) -> StoreItem | None:
    """The item of that key."""
    query = select(StoreItem).where(*_mine(scope), StoreItem.namespace == list(namespace), StoreItem.key == key)
    found: StoreItem | None = await work.session.scalar(query.where(_alive()))
    return found


async def remove(work: Work, scope: OrgScope, namespace: Sequence[str], key: str) -> None:
    """Delete the item of that key, if there is one."""
    await work.session.execute(
        delete(StoreItem).where(*_mine(scope), StoreItem.namespace == list(namespace), StoreItem.key == key)
    )


async def refresh(work: Work, scope: OrgScope, items: Sequence[StoreItem]) -> None:
    """Let the time to live of items begin anew."""
    mortal = [one.id for one in items if one.ttl is not None]
    if mortal:
        row = update(StoreItem).where(*_mine(scope), StoreItem.id.in_(mortal))
        await work.session.execute(row.values(expires_at=func.now() + StoreItem.ttl))


async def latest(work: Work, scope: OrgScope, wanted: ItemsWanted) -> Found:
    """The items that fit, those that were written last first."""
    query = select(StoreItem).where(*_fits(scope, wanted)).order_by(StoreItem.updated_at.desc(), StoreItem.id.desc())
    rows = await work.session.scalars(query.limit(wanted.limit).offset(wanted.offset))
    return [(row, None) for row in rows]


async def nearest(work: Work, scope: OrgScope, wanted: ItemsWanted, fingerprint: str, vector: list[float]) -> Found:
    """The items that fit, by the nearest of their vectors, with its cosine similarity."""
    # Among the vectors of one embedder only: those of another one may have other dimensions.
    own = (
        select(StoreVector.item_id, StoreVector.embedding)
        .join(StoreItem, (StoreItem.org_id == StoreVector.org_id) & (StoreItem.id == StoreVector.item_id))
        .where(*_fits(scope, wanted), StoreVector.fingerprint == fingerprint)
        .cte("own")
        .prefix_with("MATERIALIZED")
    )
    score = (1 - func.min(own.c.embedding.cosine_distance(vector))).label("score")
    ranked = select(own.c.item_id, score).group_by(own.c.item_id).subquery()
    query = select(StoreItem, ranked.c.score).join(ranked, ranked.c.item_id == StoreItem.id).where(*_mine(scope))
    ordered = query.order_by(ranked.c.score.desc(), StoreItem.id).limit(wanted.limit).offset(wanted.offset)
    return [(row, float(near)) for row, near in await work.session.execute(ordered)]


async def of_others(
    work: Work, scope: OrgScope, wanted: ItemsWanted, fingerprint: str, most: int
) -> list[tuple[UUID, str, str]]:
    """Vectors another embedder made, of the items that fit: item, path and text."""
    query = (
        select(StoreVector.item_id, StoreVector.path, StoreVector.text)
        .join(StoreItem, (StoreItem.org_id == StoreVector.org_id) & (StoreItem.id == StoreVector.item_id))
        .where(*_fits(scope, wanted), StoreVector.fingerprint != fingerprint)
        .limit(most)
    )
    return [(row[0], row[1], row[2]) for row in await work.session.execute(query)]


async def embed_anew(
    work: Work, scope: OrgScope, place: tuple[UUID, str, str], fingerprint: str, vector: list[float]
) -> None:
    """Replace a vector, unless its text was changed meanwhile."""
    row, (item_id, path, text) = StoreVector, place
    entry = update(row).where(row.org_id == scope.org_id, row.item_id == item_id, row.path == path, row.text == text)
    await work.session.execute(entry.values(embedding=vector, fingerprint=fingerprint))


async def namespaces(work: Work, scope: OrgScope, wanted: NamespacesWanted) -> list[list[str]]:
    """The namespaces that items have, each once, in order."""
    held = StoreItem.namespace
    query = select(held).where(*_mine(scope), _alive())
    for place, label in enumerate(wanted.prefix or (), 1):
        query = query.where(_depth() >= place, *([held[place] == label] if label != "*" else []))
    for place, label in enumerate(reversed(wanted.suffix or ()), 1):
        last = held[_depth() - (place - 1)]
        query = query.where(_depth() >= place, *([last == label] if label != "*" else []))
    cut = held if wanted.max_depth is None else _first(wanted.max_depth)
    shown = query.with_only_columns(cut.label("shown")).distinct().subquery()
    rows = await work.session.scalars(
        select(shown.c.shown).order_by(shown.c.shown).limit(wanted.limit).offset(wanted.offset)
    )
    return [list(row) for row in rows]


def _first(most: int) -> Any:
    return cast(func.trim_array(StoreItem.namespace, func.greatest(_depth() - most, 0)), ARRAY(Text))


def _fits(scope: OrgScope, wanted: ItemsWanted) -> list[ColumnElement[bool]]:
    return [*_mine(scope), _alive(), *_below(wanted.namespace_prefix), *conditions(wanted.filter or {})]
