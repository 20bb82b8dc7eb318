"""A backup is a whole installation: written while others write, checked, and brought back so that all goes on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from tests.api.conftest import HELLO, SHELF, client_of, settings_for, upload
from tests.api.process import environment
from tests.conftest import make_scope
from tests.services.secrets.conftest import THERE

from girih.api.app import create_app
from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import downgrade, upgrade
from girih.db.revisions import head
from girih.db.unit_of_work import UnitOfWork
from girih.embedded.postgres import PostgresServer, start_postgres
from girih.errors import Conflict, InvalidInput, Unavailable
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge.lanes import LANES
from girih.wiring.backup import PLACES, back_up, check, restore
from girih.wiring.server import Girih, open_girih

TEXT = b"# Returns\n\nGoods may be returned within ninety days.\n"
SECRET = "a-value-that-nobody-guesses"


@dataclass
class Installation:
    """A folder with an embedded server, and what was made in it."""

    folder: Path
    server: PostgresServer
    key: str = ""
    document: str = ""
    run: str = ""

    @property
    def admin_url(self) -> str:
        return self.server.admin_url.removesuffix("/postgres") + "/girih"


def girih(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    given = environment("", folder, **more) | {"GIRIH_DATABASE_URL": more.get("GIRIH_DATABASE_URL", "")}
    return subprocess.run(
        [sys.executable, "-m", "girih.cli", *arguments],
        env=given,
        cwd=folder.parent,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


@asynccontextmanager
async def api(installation: Installation) -> AsyncIterator[tuple[Girih, httpx.AsyncClient]]:
    async with open_girih(settings_for(installation.server.app_url, installation.folder)) as girih:
        app = create_app(girih)
        async with app.router.lifespan_context(app):
            yield girih, client_of(app, installation.key)


@asynccontextmanager
async def work_on(url: str) -> AsyncIterator[UnitOfWork]:
    engine = make_engine(url, pool_size=2)
    yield UnitOfWork(make_sessions(engine), lambda *_: None)
    await engine.dispose()


async def fill(installation: Installation) -> None:
    """Some of everything: agents, a run with its events, a document with its passages, a secret, an audit log."""
    async with work_on(installation.server.app_url) as uow:
        scope = await make_scope(uow)
    async with api(installation) as (opened, _):
        installation.key = (await opened.identity.create_key(scope, "test", scope.permissions)).key
    async with api(installation) as (opened, client):
        files = {"hello.yaml": HELLO, "collections/shelf.yaml": SHELF}
        assert (await client.post("/v1/workspace/apply", json={"files": files})).is_success
        assert (
            await client.put("/v1/secrets/crm.key", json={"value": SECRET, "hosts": ["api.example.com"]})
        ).is_success
        made = await client.post("/v1/collections/shelf/documents", files=upload(TEXT, "returns.md"))
        assert made.is_success, made.text
        installation.document = made.json()["id"]
        for lane in LANES:
            while (held := await opened.knowledge.ingestion.next(lane)) is not None:
                await opened.knowledge.ingestion.work(held)
        ran = await client.post("/v1/runs/wait", json={"agent": "hello", "inputs": {"question": "x"}})
        assert ran.is_success, ran.text
        installation.run = ran.json()["id"]


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder outside of pytest's own, which is private: a server started by root runs as somebody else."""
    with tempfile.TemporaryDirectory(prefix="girih-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.fixture
def apart() -> Iterator[Path]:
    """The same for one test."""
    with open_folder() as made:
        yield made


def installed(folder: Path) -> Iterator[Installation]:
    folder.mkdir()
    server = start_postgres(folder / "postgres", durable=False)
    try:
        yield Installation(folder, server)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def empty(folder: Path) -> Iterator[Installation]:
    yield from installed(folder / "empty")


@pytest.fixture(scope="module")
def spare(folder: Path) -> Iterator[Installation]:
    """One that stays empty."""
    yield from installed(folder / "spare")


@pytest.fixture(scope="module")
async def original(folder: Path) -> AsyncIterator[Installation]:
    for made in installed(folder / "original"):
        await upgrade(made.server.owner_url)
        await fill(made)
        yield made


@pytest.fixture(scope="module")
def backup(original: Installation, folder: Path) -> Path:
    """What `girih backup write` wrote, by the data folder alone."""
    file = folder / "monday.girih-backup"
    done = girih("backup", "write", str(file), folder=original.folder)
    assert done.returncode == 0, done.stderr
    assert "master keys and settings are not in it" in done.stderr
    return file


_DIGEST = "md5(string_agg(md5(t::text), '' ORDER BY md5(t::text)))"


async def contents(url: str) -> dict[str, tuple[int, str]]:
    """Of every table the number of rows and a digest of all that stands in them; of sequences where they are."""
    engine = make_engine(url, role=None, pool_size=1)
    found = {}
    async with engine.connect() as connection:
        tables = await connection.execute(
            text(
                "SELECT format('%I.%I', n.nspname, c.relname), c.relkind = 'S' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                "WHERE n.nspname IN ('public', 'shelves') AND c.relkind IN ('r', 'p', 'S')"
            )
        )
        for table, is_sequence in tables.all():
            what = "max(last_value::text || is_called)" if is_sequence else _DIGEST
            asked = f"SELECT count(*), {what} FROM {table} t"
            row = (await connection.execute(text(asked))).one()
            found[table] = (row[0], row[1])
    await engine.dispose()
    return found


async def files(folder: Path) -> dict[str, bytes | None]:
    storage = LocalStorage(folder)
    keys = [key for place in PLACES async for key in storage.keys(place)]
    return {key: await storage.get_bytes(key) for key in keys}


async def test_all_of_it_comes_back_and_goes_on(original: Installation, empty: Installation, backup: Path) -> None:
    done = girih("backup", "restore", str(backup), folder=empty.folder)
    assert done.returncode == 0, done.stderr
    before, after = await contents(original.admin_url), await contents(empty.admin_url)
    assert before == after
    assert len(before) > 60
    assert sum(rows > 0 for rows, _ in before.values()) > 20, "there is something to compare"
    assert await files(original.folder) == await files(empty.folder) != {}
    found = Installation(empty.folder, empty.server, original.key, original.document, original.run)
    async with api(found) as (opened, client):
        ran = await client.post("/v1/runs/wait", json={"agent": "hello", "inputs": {"question": "y"}})
        assert ran.json()["status"] == "succeeded", ran.text
        assert (await client.get(f"/v1/runs/{found.run}")).json()["status"] == "succeeded"
        assert (await client.get(f"/v1/documents/{found.document}/content")).content == TEXT
        hits = await client.post("/v1/collections/shelf/search", json={"query": "returned within ninety days"})
        assert "ninety days" in hits.text
        assert (await client.get("/v1/audit/verify")).json()["holds"]
        scope = await opened.identity.authenticate(found.key)
        assert await opened.secrets.value(scope, "crm.key", THERE) == SECRET


async def test_what_others_write_meanwhile_is_in_it_whole_or_not_at_all(original: Installation, folder: Path) -> None:
    """Each of these transactions makes an organization and its project; a copy holds as many of the one as of the other."""
    file, stop = folder / "busy.girih-backup", asyncio.Event()
    async with work_on(original.server.app_url) as uow:

        async def write() -> int:
            count = 0
            while not stop.is_set():
                await make_scope(uow)
                count += 1
            return count

        writing = asyncio.create_task(write())
        await back_up(
            settings_for(original.server.app_url, original.folder, backup_database_url=original.admin_url), file
        )
        stop.set()
        assert await writing > 0
    for other in installed(folder / "busy"):
        url = other.server.owner_url
        await restore(settings_for(other.server.app_url, other.folder, migration_database_url=url), file)
        found = await contents(other.admin_url)
        assert found["public.organizations"][0] == found["public.projects"][0] > 0


async def test_what_is_not_empty_is_never_written_over(original: Installation, backup: Path) -> None:
    before = await contents(original.admin_url)
    done = girih("backup", "restore", str(backup), folder=original.folder)
    assert done.returncode == 5, done.stderr
    assert "not empty" in done.stderr
    assert await contents(original.admin_url) == before
    done = girih("backup", "write", str(backup), folder=original.folder)
    assert done.returncode == 5, done.stderr
    assert "already" in done.stderr


async def test_a_login_that_sees_a_part_makes_no_backup(original: Installation, tmp_path: Path) -> None:
    given = settings_for(original.server.app_url, original.folder, migration_database_url=original.server.owner_url)
    with pytest.raises(Unavailable, match="row-level security") as refused:
        await back_up(given, tmp_path / "part")
    assert "BYPASSRLS" in str(refused.value.help)
    assert list(tmp_path.iterdir()) == []


def changed(backup: Path, target: Path, **manifest: Any) -> Path:
    """The same backup with another manifest."""
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, json.dumps(json.loads(data) | manifest) if name == "manifest.json" else data)
    return target


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({"revision": "9999"}, "revision 9999"),
        ({"revision": "nonsense"}, "revision nonsense"),
        ({"postgres": 99}, "PostgreSQL 99"),
        ({"kind": "girih.backup/v2"}, "no backup that this version of girih knows"),
        ({"surplus": 1}, "no backup that this version of girih knows"),
        ({"entries": []}, "does not hold what its manifest lists"),
        ({"entries": [{"name": "files/blobs/../../x", "bytes": 1, "sha256": ""}]}, "no place in storage"),
        ({"entries": [{"name": "files/postgres/x", "bytes": 1, "sha256": ""}]}, "no place in storage"),
    ],
    ids=lambda given: str(given)[:40],
)
async def test_what_does_not_fit_is_refused_in_words(
    backup: Path, spare: Installation, tmp_path: Path, manifest: dict[str, Any], words: str
) -> None:
    given = settings_for(spare.server.app_url, spare.folder, migration_database_url=spare.server.owner_url)
    with pytest.raises(InvalidInput, match=words):
        await restore(given, changed(backup, tmp_path / "changed", **manifest))
    assert await contents(spare.admin_url) == {} == await files(spare.folder)


