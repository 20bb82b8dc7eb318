"""Each document has a child of its own, forked by one warm server that may be killed at any time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from girih.errors import DocumentRejected, Unavailable
from girih.providers.parsers.children import SERVER, ParserServer
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.parse import parse

SPINNING = b"a\n\n" * 6_000_000
"""Takes many seconds."""
PATIENT = Limits(memory=2**32, characters=2**30)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note"
    path.write_bytes(b"A few words.")
    return path


@pytest.fixture
def spinning(tmp_path: Path) -> Path:
    path = tmp_path / "spinning"
    path.write_bytes(SPINNING)
    return path


async def server_after(note: Path) -> psutil.Process:
    await parse(note, "note.txt")
    assert SERVER._process is not None
    return psutil.Process(SERVER._process.pid)


async def until(what: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not what():
            await asyncio.sleep(0.01)


async def test_documents_share_a_server_and_nothing_else(note: Path) -> None:
    first = await server_after(note)
    assert first.children() == []
    assert (await server_after(note)).pid == first.pid
    many = await asyncio.gather(*(parse(note, "note.txt") for _ in range(8)))
    assert {one.text for one in many} == {"A few words."}
    await until(lambda: not first.children())


async def test_a_killed_server_is_started_again(note: Path) -> None:
    first = await server_after(note)
    first.kill()
    assert (await parse(note, "note.txt")).text == "A few words."
    assert (await server_after(note)).pid != first.pid


async def test_a_server_that_is_killed_in_the_middle_is_nobodys_fault(note: Path, spinning: Path) -> None:
    server = await server_after(note)
    at_work = asyncio.create_task(parse(spinning, "a.md", PATIENT))
    await until(server.children)
    child = server.children()[0]
    server.kill()
    await until(lambda: SERVER._process is not None and SERVER._process.pid != server.pid)
    another = psutil.Process(SERVER._process.pid)
    await until(another.children)
    another.kill()
    with pytest.raises(Unavailable, match="ended"):
        await at_work
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_a_killed_child_takes_nobody_with_it(note: Path, spinning: Path) -> None:
    server = await server_after(note)
    at_work = asyncio.create_task(parse(spinning, "a.md", PATIENT))
    await until(server.children)
    os.kill(server.children()[0].pid, signal.SIGKILL)
    with pytest.raises(DocumentRejected, match="memory"):
        await at_work
    assert (await server_after(note)).pid == server.pid


async def test_nobody_works_for_one_who_has_gone(note: Path, spinning: Path) -> None:
    server = await server_after(note)
    at_work = asyncio.create_task(parse(spinning, "a.md", PATIENT))
    await until(server.children)
    at_work.cancel()
    await asyncio.gather(at_work, return_exceptions=True)
    await until(lambda: not server.children())


async def test_a_server_ends_with_whoever_started_it(note: Path) -> None:
    await server_after(note)
    other = ParserServer()
    other._begin()
    assert other._process is not None
    process = other._process
    other.close()
    assert process.returncode == 0
