"""Memory: what runs remember for later ones, by namespace, found by meaning; shown and deleted for its users."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import BadCursor, Forbidden, InvalidInput, NodeError, RunErrorKind, Unavailable
from girih.language.nodes.memories import Recollection
from girih.language.nodes.namespaces import namespace_of, parts_of
from girih.language.nodes.remember import OWN_KEY
from girih.language.spec.tree import JsonObject
from girih.providers.embeddings.base import Embedder
from girih.providers.embeddings.ladder import Embedders
from girih.services.memory import repository
from girih.services.memory.schemas import Forgotten, MemoryOut
from girih.services.memory.tables import MemoryEntry

MAX_TEXT = 20_000
"""Characters of one text."""

MAX_DATA = 64_000
"""Characters of the JSON kept with it."""

MAX_ENTRIES = 10_000
"""Entries of one namespace."""

MOST_LISTED = 200
_AT_ONCE = 200


class MemoryService:
    """All memories. `of` is what the runs of one project reach."""

    def __init__(self, uow: UnitOfWork, embedders: Embedders, *, max_entries: int = MAX_ENTRIES) -> None:
        self._uow = uow
        self._embedders = embedders
        self._max_entries = max_entries

    def of(self, scope: OrgScope) -> ProjectMemory:
        """The memory of a project."""
        return ProjectMemory(self._uow, self._embedders, scope, self._max_entries)

    async def memories(
        self, scope: OrgScope, *, user: str | None, namespace: str | None, cursor: str | None, limit: int
    ) -> tuple[list[MemoryOut], str | None]:
        """Memories of the project, the newest first, and the next part's cursor. Raises `InvalidInput`.

        With `user` those about one user; with `namespace` alone the shared ones of that name.
        """
        user, before = _own(scope, user), _cursor(cursor)
        async with self._uow(scope) as work:
            rows = await repository.entries(work, scope, _filters(user, namespace), before=before, limit=limit + 1)
            shown = [_out(row) for row in rows[:limit]]
        return shown, shown[-1].id if len(rows) > limit else None

    async def forget(self, scope: OrgScope, *, user: str | None, namespace: str | None, key: str | None) -> Forgotten:
        """Delete memories for good: all about a user, or those of a namespace, or one. Raises `InvalidInput`."""
        filters = _filters(_own(scope, user), namespace)
        if not filters or (key is not None and namespace is None):
            raise InvalidInput("nothing says what to delete", help="give user, namespace, or a namespace and a key")
        if key is not None:
            filters["key"] = key
        async with self._uow(scope) as work:
            return Forgotten(deleted=await repository.forget(work, scope, filters))


class ProjectMemory:
    """The `Memory` that the runs of one project reach. No transaction is open while texts are embedded."""

    def __init__(self, uow: UnitOfWork, embedders: Embedders, scope: OrgScope, max_entries: int) -> None:
        self._uow = uow
        self._embedders = embedders
        self._scope = scope
        self._max_entries = max_entries

    async def put(self, namespace: str, text: str, data: JsonObject, *, key: str | None, ttl: float | None) -> str:
        """See `Memory`. Raises `NodeError` (`invalid_output`, `budget`, `unavailable`)."""
        _require_storable(text, data, key)
        embedder = await self._embedder()
        [vector] = await _embedded(embedder, [text])
        async with self._uow(self._scope) as work:
            await repository.sweep(work, self._scope, _AT_ONCE)
            is_known = key is not None and await repository.exists(work, self._scope, namespace, key)
            used = 0 if is_known else await repository.count(work, self._scope, namespace, self._max_entries)
            if used >= self._max_entries:
                message = f"the memory '{namespace}' holds {self._max_entries:,} entries, no more fit in"
                raise _refused("budget", message, "delete some, keep them for a time (ttl), or divide it by namespace")
            user, _ = parts_of(namespace)
            kept = await repository.put(
                work,
                self._scope,
                namespace=namespace,
                subject=user,
                key=key or f"{OWN_KEY}{new_id().hex}",
                ttl=ttl,
                text=text,
                data=data,
                fingerprint=embedder.fingerprint,
                embedding=vector,
            )
        return str(kept)

    async def search(self, namespace: str, query: str, *, top_k: int, min_score: float | None) -> list[Recollection]:
        """See `Memory`; a score is the cosine similarity, at least 0. Raises `NodeError` (`unavailable`)."""
        if not query.strip():
            async with self._uow(self._scope) as work:
                rows = await repository.latest(work, self._scope, namespace, top_k)
                return [_recollection(row, 1.0) for row in rows]
        embedder = await self._embedder()
        [vector] = await _embedded(embedder, [query[:MAX_TEXT]])
        await self._embed_anew(namespace, embedder)
        async with self._uow(self._scope) as work:
            found = await repository.nearest(work, self._scope, namespace, embedder.fingerprint, vector, top_k)
            hits = [_recollection(row, max(0.0, min(1.0, score))) for row, score in found]
        return [hit for hit in hits if min_score is None or hit.score >= min_score]

    async def _embed_anew(self, namespace: str, embedder: Embedder) -> None:
        """Make vectors comparable that another embedder made: the operator may have chosen a new one."""
        while True:
            async with self._uow(self._scope) as work:
                old = await repository.of_others(work, self._scope, namespace, embedder.fingerprint, _AT_ONCE)
            if not old:
                return
            vectors = await _embedded(embedder, [text for _, text in old])
            async with self._uow(self._scope) as work:
                for (entry, text), vector in zip(old, vectors, strict=True):
                    await repository.embed_anew(work, self._scope, entry, text, embedder.fingerprint, vector)

    async def _embedder(self) -> Embedder:
        try:
            return await asyncio.to_thread(self._embedders.get, "default")  # making one may read a model's files
        except Unavailable as fault:
            raise NodeError("unavailable", fault.message, help=fault.help) from fault


def _own(scope: OrgScope, user: str | None) -> str | None:
    """Whose memories are meant. Raises `Forbidden` for somebody else's where the credential says who asks."""
    if scope.end_user is None:
        return user
    if user not in (None, scope.end_user.name):
        raise Forbidden("these are the memories about somebody else", help="leave `user` out; or ask with an API key")
    return scope.end_user.name


