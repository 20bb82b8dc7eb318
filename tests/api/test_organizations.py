"""Organizations as wholes: halted, taken back, exported, and removed so that nothing of them is left anywhere."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.api.conftest import WORKSPACE, Client, client_of, is_problem, settings_for
from tests.api.test_matrix import things
from tests.conftest import fresh_database, make_scope
from tests.services.identity.people import PASSWORD

from girih.api.app import create_app
from girih.api.credentials import Credential, Held
from girih.cli.organization_operation import operate
from girih.db.base import new_id
from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, Forbidden, NotFound
from girih.providers.storage.local import LocalStorage
from girih.services.identity.callers import Callers
from girih.services.identity.schemas import PERMISSIONS
from girih.services.knowledge.lanes import LANES
from girih.services.organizations import inventory_repository as inventory
from girih.services.organizations.purging import Purger
from girih.services.organizations.service import OrganizationService
from girih.services.runs import repository as runs
from girih.wiring.server import Girih, open_girih

_TABLES = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'shelves') AND c.relkind = 'r' AND EXISTS (
  SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped) ORDER BY 1
"""


@dataclass
class Installation:
    """A server of its own, and its database as its owner sees it."""

    girih: Girih
    app: FastAPI
    uow: UnitOfWork
    folder: Path
    owner_url: str
    app_url: str

    async def organization(self, *, full: bool = False) -> tuple[OrgScope, Client]:
        """One with an agent, or with something in every place, and the client of a key that may do everything."""
        scope = await make_scope(self.uow)
        client = client_of(self.app, (await self.girih.identity.create_key(scope, "test", PERMISSIONS)).key)
        assert (await client.post("/v1/workspace/apply", json={"files": WORKSPACE})).is_success
        if full:
            await things(client, self.work)
        return scope, client

    async def work(self) -> None:
        for lane in LANES:
            while (held := await self.girih.knowledge.ingestion.next(lane)) is not None:
                await self.girih.knowledge.ingestion.work(held)

    async def standing(self, org_id: UUID) -> dict[str, tuple[int, str]]:
        """Rows of the organization and their digest, by table, of every table in the catalog."""
        engine = make_engine(self.owner_url, role=None, pool_size=1)
        found: dict[str, tuple[int, str]] = {}
        async with engine.begin() as connection:
            await connection.execute(text("SELECT set_config('app.org_id', :org, true)"), {"org": str(org_id)})
            for name in await connection.scalars(text(_TABLES)):
                query = f"SELECT count(*), coalesce(md5(string_agg(whole::text, ' ' ORDER BY whole::text)), '') FROM {name} whole"
                row = (await connection.execute(text(f"{query} WHERE org_id = :org"), {"org": org_id})).one()
                found[name] = (row[0], row[1])
        await engine.dispose()
        return found

    def files(self, org_id: UUID) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file() and str(org_id) in str(path)]

    def ending(self) -> OrganizationService:
        """Deletes without a time in which that could be taken back."""
        people = self.girih.people
        return OrganizationService(self.uow, people.accounts, Callers(self.uow), window=timedelta(0))

    def purger(self, **more: Any) -> Purger:
        return Purger(self.uow, LocalStorage(self.folder), settled=timedelta(0), **more)

    async def end(self, scope: OrgScope) -> None:
        await self.ending().delete(scope, f"org-{scope.org_id}")


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    folder = tmp_path_factory.mktemp("organizations")
    async with fresh_database() as database:
        await upgrade(database.owner)
        engine = make_engine(database.app)
        async with open_girih(settings_for(database.app, folder, public_url="https://girih.test")) as girih:
            app = create_app(girih)
            async with app.router.lifespan_context(app):
                uow = UnitOfWork(make_sessions(engine), lambda *_: None)
                yield Installation(girih, app, uow, folder, database.owner, database.app)
        await engine.dispose()


async def no_longer(client: Client) -> httpx.Response:
    """The first refusal: for up to five seconds a process goes by what it knew of a caller."""
    async with asyncio.timeout(8):
        while (answer := await client.get("/v1/agents")).is_success:
            await asyncio.sleep(0.1)
    return answer


