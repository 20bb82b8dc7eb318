"""Backups of a whole installation: its database at one moment, and the files of documents, wherever both lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from girih.db import dumps
from girih.db.migrations import upgrade
from girih.db.revisions import head, known
from girih.embedded.binaries import postgres_program
from girih.embedded.postgres import start_postgres
from girih.errors import Conflict, InvalidInput, NotFound, Unavailable
from girih.providers.backups.archive import DATABASE, FILES, Manifest, Reader, Writer, reading, writing
from girih.providers.storage.base import Storage
from girih.settings import Settings
from girih.wiring.knowledge import make_storage

PLACES = ("blobs/", "artefacts/", "uploads/")
"""Where in storage files lie. What else is in a data folder belongs to the machine."""
_LOGIN = (
    "let a superuser run: CREATE ROLE girih_backup LOGIN BYPASSRLS PASSWORD '…' IN ROLE pg_read_all_data; "
    "and set GIRIH_BACKUP_DATABASE_URL to that login"
)


async def back_up(settings: Settings, target: Path) -> Manifest:
    """Write a backup to a new file, while everything goes on. Raises `Conflict`, `Unavailable`."""
    storage, program = make_storage(settings), postgres_program("pg_dump")
    with database(settings, to_read=True) as url:
        found = await dumps.look(url)
        _require_whole(found)
        async with writing(target) as archive:
            # A file is there before a row names it and gone after it: those of the dump are in one pass or the other.
            await _keep_files(archive, storage)
            await archive.add(DATABASE, dumps.dump(program, url))
            await _keep_files(archive, storage)
            manifest = Manifest(
                made_at=datetime.now(UTC),
                girih=version("girih"),
                revision=found.revision or "",
                postgres=found.server,
                vector=found.vector or "",
                entries=archive.entries,
            )
            archive.close(manifest)
    return manifest


async def check(source: Path) -> Manifest:
    """Read a backup to its end. Raises `InvalidInput` for a damaged one."""
    with reading(source) as archive:
        await archive.check()
        return archive.manifest


async def restore(settings: Settings, source: Path) -> Manifest:
    """Bring a backup back into an empty database, which is migrated if it is of an older release.

    Nothing is changed before the whole archive was read and found to be as it was written. Raises `InvalidInput` for
    one that does not fit, `Conflict` for a database that is not empty.
    """
    program, storage = postgres_program("pg_restore"), make_storage(settings)
    with reading(source) as archive:
        _require_known(archive.manifest)
        with database(settings, to_read=False) as url:
            _require_room(await dumps.look(url), archive.manifest)
            await archive.check()
            await _bring_files(archive, storage)
            await dumps.make_room(url)
            with TemporaryDirectory(prefix="girih-") as folder:
                copies = archive.read(DATABASE), archive.read(DATABASE)
                await dumps.fill(program, url, *copies, Path(folder) / "contents")
            await upgrade(url)
        return archive.manifest


@contextmanager
def database(settings: Settings, *, to_read: bool) -> Iterator[str]:
    """The login that may see everything, or own everything: the one that is set, else that of an embedded server."""
    given = settings.migration_database_url or settings.database_url
    given = (settings.backup_database_url or given) if to_read else given
    if given:
        yield given
        return
    folder = settings.data_dir / "postgres"
    if to_read and not folder.exists():
        raise Unavailable(
            f"there is no database in {settings.data_dir}",
            help="set GIRIH_BACKUP_DATABASE_URL, or name the folder of `girih dev` with --data-dir",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    server = start_postgres(folder)
    try:
        yield server.admin_url.removesuffix("/postgres") + "/girih" if to_read else server.owner_url
    finally:
        server.stop()


async def _keep_files(archive: Writer, storage: Storage) -> None:
    kept = {entry.name for entry in archive.entries}
    for place in PLACES:
        async for key in storage.keys(place):
            name = FILES + key
            # One that is gone since it was listed is no longer named by any row.
            if name not in kept and await storage.size(key) is not None:
                await archive.add(name, _whole(storage, key))


async def _whole(storage: Storage, key: str) -> AsyncIterator[bytes]:
    try:
        async for piece in storage.read(key):
            yield piece
    except NotFound:
        return


async def _bring_files(archive: Reader, storage: Storage) -> None:
    with TemporaryDirectory(prefix="girih-") as folder:
        path = Path(folder) / "file"
        for entry in archive.manifest.files:
            if not entry.bytes:
                continue  # it went while it was copied: girih keeps no file without content
            with path.open("wb") as file:
                async for piece in archive.read(entry.name):
                    await asyncio.to_thread(file.write, piece)
            await storage.put(_key(entry.name), path)


def _key(name: str) -> str:
    key = name.removeprefix(FILES)
    if not key.startswith(PLACES) or any(part in ("", ".", "..") for part in key.split("/")):
        raise InvalidInput(f"'{name}' in the archive has no place in storage", help="take another backup")
    return key


def _require_whole(found: dumps.Found) -> None:
    if found.revision is None:
        raise Conflict("the database has never been migrated: there is nothing to back up")
    if not found.sees_all:
        raise Unavailable(
            f"the login '{found.login}' sees only what row-level security lets it, so a backup would lack the rest",
            help=_LOGIN,
        )


def _require_known(manifest: Manifest) -> None:
    if manifest.revision not in known():
        raise InvalidInput(
            f"the backup is of revision {manifest.revision} (girih {manifest.girih}), and this release knows those up "
            f"to {head()}",
            help="restore it with the release that made it, or a newer one",
        )
    for entry in manifest.files:
        _key(entry.name)


def _require_room(found: dumps.Found, manifest: Manifest) -> None:
    if not found.is_empty:
        raise Conflict(
            "the database is not empty, and what is in it is never written over",
            help="restore into a new one: CREATE DATABASE, then set GIRIH_MIGRATION_DATABASE_URL to its owner's login",
        )
    if found.server < manifest.postgres:
        raise InvalidInput(
            f"the backup was made from PostgreSQL {manifest.postgres}, and this server is PostgreSQL {found.server}",
            help="restore it into the same version or a newer one",
        )
