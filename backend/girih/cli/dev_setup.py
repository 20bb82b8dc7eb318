"""What `girih dev` does to a database before anything uses it: migrate it, and make the local project and its key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.unit_of_work import UnitOfWork
from girih.embedded.processes import write_private
from girih.errors import Unauthorized
from girih.services.identity.service import IdentityService

ORGANIZATION = "local"
PROJECT = "main"


@dataclass(frozen=True)
class Prepared:
    """The key to the local project; `is_new` when nobody has seen it yet."""

    api_key: str
    is_new: bool


async def prepare(owner_url: str, app_url: str, key_file: Path) -> Prepared:
    """Migrate the database as its owner, then make sure of an organization, a project, and a key that holds.

    The key stays in `key_file` (mode 600), so that it is the same after a restart.
    """
    await upgrade(owner_url)
    engine = make_engine(app_url, pool_size=1, overflow=1)
    try:
        return await _key(IdentityService(UnitOfWork(make_sessions(engine), _no_jobs), env="dev"), key_file)
    finally:
        await engine.dispose()


async def _key(identity: IdentityService, key_file: Path) -> Prepared:
    kept = _read(key_file)
    try:
        await identity.authenticate(kept)
    except Unauthorized:
        made = await identity.bootstrap(ORGANIZATION, PROJECT, renew=True)
        if made.api_key is None:
            raise
        write_private(key_file, made.api_key)
        return Prepared(made.api_key, is_new=True)
    return Prepared(kept, is_new=False)


def _read(key_file: Path) -> str:
    return key_file.read_text().strip() if key_file.exists() else ""


def _no_jobs(job: str, job_id: str) -> None:
    """Nothing that happens here rings for a job."""
    raise AssertionError(f"{job} {job_id} was rung for while preparing")
