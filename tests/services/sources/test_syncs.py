"""Syncs: what becomes of new, changed, unchanged, broken and vanished things, and of a sync that is interrupted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update
from tests.providers.loaders.site import site
from tests.services.knowledge.conftest import make_service
from tests.services.sources.conftest import Desk, make_desk

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound
from girih.jobs import EMBED, INGEST
from girih.language.compiler.workspace import OtherSpec
from girih.services.pipelines import publishing
from girih.services.sources import syncing
from girih.services.sources.schemas import DataStoreChange, DataStoreOut, SyncIn, SyncOut
from girih.services.sources.tables import DataStore, Sync


def counts(sync: SyncOut) -> dict[str, int]:
    return {
        name: number
        for name in ("added", "changed", "unchanged", "removed", "failed")
        if (number := getattr(sync, name))
    }


async def changes(desk: Desk, store: DataStoreOut, sync: SyncOut) -> dict[str, str]:
    page = await desk.sources.changes(desk.scope, store.id, sync.id, limit=200)
    return {change.ref: change.action for change in page.items}


async def test_a_collection_follows_its_source(desk: Desk) -> None:
    for name in ("a.md", "b.md", "in/c.md"):
        desk.write(name, f"this is {name}")
    store = await desk.store(readers=["group:staff"])
    first = await desk.sync(store)
    assert (first.status, counts(first)) == ("done", {"added": 3})
    documents = await desk.documents()
    assert set(documents) == {"a.md", "b.md", "in/c.md"}
    before = documents["in/c.md"]
    assert (before.source_id, before.source_ref, before.readers) == (store.id, "in/c.md", ["group:staff"])
    assert counts(await desk.sync(store)) == {"unchanged": 3}
    desk.write("a.md", "this is another text")
    desk.write("d.md", "new")
    (desk.folder / "b.md").unlink()
    third = await desk.sync(store)
    assert counts(third) == {"added": 1, "changed": 1, "unchanged": 1, "removed": 1}
    assert await changes(desk, store, third) == {"a.md": "changed", "b.md": "removed", "d.md": "added"}
    after = await desk.documents()
    assert set(after) == {"a.md", "d.md", "in/c.md"}
    assert after["in/c.md"] == before
    assert after["a.md"].id == documents["a.md"].id
    shown = await desk.sources.data_store(desk.scope, store.id)
    assert (shown.items, shown.failed_items) == (3, 0)


async def test_a_file_that_was_only_touched_costs_no_upload(desk: Desk) -> None:
    desk.write("a.md", "the same")
    store = await desk.store()
    await desk.sync(store)
    before = await desk.documents()
    desk.write("a.md", "the same")
    (desk.folder / "a.md").touch()
    assert counts(await desk.sync(store)) == {"unchanged": 1}
    assert await desk.documents() == before


async def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    for number in range(4):
        desk.write(f"{number}.md", f"text {number}")
    store = await desk.store()
    dry = await desk.sync(store, dry_run=True)
    assert counts(dry) == {"added": 4}
    assert await desk.documents() == {}
    assert counts(await desk.sync(store)) == {"added": 4}
    desk.write("0.md", "another text")
    (desk.folder / "1.md").unlink()
    before = await desk.documents()
    dry = await desk.sync(store, dry_run=True)
    assert counts(dry) == {"changed": 1, "removed": 1, "unchanged": 2}
    assert await changes(desk, store, dry) == {"0.md": "changed", "1.md": "removed"}
    assert await desk.documents() == before
    assert counts(await desk.sync(store)) == {"changed": 1, "removed": 1, "unchanged": 2}


async def test_an_empty_source_is_taken_for_a_fault(desk: Desk) -> None:
    for number in range(10):
        desk.write(f"{number}.md", f"text {number}")
    store = await desk.store(most_removed=30)
    await desk.sync(store)
    for number in range(4):
        (desk.folder / f"{number}.md").unlink()
    desk.write("new.md", "new")
    refused = await desk.sync(store)
    assert refused.status == "failed"
    assert "no longer names 4 of 11 documents" in (refused.reason or "")
    assert counts(refused) == {"added": 1, "unchanged": 6}
    assert len(await desk.documents()) == 11
    told = await desk.sync(store, remove_all=True)
    assert (told.status, counts(told)) == ("done", {"removed": 4, "unchanged": 7})
    for path in desk.folder.iterdir():
        path.unlink()
    assert (await desk.sync(store)).status == "failed"
    assert len(await desk.documents()) == 7


async def test_a_source_that_is_away_removes_nothing_and_is_tried_again(desk: Desk) -> None:
    desk.write("a.md", "text")
    store = await desk.store()
    await desk.sync(store)
    desk.folder.rename(desk.folder.with_name("away"))
    gone = await desk.sync(store)
    assert gone.status == "failed"
    assert "there is no folder" in (gone.reason or "")
    assert set(await desk.documents()) == {"a.md"}


async def test_one_bad_thing_fails_alone_and_is_tried_again(desk: Desk) -> None:
    desk.write("good.md", "good")
    desk.write("empty.md", "")
    desk.write("song.mp3", "la la")
    desk.write("big.md", "x" * (2**20 + 1))
    store = await desk.store()
    first = await desk.sync(store)
    assert (first.status, counts(first)) == ("done", {"added": 1, "failed": 3})
    failed = await desk.sources.items(desk.scope, store.id, status="failed")
    reasons = {item.ref: item.reason or "" for item in failed.items}
    assert "empty" in reasons["empty.md"]
    assert ".mp3" in reasons["song.mp3"]
    assert "larger than" in reasons["big.md"]
    assert counts(await desk.sync(store)) == {"unchanged": 1, "failed": 3}
    desk.write("empty.md", "not empty any more")
    (desk.folder / "song.mp3").unlink()
    assert counts(await desk.sync(store)) == {"unchanged": 1, "added": 1, "failed": 1}
    [left] = (await desk.sources.items(desk.scope, store.id, status="failed")).items
    assert (left.ref, left.failures) == ("big.md", 3)


async def test_a_thing_that_breaks_keeps_the_document_it_was(desk: Desk) -> None:
    desk.write("a.md", "good")
    store = await desk.store()
    await desk.sync(store)
    before = await desk.documents()
    desk.write("a.md", "")
    assert counts(await desk.sync(store)) == {"failed": 1}
    assert await desk.documents() == before
    desk.write("a.md", "good")
    assert counts(await desk.sync(store)) == {"unchanged": 1}


async def test_a_document_that_somebody_deleted_comes_back(desk: Desk) -> None:
    desk.write("a.md", "text")
    store = await desk.store()
    await desk.sync(store)
    await desk.library.delete(desk.scope, (await desk.documents())["a.md"].id)
    assert counts(await desk.sync(store)) == {"added": 1}
    assert set(await desk.documents()) == {"a.md"}


async def test_web_pages_are_asked_for_with_their_etag(uow: UnitOfWork, scope: OrgScope, tmp_path: Path) -> None:
    async with site() as pages:
        desk = await make_desk(uow, scope, tmp_path, site=pages.url)
        for number in range(3):
            pages.put(f"/{number}", f"<h1>{number}</h1>", etag=f'"{number}"')
        pages.put("/sitemap.xml", pages.sitemap("/0", "/1", "/2"))
        source = {"kind": "web", "sitemaps": [f"{pages.url}/sitemap.xml"]}
        store = await desk.store(source=source, most_removed=50)
        assert counts(await desk.sync(store)) == {"added": 3}
        pages.sent.clear()
        assert counts(await desk.sync(store)) == {"unchanged": 3}
        assert pages.sent == ["/sitemap.xml"]
        pages.put("/0", "<h1>new</h1>", etag='"new"')
        pages.remove("/1")
        pages.fail("/2", 503)
        third = await desk.sync(store)
        assert counts(third) == {"changed": 1, "removed": 1, "failed": 1}
        assert len(await desk.documents()) == 2


async def test_one_sync_at_a_time_and_one_that_is_cancelled_stops(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        desk.write(f"{number}.md", f"text {number}")
    store = await desk.store()
    begun = await desk.sources.sync(desk.scope, store.id, SyncIn())
    with pytest.raises(Conflict, match="under way"):
        await desk.sources.sync(desk.scope, store.id, SyncIn())
    taken = 0
    real = syncing.take

    async def take(*given: object) -> object:
        nonlocal taken
        taken += 1
        if taken == 3:
            await desk.sources.cancel(desk.scope, store.id, begun.id)
        return await real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(syncing, "take", take)
    await desk.runner.run(str(begun.id))
    ended = await desk.sources.one_sync(desk.scope, store.id, begun.id)
    assert (ended.status, ended.reason) == ("cancelled", "cancelled by test")
    assert ended.added == 2
    assert taken == 3
    with pytest.raises(Conflict, match="has ended"):
        await desk.sources.cancel(desk.scope, store.id, begun.id)
    assert counts(await desk.sync(store)) in (
        {"added": 3, "unchanged": 2},
        {"added": 2, "unchanged": 3},
        {"added": 2, "unchanged": 2, "changed": 1},
    )


async def test_a_sync_goes_on_where_its_holder_was_cut_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        desk.write(f"{number}.md", f"text {number}")
    store = await desk.store()
    begun = await desk.sources.sync(desk.scope, store.id, SyncIn())
    real, taken = syncing.take, list[str]()

    async def take(*given: object) -> object:
        taken.append(given[3].ref)  # type: ignore[attr-defined]
        if len(taken) == 4:
            raise asyncio.CancelledError
        return await real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(syncing, "take", take)
    with pytest.raises(asyncio.CancelledError):
        await desk.runner.run(str(begun.id))
    assert (await desk.sources.one_sync(desk.scope, store.id, begun.id)).status == "queued"
    await desk.runner.run(str(begun.id))
    ended = await desk.sources.one_sync(desk.scope, store.id, begun.id)
    assert (ended.status, counts(ended), ended.attempts) == ("done", {"added": 6}, 1)
    assert taken == [f"{number}.md" for number in (0, 1, 2, 3, 3, 4, 5)]


async def test_a_sync_that_kills_its_worker_each_time_is_given_up(desk: Desk) -> None:
    store = await desk.store()
    begun = await desk.sources.sync(desk.scope, store.id, SyncIn())
    for _ in range(4):
        async with desk.uow(desk.scope) as work:
            await work.session.execute(
                update(Sync)
                .where(Sync.id == begun.id)
                .values(status="running", attempts=3, lease_until=text("now() - interval '1 s'"))
            )
        assert str(begun.id) in await desk.runner.due()
        await desk.runner.run(str(begun.id))
        ended = await desk.sources.one_sync(desk.scope, store.id, begun.id)
        assert ended.status == "failed"
        assert "gave up after 3 attempts" in (ended.reason or "")


async def test_the_clock_fires_each_moment_once_and_says_what_it_leaves_out(desk: Desk) -> None:
    desk.write("a.md", "text")
    store = await desk.store(cron="*/5 * * * *", timezone="Europe/Berlin")
    assert store.next_at is not None and store.next_at > datetime.now(UTC)
    await back(desk, store)
    await asyncio.gather(*(desk.runner.fire_due() for _ in range(5)))
    [one] = (await desk.sources.syncs(desk.scope, store.id)).items
    assert (one.status, one.due_at is not None) == ("queued", True)
    await back(desk, store, minutes=1)
    before = datetime.now(UTC)
    await asyncio.gather(*(desk.runner.fire_due() for _ in range(5)))
    skipped, _ = (await desk.sources.syncs(desk.scope, store.id)).items
    assert (skipped.status, skipped.reason) == ("skipped", f"the sync {one.id} was still under way")
    await desk.runner.run(str(one.id))
    shown = await desk.sources.data_store(desk.scope, store.id)
    assert shown.next_at is not None and shown.next_at > before
    paused = await desk.sources.change(desk.scope, store.id, DataStoreChange(enabled=False))
    assert paused.next_at is None


async def back(desk: Desk, store: DataStoreOut, minutes: int = 20) -> None:
    """As if its moment had come so long ago."""
    async with desk.uow(desk.scope) as work:
        moment = datetime.now(UTC) - timedelta(minutes=minutes)
        await work.session.execute(update(DataStore).where(DataStore.id == store.id).values(next_at=moment))


@pytest.mark.parametrize("documents", ["keep", "delete"])
async def test_a_data_store_goes_with_or_without_its_documents(desk: Desk, documents: str) -> None:
    for number in range(3):
        desk.write(f"{number}.md", f"text {number}")
    store = await desk.store()
    await desk.sync(store)
    await desk.library.upload(desk.scope, "docs", "mine.md", b"not of the source")
    removing = await desk.sources.delete(desk.scope, store.id, documents=documents == "delete")
    if removing is not None:
        assert (await desk.sources.data_store(desk.scope, store.id)).deleting
        with pytest.raises(Conflict):
            await desk.sources.sync(desk.scope, store.id, SyncIn())
        await desk.runner.run(str(removing.id))
    with pytest.raises(NotFound):
        await desk.sources.data_store(desk.scope, store.id)
    assert len(await desk.documents()) == (4 if documents == "keep" else 1)


async def test_two_data_stores_name_things_alike_and_touch_nothing_of_each_other(desk: Desk) -> None:
    desk.write("a.md", "text")
    one, two = await desk.store("one"), await desk.store("two")
    assert counts(await desk.sync(one)) == counts(await desk.sync(two)) == {"added": 1}
    found, _ = await desk.library.documents(desk.scope, "docs")
    assert {document.source_id for document in found} == {one.id, two.id}
    await desk.sources.delete(desk.scope, two.id, documents=False)
    assert counts(await desk.sync(one)) == {"unchanged": 1}


async def test_what_cannot_be_a_data_store(desk: Desk, other_scope: OrgScope) -> None:
    with pytest.raises(NotFound, match="no collection"):
        await desk.store(collection="nobody")
    with pytest.raises(InvalidInput, match="does not lie below"):
        await desk.store(source={"kind": "folder", "path": "/etc"})
    with pytest.raises(InvalidInput, match="is not a cron expression"):
        await desk.store(cron="every day ok")
    store = await desk.store()
    with pytest.raises(Conflict, match="named 'handbook'"):
        await desk.store()
    for ask in (
        desk.sources.data_store(other_scope, store.id),
        desk.sources.sync(other_scope, store.id, SyncIn()),
        desk.sources.try_out(other_scope, store.id),
        desk.sources.delete(other_scope, store.id, documents=True),
    ):
        with pytest.raises(NotFound, match="no such data store"):
            await ask
    assert (await desk.sources.data_stores(other_scope)).items == []


async def test_a_source_is_tried_out_and_nothing_is_taken(desk: Desk) -> None:
    for number in range(12):
        desk.write(f"{number:02}.md", f"text {number}")
    store = await desk.store()
    tried = await desk.sources.try_out(desk.scope, store.id)
    assert (tried.ok, [item.ref for item in tried.items]) == (True, [f"{number:02}.md" for number in range(10)])
    assert await desk.documents() == {}
    desk.folder.rename(desk.folder.with_name("away"))
    failed = await desk.sources.try_out(desk.scope, store.id)
    assert (failed.ok, failed.items) == (False, [])
    assert "there is no folder" in (failed.reason or "")


async def test_another_source_is_looked_at_as_a_whole(desk: Desk) -> None:
    desk.write("a.md", "text")
    desk.write("b.txt", "text b")
    store = await desk.store(most_removed=60)
    await desk.sync(store)
    narrow = {"kind": "folder", "path": str(desk.folder), "include": ["*.md"]}
    changed = await desk.sources.change(desk.scope, store.id, DataStoreChange.model_validate({"source": narrow}))
    assert changed.source["include"] == ["*.md"]
    assert counts(await desk.sync(store)) == {"unchanged": 1, "removed": 1}


async def test_uploads_go_before_what_a_sync_brings(desk: Desk) -> None:
    desk.write("a.md", "text")
    await desk.sync(await desk.store())
    await desk.library.upload(desk.scope, "docs", "mine.md", b"somebody waits for this")
    async with desk.uow(desk.scope) as work:
        query = "SELECT d.name, j.priority FROM ingest_jobs j JOIN documents d ON d.id = j.document_id"
        found = {row.name: row.priority for row in await work.session.execute(text(query))}
    assert found["mine.md"] < found["a.md"]


async def test_a_sync_is_followed_with_its_counts_and_what_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        desk.write(f"{number}.txt", f"Number {number}.")
    store = await desk.store()
    begun = await desk.sources.sync(desk.scope, store.id, SyncIn())
    tail = await desk.sources.follow(desk.scope, store.id, begun.id, 0)
    seen = [*await tail.take()]
    upload = desk.library.upload

    async def watched(*given: Any) -> Any:
        seen.extend(await tail.take())
        return await upload(*given)

    monkeypatch.setattr(desk.library, "upload", watched)
    await desk.runner.run(str(begun.id))
    seen.extend(await tail.take())
    assert tail.ended
    assert await tail.take() == ()
    assert [each.event.type for each in seen] == ["sync.queued", *["sync.running"] * 5, "sync.done"]
    numbers = [each.seq for each in seen]
    assert numbers == sorted(set(numbers))
    assert [each.event.data["listed"] for each in seen] == [0, 0, 1, 2, 3, 4, 5]
    assert [each.event.data["total"] for each in seen] == [None, None, 5, 5, 5, 5, 5]
    assert [each.event.data["eta_seconds"] is None for each in seen] == [True, True, False, False, False, False, True]
    late = await desk.sources.follow(desk.scope, store.id, begun.id, numbers[-2])
    assert [each.event.type for each in await late.take()] == ["sync.done"]
    with pytest.raises(NotFound):
        await desk.sources.follow(desk.scope, store.id, store.id, 0)
    for each in (tail, late):
        each.close()
    await desk.sources._news.close()


async def test_what_the_pipelines_loader_does_not_take_is_named_with_the_reason(
    desk: Desk, tmp_path: Path, dispatched: list[tuple[str, str]]
) -> None:
    loader: dict[str, Any] = {"loader": {"formats": ["markdown"], "max_mb": 0.001}}
    pipeline = {"kind": "pipeline/v1", "name": "notes"} | loader
    collection = {"kind": "collection/v1", "name": "docs", "pipeline": "pipeline://notes"}
    knowledge = make_service(desk.uow, tmp_path / "data")
    async with desk.uow(desk.scope) as work:
        await publishing.put(work, [OtherSpec("pipeline/v1", "notes", "notes.yaml", pipeline, "notes")])
        await knowledge.put_collections(work, [OtherSpec("collection/v1", "docs", "docs.yaml", collection, "changed")])
    desk.write("a.md", "# A")
    desk.write("b.csv", "a;b")
    desk.write("c.md", "long " * 1000)
    await desk.sync(await desk.store())
    for job, id_ in dispatched:
        if job in (INGEST, EMBED):
            await knowledge.ingest(id_)
    found = {name: (one.status, one.reason or "") for name, one in (await desk.documents()).items()}
    assert found["a.md"] == ("ready", "")
    assert [found[name][0] for name in ("b.csv", "c.md")] == ["failed", "failed"]
    assert "the collection's pipeline takes no csv files" in found["b.csv"][1]
    assert "takes at most 0.001 MB" in found["c.md"][1]
