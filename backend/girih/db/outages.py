"""Telling a database that is away from a fault of ours: the one passes, the other is a bug."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from girih.db.patience import busy
from girih.errors import DatabaseUnavailable

_AWAY = ("08", "53300", "57P", "3D000", "28", "25P03")
"""SQLSTATE prefixes: connection lost, too many connections, shutting down or starting, no such database or login, and
ended because this process was silent for too long in the midst of a transaction."""
_PARTED = (ConnectionError, asyncpg.ConnectionDoesNotExistError, asyncpg.InternalClientError)
"""The driver's words for a connection that has ended; the last is for one whose end it was told and has not seen."""


@contextmanager
def outages_named() -> Iterator[None]:
    """Turn what a missing, restarting or overloaded database raises into `DatabaseUnavailable`; leave all else."""
    try:
        yield
    except PoolTimeout as fault:
        raise busy() from fault
    except DBAPIError as fault:
        if role := _refused_role(fault.orig):
            raise role from fault
        if not fault.connection_invalidated and not _away(fault.orig):
            raise
        raise _unavailable(fault.orig) from fault
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as fault:
        if not _away(fault):
            raise
        raise _unavailable(fault) from fault
    except (ConnectionError, socket.gaierror, TimeoutError) as fault:
        raise _unavailable() from fault


def _away(fault: BaseException | None) -> bool:
    state = str(getattr(fault, "sqlstate", None) or "")
    driver = getattr(fault, "__cause__", None)
    return isinstance(fault, _PARTED) or isinstance(driver, _PARTED) or state.startswith(_AWAY)


def _refused_role(fault: BaseException | None) -> DatabaseUnavailable | None:
    """The fault as a sentence, if the login was refused the role it asked to work as."""
    state, said = getattr(fault, "sqlstate", None), str(fault)
    if state == "42501" and (named := re.search(r'set role "(\w+)"', said)):
        way_out = f"let its owner run `GRANT {named[1]} TO` this login, or use the login {named[1]} itself"
        return DatabaseUnavailable(f"this database login may not work as the role '{named[1]}'", help=way_out)
    if state == "22023" and (named := re.search(r'role "(\w+)" does not exist', said)):
        way_out = "migrate the database first, as its owner: `python -m girih.db.migrations`"
        return DatabaseUnavailable(f"the database has no role '{named[1]}'", help=way_out)
    return None


def _unavailable(fault: BaseException | None = None) -> DatabaseUnavailable:
    state = str(getattr(fault, "sqlstate", None) or "")
    if state.startswith("28"):
        return DatabaseUnavailable("the database refuses the login", help="check user and password in its URL")
    if state == "3D000":
        return DatabaseUnavailable("the database does not exist on that server", help="check the name in its URL")
    return DatabaseUnavailable("the database does not answer", help="try again in a moment")