async def test_everything_goes_and_nothing_of_others(place: Installation) -> None:
    (mine, client), (others, _) = await place.organization(full=True), await place.organization(full=True)
    await place.girih.organizations.exports.round()
    # What waits does not move while it is counted.
    await place.girih.organizations.organizations.operate(f"org-{others.org_id}", suspended=True)
    before, kept = await place.standing(mine.org_id), await place.standing(others.org_id)
    filled = {name for name, (rows, _) in before.items() if rows}
    assert len(filled) >= 40 and place.files(mine.org_id)
    files = {path: path.read_bytes() for path in place.files(others.org_id)}
    await place.end(mine)
    purged = await place.purger().purge(mine.org_id)
    assert purged is not None and set(purged.rows) >= {name.rpartition(".")[2] for name in filled}
    assert {name: rows for name, (rows, _) in (await place.standing(mine.org_id)).items() if rows} == {}
    assert place.files(mine.org_id) == []
    after = await place.standing(others.org_id)
    under_way = {"public.webhook_deliveries"}
    assert {name for name in kept if kept[name] != after[name]} <= under_way
    assert {name: rows for name, (rows, _) in kept.items()} == {name: rows for name, (rows, _) in after.items()}
    assert {path: path.read_bytes() for path in place.files(others.org_id)} == files
    is_problem(await no_longer(client), 401, "unauthorized")
    async with place.uow(mine) as work:
        row = (await work.session.execute(text("SELECT * FROM organizations"))).mappings().one()
    assert (row["id"], row["name"]) == (mine.org_id, f"deleted\n{mine.org_id}")
    assert row["deleted_at"] is not None
    with pytest.raises(Conflict):
        await place.purger().purge(mine.org_id)