async def test_damage_is_found_before_anything_is_changed(backup: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    with zipfile.ZipFile(backup) as archive:
        places = {name: archive.getinfo(name).header_offset + 200 for name in archive.namelist()}
    damaged = tmp_path / "damaged"
    for place in (places["database.dump"], next(at for name, at in places.items() if name.startswith("files/"))):
        data = bytearray(whole)
        data[place] ^= 1
        damaged.write_bytes(data)
        with pytest.raises(InvalidInput, match="damaged|whole|no backup"):
            await check(damaged)
    damaged.write_bytes(whole[:-100])
    with pytest.raises(InvalidInput, match="no backup"):
        await check(damaged)
    assert (await check(backup)).revision == head()
    assert girih("backup", "check", str(backup), folder=tmp_path / "x").returncode == 0
    assert backup.stat().st_mode & 0o077 == 0 or os.name == "nt"


async def test_an_older_backup_is_migrated(apart: Path, tmp_path: Path) -> None:
    for old in installed(apart / "old"):
        await upgrade(old.server.owner_url)
        await downgrade(old.server.owner_url, "0041")
        given = settings_for("", old.folder, backup_database_url=old.admin_url)
        assert (await back_up(given, tmp_path / "old.girih-backup")).revision == "0041"
    for other in installed(apart / "new"):
        given = settings_for("", other.folder, migration_database_url=other.server.owner_url)
        await restore(given, tmp_path / "old.girih-backup")
        assert (await contents(other.admin_url))["public.alembic_version"][0] == 1
        async with open_girih(settings_for(other.server.app_url, other.folder)) as opened:
            assert (await opened.readiness()).migrations == "ok"


async def test_nothing_there_is_no_backup(spare: Installation, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no database"):
        await back_up(settings_for("", tmp_path), tmp_path / "nothing")
    with pytest.raises(Conflict, match="never been migrated"):
        await back_up(settings_for(spare.server.owner_url, tmp_path), tmp_path / "nothing")
