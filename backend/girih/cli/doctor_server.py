"""The checks of `girih doctor` that need the server's parts: database, queue, worker, models and port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from redis import Redis
from redis.exceptions import RedisError

from girih.cli.doctor_checks import Check, Surroundings, failed, fine, skipped, warned
from girih.cli.doctor_keys import key_check
from girih.db.engine import make_engine
from girih.db.health import DatabaseHealth, examine
from girih.db.revisions import head
from girih.embedded.processes import listening
from girih.errors import GirihError
from girih.jobs import PARSE_QUEUE, SYNC_QUEUE, make_client
from girih.providers.embeddings.ladder import Embedders
from girih.wiring.database import require_usable
from girih.wiring.environment import read_settings

PING_SECONDS = 2.0


def server_checks(around: Surroundings) -> Iterator[Check]:
    """Everything that can be looked at from this machine."""
    yield _database(around.database_url)
    yield from _queue(around.redis_url)
    yield from _settings(around)
    yield key_check(around)


def _database(url: str) -> Check:
    if not url:
        return skipped("database", "its address is not known here (GIRIH_DATABASE_URL)")
    try:
        found = asyncio.run(_examined(url))  # noqa: TID251 - a process of its own, which keeps no pool
        require_usable(found, head())
    except GirihError as fault:
        return failed("database", fault.message, fault.help, unreachable=True)
    return fine("database", f"answers, migrated to {found.revision}, role {found.role} is held by row-level security")


async def _examined(url: str) -> DatabaseHealth:
    engine = make_engine(url, pool_size=1, overflow=0)
    try:
        return await examine(engine)
    finally:
        await engine.dispose()


def _queue(url: str) -> Iterator[Check]:
    if not url:
        yield skipped("queue", "its address is not known here (GIRIH_REDIS_URL)")
        return
    try:
        with Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as redis:
            redis.ping()
    except (RedisError, OSError, ValueError):
        yield failed("queue", "it does not answer", "start it, or correct GIRIH_REDIS_URL", unreachable=True)
        return
    yield fine("queue", "answers")
    yield from _workers(url)


def _workers(url: str) -> Iterator[Check]:
    """What answers of each role: one that syncs ingests nothing."""
    with make_client(url) as client:
        # Workers of one machine share a name, so each answer is looked at, and none is kept under its name.
        answers = client.control.broadcast("active_queues", reply=True, timeout=PING_SECONDS) or []
    queues = [{each["name"] for each in found} for answer in answers for found in answer.values()]
    ingesting = sum(PARSE_QUEUE in names for names in queues)
    if ingesting:
        yield fine("worker", _answering(ingesting))
    else:
        way_out = "documents wait until one runs: python -m girih.worker"
        yield failed("worker", "none that ingests answers", way_out, unreachable=True)
    syncing = sum(SYNC_QUEUE in names for names in queues)
    if syncing:
        yield fine("syncs", _answering(syncing))
    else:
        way_out = "data stores wait until one runs: GIRIH_WORKER_ROLES=sync python -m girih.worker"
        yield warned("syncs", "no worker that syncs answers", way_out)


def _answering(count: int) -> str:
    return f"{count} answering" if count > 1 else "answers"


def _settings(around: Surroundings) -> Iterator[Check]:
    try:
        settings = read_settings()
    except GirihError as fault:
        yield failed("settings", fault.message, fault.help)
        return
    if settings.openai_api_key.get_secret_value() or settings.openai_base_url:
        where = settings.openai_base_url or "OpenAI"
        yield fine("model", f"{settings.openai_model} at {where} (model://default)")
    else:
        yield warned("model", "the built-in demo model answers (model://default)", "for a real one: OPENAI_API_KEY")
    yield _embedder(settings.embedder, settings.openai_embedding_model)
    taken = listening(settings.port) and not around.url.endswith(f":{settings.port}")
    if taken:
        yield warned("port", f"{settings.port} is taken by another program", "girih dev --port 8330")
    else:
        yield fine("port", f"{settings.port} is " + ("girih's" if listening(settings.port) else "free"))


def _embedder(choice: str, remote: str) -> Check:
    if choice == "openai":
        return fine("embedder", f"{remote} (embedder: default)")
    try:
        name = Embedders(choice).get("default").name
    except GirihError as fault:
        return failed("embedder", fault.message, fault.help)
    if name == "hashing" and choice != "hashing":
        return warned("embedder", "hashing: it finds words but not meaning", "pip install 'girih[server]'")
    return fine("embedder", f"{name}, on this machine (embedder: default)")