@pytest.mark.parametrize("moment", [1, 25, 45])
async def test_a_removal_that_was_interrupted_is_gone_on_with(
    place: Installation, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    mine, _ = await place.organization()
    await place.end(mine)
    remove, done = inventory.remove, 0

    async def until(*given: Any) -> int | None:
        nonlocal done
        done += 1
        if done > moment:
            raise KeyboardInterrupt
        return await remove(*given)

    with monkeypatch.context() as patch:
        patch.setattr(inventory, "remove", until)
        with pytest.raises(KeyboardInterrupt):
            await place.purger(rows_at_once=3).purge(mine.org_id)
    assert any(rows for rows, _ in (await place.standing(mine.org_id)).values())
    with pytest.raises(Conflict, match="over"):
        await place.girih.organizations.organizations.operate(f"org-{mine.org_id}")
    assert await place.purger(rows_at_once=3).purge_due() >= 1
    assert not any(rows for rows, _ in (await place.standing(mine.org_id)).values())


async def test_nothing_that_never_changes_goes_before_the_end(place: Installation) -> None:
    mine, _ = await place.organization()
    attempts = (
        "DELETE FROM audit_entries",
        "DELETE FROM organizations",
        "UPDATE organizations SET purging_at = now()",
        "UPDATE organizations SET deleted_at = now()",
        "SELECT purge_rows('public', 'audit_entries', 10)",
        "DELETE FROM agent_versions",
    )
    for attempt in attempts:
        with pytest.raises(DBAPIError, match=r"permission denied|nothing of this|never change"):
            async with place.uow(mine) as work:
                await work.session.execute(text(attempt))
    with pytest.raises(Conflict, match="not to be removed"):
        await place.purger().purge(mine.org_id)
    await place.end(mine)
    async with place.uow(mine) as work:
        assert await inventory.begin(work)
    for attempt in ("UPDATE organizations SET deletes_at = NULL", "UPDATE organizations SET suspended_at = now()"):
        with pytest.raises(DBAPIError, match="being removed"):
            async with place.uow(mine) as work:
                await work.session.execute(text(attempt))
    for schema, table in (("public", "accounts"), ("public", "organizations"), ("pg_catalog", "pg_class")):
        with pytest.raises(DBAPIError, match="nothing of this"):
            async with place.uow(mine) as work:
                await work.session.execute(text(f"SELECT purge_rows('{schema}', '{table}', 10)"))
    await place.purger().purge(mine.org_id)


async def person(place: Installation, client: Client, role: str) -> Client:
    """Somebody new in the organization."""
    invited = await client.post("/v1/invitations", json={"email": f"{new_id()}@example.com", "role": role})
    body = {"token": invited.json()["token"], "name": "Ann", "password": PASSWORD}
    made = await client_of(place.app, None).post("/v1/auth/accept", json=body)
    return client_of(place.app, made.json()["access_token"])


async def test_a_deletion_closes_every_door_until_it_is_taken_back(place: Installation) -> None:
    _, client = await place.organization()
    owner, viewer = await person(place, client, "owner"), await person(place, client, "viewer")
    name = (await client.get("/v1/organization")).json()["name"]
    is_problem(await owner.delete("/v1/organization", params={"name": "something"}), 422, "invalid_input")
    is_problem(await viewer.delete("/v1/organization", params={"name": name}), 403, "forbidden")
    said = await owner.delete("/v1/organization", params={"name": name})
    assert said.status_code == 202 and said.json()["deletes_at"] > said.json()["created_at"]
    for caller in (client, owner, viewer):
        refused = is_problem(await caller.get("/v1/agents"), 403, "forbidden")
        assert refused["detail"] == "the organization is being deleted"
    assert (await owner.get("/v1/account")).json()["places"][0]["deletes_at"] == said.json()["deletes_at"]
    assert await place.purger().purge_due() == 0
    is_problem(await viewer.post("/v1/account/organizations/restore", json={}), 403, "forbidden")
    stranger = await place.organization()
    other = await person(place, stranger[1], "owner")
    is_problem(await other.post("/v1/account/organizations/restore", json={"organization": name}), 404, "not_found")
    assert (await owner.post("/v1/account/organizations/restore", json={})).json()["deletes_at"] is None
    for caller in (client, owner, viewer):
        assert (await caller.get("/v1/agents")).is_success


async def test_a_suspended_organization_waits_and_goes_on_whole(place: Installation) -> None:
    mine, client = await place.organization()
    night = {"name": "nightly", "cron": "0 3 1 1 *", "run": {"agent": "hello", "inputs": {"question": "x"}}}
    assert (await client.post("/v1/schedules", json=night)).is_success
    before = await place.standing(mine.org_id)
    made = await client.post("/v1/runs", json={"agent": "hello", "inputs": {"question": "x"}, "background": True})
    assert made.is_success, made.text
    names = f"org-{mine.org_id}"
    shown = client.headers["authorization"].removeprefix("Bearer ")
    credential = Credential(shown, None, None, None)
    stream = Held(credential, await credential.speaks_for(place.girih))
    assert await stream.still_holds(place.girih)
    await place.girih.organizations.organizations.operate(names, suspended=True)
    with pytest.raises(Forbidden, match="suspended"):
        await stream.still_holds(place.girih)
    assert is_problem(await client.get("/v1/agents"), 403, "forbidden")["detail"] == "the organization is suspended"
    async with place.uow.reading_for("reconcile") as work:
        assert mine.org_id not in {due.scope.org_id for due in await runs.due_runs(work, limit=1000)}
        seen = await work.session.scalars(text("SELECT DISTINCT org_id FROM schedules"))
        assert mine.org_id not in set(seen)
        for table in ("ingest_jobs", "data_stores", "syncs", "webhook_deliveries", "threads", "run_pauses"):
            found = await work.session.scalars(text(f"SELECT DISTINCT org_id FROM {table}"))
            assert mine.org_id not in set(found), table
    await place.girih.organizations.organizations.operate(names, suspended=False)
    assert (await client.get("/v1/agents")).is_success
    async with place.uow.reading_for("reconcile") as work:
        assert mine.org_id in set(await work.session.scalars(text("SELECT DISTINCT org_id FROM schedules")))
    after = await place.standing(mine.org_id)
    assert {name for name in before if after[name][0] < before[name][0]} <= {"public.ingest_jobs"}
    with pytest.raises(NotFound):
        await place.girih.organizations.organizations.operate("nobody has this name", suspended=True)


async def test_operators_suspend_and_restore_on_the_database_itself(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, client = await place.organization()
    monkeypatch.setenv("GIRIH_DATABASE_URL", place.app_url)
    name = f"org-{mine.org_id}"
    said = await asyncio.to_thread(operate, "suspend", name)
    assert said.startswith(f"{name} is suspended")
    await asyncio.to_thread(operate, "resume", name)
    await client.delete("/v1/organization", params={"name": name})
    is_problem(await client.get("/v1/agents"), 403, "forbidden")
    await asyncio.to_thread(operate, "restore", name)
    place.girih.organizations.callers.forget(mine.org_id)  # as after five seconds
    assert (await client.get("/v1/agents")).is_success
    with pytest.raises(Conflict, match="not being deleted"):
        await asyncio.to_thread(operate, "restore", name)
    entries = (await client.get("/v1/audit", params={"actor": "operator"})).json()["items"]
    assert [entry["action"] for entry in entries] == [
        "organization.kept", "organization.resumed", "organization.suspended",
    ]  # fmt: skip


async def archive_of(place: Installation, client: Client) -> tuple[zipfile.ZipFile, bytes, str]:
    """An export as its owner fetches it."""
    asked = await client.post("/v1/organization/export")
    if asked.status_code == 409:  # `things` has asked for one
        asked = await client.get("/v1/organization/exports")
        export = asked.json()["items"][0]["id"]
    else:
        export = asked.json()["id"]
    await place.girih.organizations.exports.round()
    known = (await client.get(f"/v1/organization/exports/{export}")).json()
    assert known["status"] == "ready", known
    answer = await client.get(f"/v1/organization/exports/{export}/content")
    assert (len(answer.content), hashlib.sha256(answer.content).hexdigest()) == (known["size"], known["sha256"])
    return zipfile.ZipFile(io.BytesIO(answer.content)), answer.content, export


async def test_an_export_holds_every_row_and_file_and_no_secret(place: Installation) -> None:
    mine, client = await place.organization(full=True)
    key = (await client.post("/v1/keys", json={"name": "canary", "permissions": ["agents:read"]})).json()["key"]
    assert (await client.put("/v1/secrets/canary", json={"value": "canary-7f31e5b2"})).is_success
    signing = (await client.get("/v1/webhooks/secret")).text
    rows = await place.standing(mine.org_id)
    archive, _, export = await archive_of(place, client)
    manifest = json.loads(archive.read("manifest.json"))
    counted: dict[str, int] = {}
    for name, (count, _) in rows.items():
        counted[name.rpartition(".")[2]] = count
    changing = {"audit_entries", "organization_exports", "api_keys"}
    for name, table in manifest["tables"].items():
        data = archive.read(f"tables/{name}.ndjson")
        lines = [json.loads(line) for line in data.splitlines()]
        assert (len(lines), hashlib.sha256(data).hexdigest()) == (table["rows"], table["sha256"])
        assert not any(set(line) & set(table["left_out"]) for line in lines)
        assert all(line["org_id"] == str(mine.org_id) for line in lines if "org_id" in line)
        if name in counted and name not in changing:
            assert len(lines) == counted[name], name
    assert manifest["tables"]["secrets"]["left_out"] == ["value"]
    assert manifest["tables"]["api_keys"]["left_out"] == ["hash"]
    listed = [json.loads(line) for line in archive.read("files.ndjson").splitlines()]
    assert len(listed) == manifest["files"]["count"] >= 1
    for one in listed:
        assert hashlib.sha256(archive.read(one["file"])).hexdigest() == one["sha256"]
    whole = b"".join(archive.read(name) for name in archive.namelist())
    for secret in (b"canary-7f31e5b2", key.encode(), b"sealed:1:", key[-40:].encode()):
        assert secret not in whole
    assert "whsec" not in signing or json.loads(signing)["secret"].encode() not in whole
    assert b"canary" in whole  # its name is there: the sweep would prove nothing else
    others = (await place.organization())[1]
    is_problem(await others.get(f"/v1/organization/exports/{export}/content"), 404, "not_found")
    weak = await place.girih.identity.create_key(mine, "weak", PERMISSIONS - {"organization:manage"})
    is_problem(await client_of(place.app, weak.key).post("/v1/organization/export"), 403, "forbidden")


async def test_an_export_expires_with_its_file(place: Installation) -> None:
    mine, client = await place.organization()
    _, _, export = await archive_of(place, client)
    assert [path.name for path in place.files(mine.org_id) if path.suffix == ".zip"] == [f"{export}.zip"]
    async with place.uow(mine) as work:
        await work.session.execute(text("UPDATE organization_exports SET expires_at = now()"))
    await place.girih.organizations.exports.round()
    is_problem(await client.get(f"/v1/organization/exports/{export}/content"), 409, "conflict")
    assert not [path for path in place.files(mine.org_id) if path.suffix == ".zip"]


async def test_every_column_that_may_hold_a_secret_is_left_out_or_known(place: Installation) -> None:
    """A new one has to be looked at: it is left out of exports, or named here."""
    mine, _ = await place.organization()
    harmless = {
        ("cached_embeddings", "text_hash"),
        ("idempotency_keys", "request_hash"),
        ("runs", "request_hash"),
        ("webhook_secrets", "before_until"),
        ("usage_counts", "input_tokens"),
        ("usage_counts", "output_tokens"),
        ("spending_holds", "tokens"),
        ("tool_rates", "tokens"),
        ("budgets", "tokens"),
    }
    async with place.uow(mine) as work:
        tables = await inventory.tables(work)
    exports = place.girih.organizations.exports
    suspicious = {
        (table.name, column)
        for table in tables
        for column in table.columns
        if any(word in column for word in ("secret", "password", "token", "hash", "wrapped", "sealed", "credential"))
    }
    assert {one for one in suspicious if not exports.withholds(*one)} == harmless - {
        ("webhook_secrets", "before_until")
    }
    for column in ("value",):
        assert exports.withholds("secrets", column)
    assert exports.withholds("webhook_secrets", "before") and exports.withholds("data_keys", "wrapped")
