"""The oldest servers that girih works with, and the refusal of older ones in words."""

from __future__ import annotations

from redis import Redis
from redis.exceptions import RedisError

from girih.db.health import DatabaseHealth
from girih.errors import Unavailable

POSTGRES = 15
"""Below it, foreign keys cannot forget one column of several, and views cannot keep to their caller's rights."""
VECTOR = (0, 7)
"""Below it, there are no half-precision vectors."""
REDIS = (6, 2)
"""Below it, what rings for jobs lacks commands. Valkey counts on from Redis 7.2."""


def require_database_floor(found: DatabaseHealth) -> None:
    """Refuse a PostgreSQL or a pgvector that is too old. Raises `Unavailable`."""
    if found.server < POSTGRES:
        raise Unavailable(
            f"the database server is PostgreSQL {found.server}, and girih needs {POSTGRES} or newer",
            help="upgrade the server, or use another one",
        )
    if found.vector and numbers(found.vector) < VECTOR:
        raise Unavailable(
            f"the database has pgvector {found.vector}, and girih needs {_shown(VECTOR)} or newer",
            help="install it on the server, then let a superuser run: ALTER EXTENSION vector UPDATE",
        )


def require_queue_floor(url: str) -> None:
    """Refuse a Redis that is too old. Raises `Unavailable`; one that does not answer, or does not say, passes.

    Nothing is lost while it is away, so it keeps no process from starting.
    """
    if not url:
        return
    try:
        with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as redis:
            said = redis.info("server")
    except (RedisError, OSError, ValueError):
        return
    version = str(said.get("redis_version", ""))
    if version and numbers(version) < REDIS:
        raise Unavailable(
            f"the server at GIRIH_REDIS_URL is Redis {version}, and girih needs {_shown(REDIS)} or newer",
            help="upgrade it, or use Valkey",
        )


def numbers(version: str) -> tuple[int, ...]:
    """`0.8.1` as (0, 8, 1); what is no number ends it."""
    found: list[int] = []
    for part in version.split("."):
        digits = "".join(character for character in part if character.isdecimal())
        if not digits:
            break
        found.append(int(digits))
    return tuple(found)


def _shown(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
