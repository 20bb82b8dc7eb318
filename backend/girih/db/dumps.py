"""Whole databases as PostgreSQL's own tools write and read them, piece by piece: as much memory for any size."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from girih.db.engine import make_engine
from girih.db.outages import outages_named
from girih.db.tenancy import APP_ROLE
from girih.errors import Unavailable

PIECE = 2**20
_LOOK = text(
    "SELECT current_setting('server_version_num')::int AS number, current_user AS login, "
    "  (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS sees_all, "
    "  (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector, "
    "  to_regclass('public.alembic_version') IS NOT NULL AS is_migrated, "
    "  NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'm', 'S') "
    "    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')) AS is_empty"
)
_ROLE = (
    f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN "
    f"CREATE ROLE {APP_ROLE} NOLOGIN; END IF; END $$",
    f"DO $$ BEGIN EXECUTE format('GRANT {APP_ROLE} TO %I', current_user); "
    "EXCEPTION WHEN insufficient_privilege THEN NULL; END $$",
)
_AFTER = (
    f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}",
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {APP_ROLE}",
)
"""What belongs to whoever owns the tables here, and so is not taken from where the dump was made."""
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "username": "PGUSER",
    "password": "PGPASSWORD",
    "database": "PGDATABASE",
}
_OPTIONS = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}


@dataclass(frozen=True)
class Found:
    """What a login finds. `server` is PostgreSQL's major version; `sees_all`: row-level security does not hold it."""

    server: int
    vector: str | None
    login: str
    sees_all: bool
    is_empty: bool
    revision: str | None


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AsyncConnection]:
    engine = make_engine(url, role=None, pool_size=1, overflow=0)
    try:
        with outages_named():
            async with engine.begin() as connection:
                yield connection
    finally:
        await engine.dispose()


async def look(url: str) -> Found:
    """Ask a database what it is and what is in it. Raises `Unavailable`."""
    async with _connected(url) as connection:
        row = (await connection.execute(_LOOK)).one()
        asked = text("SELECT version_num FROM alembic_version")
        revision = (await connection.execute(asked)).scalar_one_or_none() if row.is_migrated else None
    return Found(row.number // 10_000, row.vector, row.login, row.sees_all, row.is_empty, revision)


async def dump(program: Path, url: str) -> AsyncIterator[bytes]:
    """All of the database at one moment, while others go on. Raises `Unavailable` with the tool's own last words."""
    arguments = ("--format=custom", "--no-comments", "--lock-wait-timeout=60s", "--no-password")
    process = await _started(program, url, *arguments, stdout=asyncio.subprocess.PIPE)
    said = asyncio.create_task(_last_words(process))
    try:
        if process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        while piece := await process.stdout.read(PIECE):
            yield piece
    finally:
        await _ended(process)
    if process.returncode:
        raise Unavailable(f"the database could not be copied: {await said}", help="look at the server's log")
    await said


async def make_room(url: str) -> None:
    """Make the role that the tables are opened to. Raises `Unavailable` where the login may not."""
    try:
        async with _connected(url) as connection:
            for statement in _ROLE:
                await connection.execute(text(statement))
    except DBAPIError as fault:
        raise Unavailable(
            f"the database has no role `{APP_ROLE}`, and this login may not create one",
            help=f"let a superuser run: CREATE ROLE {APP_ROLE} NOLOGIN",
        ) from fault


async def fill(
    program: Path, url: str, pieces: AsyncIterator[bytes], contents: AsyncIterator[bytes], lists: Path
) -> None:
    """Fill an empty database with a dump, all of it or nothing, as its owner.

    The dump is read twice: `contents` until it has said what is in it, `pieces` to its end. What was granted for the
    former owner alone is left out; `lists` is a file of this machine that says so meanwhile. Raises `Unavailable`.
    """
    listed = await _fed(program, url, contents, "--list", to_the_end=False)
    kept = [line for line in listed.splitlines() if not re.search(r" DEFAULT ACL ", line)]
    await asyncio.to_thread(lists.write_text, "\n".join(kept) + "\n")
    whole = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-password", f"--use-list={lists}")
    await _fed(program, url, pieces, *whole, f"--dbname={make_url(url).database}")
    async with _connected(url) as connection:
        for statement in _AFTER:
            await connection.execute(text(statement))


async def _fed(program: Path, url: str, pieces: AsyncIterator[bytes], *arguments: str, to_the_end: bool = True) -> str:
    """What the tool said on its standard output, given the pieces. Raises `Unavailable` with its last words."""
    pipe = asyncio.subprocess.PIPE
    process = await _started(program, url, *arguments, stdin=pipe, stdout=pipe)
    said, printed = asyncio.create_task(_last_words(process)), asyncio.create_task(_printed(process))
    try:
        await _feed(process, pieces)
        await process.wait()
    except (BrokenPipeError, ConnectionResetError):
        await process.wait()  # it has what it wants, or fails for a reason of its own
    finally:
        await _ended(process)
    if process.returncode and to_the_end:
        raise Unavailable(f"the database could not be filled: {await said}", help="it is as empty as it was")
    await said
    return await printed


async def _feed(process: asyncio.subprocess.Process, pieces: AsyncIterator[bytes]) -> None:
    if process.stdin is None:
        raise RuntimeError("a pipe was asked for")
    async for piece in pieces:
        process.stdin.write(piece)
        await process.stdin.drain()
        if process.returncode is not None:
            return
    process.stdin.close()
    await process.stdin.wait_closed()


async def _started(
    program: Path, url: str, *arguments: str, stdin: int = asyncio.subprocess.DEVNULL, stdout: int
) -> asyncio.subprocess.Process:
    """The tool, told where in its environment: what stands among its arguments everybody on the machine can read."""
    address = make_url(url)
    given = {_VARIABLES[name]: str(value) for name in _VARIABLES if (value := getattr(address, name))}
    given |= {_OPTIONS[name]: str(address.query[name]) for name in _OPTIONS if name in address.query}
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PGPASSFILE", "PGPASSWORD")}
    return await asyncio.create_subprocess_exec(
        str(program),
        *arguments,
        stdin=stdin,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
        env=kept | given | {"LC_ALL": "C"},
    )


async def _last_words(process: asyncio.subprocess.Process) -> str:
    last = b""
    while process.stderr is not None and (line := await process.stderr.readline()):
        last = line if b"error" in line.lower() or not last else last
    return re.sub(r"^pg_\w+: (error: )?", "", last.decode(errors="replace").strip())[:500] or "it said nothing"


async def _printed(process: asyncio.subprocess.Process) -> str:
    return "" if process.stdout is None else (await process.stdout.read()).decode(errors="replace")


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End it if somebody stopped reading or writing in the middle, and wait for it."""
    if process.returncode is None and process.stdout is not None and not process.stdout.at_eof():
        process.kill()
    await process.wait()
