"""The master keys that the operator has set, and the refusal to start with wrong ones."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from girih.db.engine import make_engine, make_sessions
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput, Unavailable
from girih.providers.keys.base import KeyWrapper, MasterKeys, WrongKey
from girih.providers.keys.local import local_wrapper
from girih.providers.keys.opening import open_wrapper
from girih.services.secrets import key_repository
from girih.services.secrets.keyring import bound
from girih.settings import Settings

log = structlog.get_logger("girih.secrets")

_MAKE_ONE = "set GIRIH_MASTER_KEY to the output of `openssl rand -base64 32`, the same for every process"


def master_keys_of(settings: Settings) -> MasterKeys | None:
    """The master keys, `None` where none is set.

    Raises `InvalidInput` for a key that is none or too short, and in production also for a missing one.
    """
    given = settings.master_key.get_secret_value().strip()
    variable = "GIRIH_MASTER_KEY"
    if settings.master_key_file is not None:
        if given:
            raise InvalidInput("GIRIH_MASTER_KEY and GIRIH_MASTER_KEY_FILE are both set", help="unset one of them")
        variable = "GIRIH_MASTER_KEY_FILE"
        try:
            given = settings.master_key_file.read_text().strip()
        except (OSError, UnicodeDecodeError):
            raise InvalidInput("the file that GIRIH_MASTER_KEY_FILE names cannot be read", help=_MAKE_ONE) from None
    former = [key.get_secret_value() for key in settings.former_master_keys]
    if not given:
        if former:
            raise InvalidInput("GIRIH_FORMER_MASTER_KEYS is set, and GIRIH_MASTER_KEY is not", help=_MAKE_ONE)
        if settings.production:
            raise InvalidInput("GIRIH_PRODUCTION is set, and GIRIH_MASTER_KEY is not", help=_MAKE_ONE)
        return None
    further = [_wrapper(text, "GIRIH_FORMER_MASTER_KEYS", settings) for text in former]
    return MasterKeys(_wrapper(given, variable, settings), further)


async def require_right_keys(uow: UnitOfWork, masters: MasterKeys | None) -> None:
    """Refuse to start with master keys that do not open what is stored. Raises `Unavailable`."""
    async with uow.reading_for("keys") as work:
        found = await key_repository.masters(work)
    if masters is None:
        if found:
            log.warning("secrets are stored here, and cannot be read without GIRIH_MASTER_KEY")
        return
    for row, _ in found:
        if not masters.knows(row.master):
            raise Unavailable(
                f"GIRIH_MASTER_KEY is not the key that the secrets here are encrypted under, which is {row.master}",
                help="set that one, or add it to GIRIH_FORMER_MASTER_KEYS and run `girih secrets rotate --master`",
            )
        try:
            await masters.unwrap(row.master, row.wrapped, bound(row.org_id, row.version))
        except WrongKey:
            raise
        except Unavailable as fault:
            # It may be away for a moment: what needs no secret can go on.
            log.warning("a master key cannot be asked", key=row.master, reason=fault.message)


@dataclass(frozen=True)
class Wrapped:
    """A master key by name, and how many data keys it wraps."""

    master: str
    keys: int


async def wrapped_keys(database_url: str) -> list[Wrapped]:
    """The master keys that data keys of a database are wrapped by. Raises `Unavailable`."""
    engine = make_engine(database_url, pool_size=1, overflow=0)
    try:
        async with UnitOfWork(make_sessions(engine), lambda *_: None).reading_for("keys") as work:
            return [Wrapped(row.master, count) for row, count in await key_repository.masters(work)]
    finally:
        await engine.dispose()


def _wrapper(text: str, variable: str, settings: Settings) -> KeyWrapper:
    found = open_wrapper(text.strip(), settings.vault_url, settings.vault_token.get_secret_value())
    return found or local_wrapper(text, variable)
