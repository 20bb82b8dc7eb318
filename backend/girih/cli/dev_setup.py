"""What `girih dev` does to a database before anything uses it: migrate it, and make the local project and its key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.unit_of_work import UnitOfWork
from girih.embedded.processes import write_private
from girih.errors import Unauthorized
from girih.providers.keys.local import new_master_key
from girih.services.identity.service import IdentityService

ORGANIZATION = "local"
PROJECT = "main"
MASTER_KEY = "master-key"
"""The file in the data folder that holds what secrets are encrypted under."""


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


def set_master_key(environment: dict[str, str], key_file: Path) -> None:
    """Give the programs a master key for secrets, unless one is set: the same at each start, in a file (mode 600)."""
    if environment.get("GIRIH_MASTER_KEY") or environment.get("GIRIH_MASTER_KEY_FILE"):
        return
    if not _read(key_file):
        key_file.parent.mkdir(parents=True, exist_ok=True)
        write_private(key_file, new_master_key() + "\n")
    environment["GIRIH_MASTER_KEY_FILE"] = str(key_file)


def _read(key_file: Path) -> str:
    return key_file.read_text().strip() if key_file.exists() else ""


def _no_jobs(job: str, job_id: str) -> None:
    """Nothing that happens here rings for a job."""
    raise AssertionError(f"{job} {job_id} was rung for while preparing")
