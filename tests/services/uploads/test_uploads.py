"""Uploads in pieces: what stays after an interruption, who wins of two, and what is left when time is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, NotFound, TooLarge
from girih.language.compiler.workspace import OtherSpec
from girih.providers.embeddings.ladder import Embedders
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.document_schemas import Given
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.service import KnowledgeService
from girih.services.uploads import pieces, service
from girih.services.uploads.service import UploadService


def make(uow: UnitOfWork, folder: Path, **options: timedelta) -> UploadService:
    storage = LocalStorage(folder)
    return UploadService(uow, storage, DocumentService(uow, storage, folder), **options)  # type: ignore[arg-type]


@pytest.fixture
async def uploads(uow: UnitOfWork, scope: OrgScope, tmp_path: Path) -> UploadService:
    knowledge = KnowledgeService(uow, tmp_path, Embedders("hashing"))
    async with uow(scope) as work:
        spec = OtherSpec("collection/v1", "docs", "docs.yaml", {"kind": "collection/v1", "name": "docs"}, "1")
        await knowledge.put_collections(work, [spec])
    return make(uow, tmp_path)


async def these(*given: bytes, fault: Exception | None = None) -> AsyncIterator[bytes]:
    for each in given:
        yield each
    if fault is not None:
        raise fault


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_came_before_the_caller_went_away_stays(
    uploads: UploadService, uow: UnitOfWork, scope: OrgScope, tmp_path: Path
) -> None:
    upload = await uploads.create(scope, "docs", Given("a.txt"), 10)
    with pytest.raises(ConnectionError):
        await uploads.append(scope, upload.id, 0, these(b"four ", b"le", fault=ConnectionError()), None)
    assert (await make(uow, tmp_path).upload(scope, upload.id)).received == 7
    done = await make(uow, tmp_path).append(scope, upload.id, 7, these(b"gs."), None)
    assert done.document_id is not None
    assert [path.read_bytes() for path in files(tmp_path)] == [b"four legs."]


async def test_with_a_checksum_nothing_of_a_broken_piece_stays(
    uploads: UploadService, scope: OrgScope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGEST", 2)
    upload = await uploads.create(scope, "docs", Given("a.txt"), 10)
    with pytest.raises(ConnectionError):
        broken = these(b"four ", fault=ConnectionError())
        await uploads.append(scope, upload.id, 0, broken, ("md5", b"whatever it is"))
    assert (await uploads.upload(scope, upload.id)).received == 0
    assert files(tmp_path) == []


async def test_large_pieces_pass_in_small_ones(
    uploads: UploadService, scope: OrgScope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGEST", 3)
    upload = await uploads.create(scope, "docs", Given("a.txt"), 10)
    await uploads.append(scope, upload.id, 0, these(b"four legs"), None)
    assert sorted(path.stat().st_size for path in files(tmp_path)) == [3, 3, 3]
    await uploads.append(scope, upload.id, 9, these(b"."), None)
    assert [path.read_bytes() for path in files(tmp_path)] == [b"four legs."]


async def test_of_two_at_the_same_place_one_wins(uploads: UploadService, scope: OrgScope, tmp_path: Path) -> None:
    upload = await uploads.create(scope, "docs", Given("a.txt"), 4)
    ended = await asyncio.gather(
        *(uploads.append(scope, upload.id, 0, these(b"%d%d" % (n, n)), None) for n in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(end, Conflict) for end in ended) == 4
    assert len(files(tmp_path)) == 1
    assert (await uploads.upload(scope, upload.id)).received == 2


async def test_what_is_refused_at_the_end_says_why_and_leaves_nothing(
    uploads: UploadService, scope: OrgScope, tmp_path: Path, uow: UnitOfWork
) -> None:
    upload = await uploads.create(scope, "docs", Given("a.txt"), 4)
    await CollectionService(uow, LocalStorage(tmp_path)).delete(scope, "docs")
    with pytest.raises(NotFound):
        await uploads.append(scope, upload.id, 0, these(b"four"), None)
    assert files(tmp_path) == []


async def test_pieces_are_bounded_in_number(
    uploads: UploadService, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_PIECES", 2)
    upload = await uploads.create(scope, "docs", Given("a.txt"), 4)
    for at in range(2):
        await uploads.append(scope, upload.id, at, these(b"x"), None)
    with pytest.raises(TooLarge, match="2 pieces at most"):
        await uploads.append(scope, upload.id, 2, these(b"x"), None)


async def test_time_that_is_over_ends_an_upload_and_its_pieces(
    uploads: UploadService, uow: UnitOfWork, scope: OrgScope, tmp_path: Path
) -> None:
    kept = await uploads.create(scope, "docs", Given("kept.txt"), 4)
    hasty = make(uow, tmp_path, keep_for=timedelta(seconds=0.3))
    upload = await hasty.create(scope, "docs", Given("a.txt"), 4)
    await hasty.append(scope, upload.id, 0, these(b"fo"), None)
    await asyncio.sleep(0.4)
    with pytest.raises(NotFound):
        await hasty.append(scope, upload.id, 2, these(b"ur"), None)
    assert await uploads.expire() >= 1
    assert files(tmp_path) == []
    assert (await uploads.upload(scope, kept.id)).received == 0