async def _embedded(embedder: Embedder, texts: list[str]) -> list[list[float]]:
    try:
        return await embedder.embed(texts)
    except Unavailable as fault:
        raise NodeError("unavailable", fault.message, help=fault.help) from fault


def _require_storable(text: str, data: JsonObject, key: str | None) -> None:
    if len(text) > MAX_TEXT:
        message = f"the text to remember has {len(text):,} characters, at most {MAX_TEXT:,} are kept"
        raise _refused("invalid_output", message, "remember a summary of it")
    if not text.strip():
        raise _refused("invalid_output", "there is no text to remember", "say under remember: what to keep")
    written = json.dumps([text, data, key], ensure_ascii=False)
    if len(written) > MAX_DATA + MAX_TEXT:
        raise _refused("invalid_output", f"the data to remember is over {MAX_DATA:,} characters of JSON", "keep less")
    if "\\u0000" in written or any("\ud800" <= sign <= "\udfff" for sign in written):
        raise _refused("invalid_output", "what is to be remembered holds a character that no text has", "take it out")


def _refused(kind: RunErrorKind, message: str, help: str) -> NodeError:
    return NodeError(kind, message, help=help, can_pass=False)


def _recollection(row: MemoryEntry, score: float) -> Recollection:
    return Recollection(str(row.id), row.key, row.text, row.data, score, row.updated_at.isoformat())


def _out(row: MemoryEntry) -> MemoryOut:
    user, name = parts_of(row.namespace)
    return MemoryOut(
        id=str(row.id),
        scope="project" if user is None else "user",
        user=user,
        namespace=name,
        key=None if row.key.startswith(OWN_KEY) else row.key,
        text=row.text,
        data=row.data,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
    )


def _filters(user: str | None, namespace: str | None) -> JsonObject:
    if user is not None:
        named = {} if namespace is None else {"namespace": namespace_of("user", namespace, user)}
        return {"subject": user, **named}
    return {} if namespace is None else {"namespace": namespace_of("project", namespace, None)}


def _cursor(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text is not None else None
    except ValueError:
        raise BadCursor(
            "the cursor is not one of a page of memories", help="send the `next` of the page before"
        ) from None
