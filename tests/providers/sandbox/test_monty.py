"""The sandbox runs programs, and holds them to time, memory, output, and to reaching nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from girih.errors import NodeError
from girih.providers.sandbox import monty
from girih.providers.sandbox.monty import MontySandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[MontySandbox]:
    sandbox = MontySandbox(processes=2)
    yield sandbox
    await sandbox.close()


async def run(sandbox: MontySandbox, code: str, timeout: float = 5, memory_mb: int = 64, **inputs: Any) -> Any:
    return await sandbox.run(code, inputs, timeout=timeout, memory_mb=memory_mb)


async def failure(sandbox: MontySandbox, code: str, **options: Any) -> NodeError:
    with pytest.raises(NodeError) as caught:
        await run(sandbox, code, **options)
    return caught.value


async def test_values_go_in_and_come_out_as_json(sandbox: MontySandbox) -> None:
    data = {"text": "ü\n\U0001f600", "n": 3, "x": 0.5, "yes": True, "nothing": None, "list": [[1, {"a": []}]]}
    assert await run(sandbox, "data", data=data) == data
    assert await run(sandbox, "{'a': (1, 2), 'b': n // 2, 'c': f'{n:>4}'}", n=7) == {"a": [1, 2], "b": 3, "c": "   7"}


async def test_one_program_leaves_nothing_to_the_next(sandbox: MontySandbox) -> None:
    await asyncio.gather(*(run(sandbox, "kept = 1") for _ in range(4)))
    for _ in range(4):
        assert "kept" in (await failure(sandbox, "kept")).message


@pytest.mark.parametrize(
    "code",
    [
        "open('/etc/passwd').read()",
        "import pathlib\npathlib.Path('/etc/passwd').read_text()",
        "import os\nos.environ['HOME']",
        "import os\nos.listdir('/')",
        "import socket",
        "import subprocess",
        "import ctypes",
        "import urllib.request",
        "import datetime\ndatetime.datetime.now()",
        "import time\ntime.time()",
        "import random\nrandom.random()",
        "fetch('http://127.0.0.1')",
        "().__class__.__mro__[1].__subclasses__()",
    ],
)
async def test_a_program_reaches_nothing(sandbox: MontySandbox, code: str) -> None:
    fault = await failure(sandbox, code)
    assert (fault.kind, fault.can_pass) == ("invalid_output", False)


async def test_a_program_that_raises_says_where(sandbox: MontySandbox) -> None:
    fault = await failure(sandbox, "x = [1]\ny = x[3]\n")
    assert fault.message == "the program failed (line 2): IndexError: list index out of range"


@pytest.mark.parametrize(
    ("code", "kind", "word"),
    [
        ("while True: pass", "timeout", "0.2 s"),
        (
            "import re\n[re.match('(a+)+$', 'a' * 5000 + 'b') for _ in range(100000)]\nwhile True: pass",
            "timeout",
            "0.2 s",
        ),
        ("sum(range(10 ** 12))", "timeout", "0.2 s"),
        ("a = [0]\nwhile True: a = a + a", "budget", "8 MB"),
        ("'a' * 10 ** 10", "budget", "8 MB"),
        ("9 ** 9 ** 9", "budget", "8 MB"),
        ("def f(): return f()\nf()", "budget", "deeply"),
    ],
)
async def test_time_memory_and_depth_are_bounded(sandbox: MontySandbox, code: str, kind: str, word: str) -> None:
    fault = await failure(sandbox, code, timeout=0.2, memory_mb=8)
    assert (fault.kind, fault.can_pass) == (kind, False)
    assert word in fault.message
    assert await run(sandbox, "1 + 1") == 2


async def test_what_is_printed_goes_nowhere(sandbox: MontySandbox, capfd: pytest.CaptureFixture[str]) -> None:
    assert await run(sandbox, "for i in range(1000): print('x' * 100)\n1") == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "code",
    ["{1, 2}", "b'x'", "float('nan')", "{1: 2}", "10 ** 5000", "class A:\n  pass\nA()",
     "a = []\nfor _ in range(200): a = [a]\na"],
)  # fmt: skip
async def test_only_json_comes_out(sandbox: MontySandbox, code: str) -> None:
    assert (await failure(sandbox, code)).kind == "invalid_output"


async def test_what_goes_in_and_out_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = MontySandbox(processes=1, max_output=1000)
    try:
        assert (await failure(sandbox, "'x' * 1001")).kind == "budget"
        assert (await failure(sandbox, "[0] * 1001")).kind == "budget"
        monkeypatch.setattr(monty, "MAX_INPUT", 1000)
        assert (await failure(sandbox, "1", text="x" * 1001)).kind == "budget"
    finally:
        await sandbox.close()


async def test_a_worker_that_is_killed_fails_its_program_alone(sandbox: MontySandbox) -> None:
    running = asyncio.create_task(failure(sandbox, "while True: pass", timeout=30))
    (worker,) = await workers(1)
    worker.kill()
    fault = await running
    assert (fault.kind, fault.can_pass) == ("invalid_output", False)
    assert "crashed" in fault.message
    assert await run(sandbox, "1") == 1


async def test_there_are_no_more_workers_than_allowed_and_none_after_the_end() -> None:
    sandbox = MontySandbox(processes=2)
    assert await asyncio.gather(*(run(sandbox, "n * 2", n=n) for n in range(20))) == [n * 2 for n in range(20)]
    assert 1 <= len(children()) <= 2
    await sandbox.close()
    while children():
        await asyncio.sleep(0.01)


async def test_a_program_that_is_given_up_ends_at_once() -> None:
    sandbox = MontySandbox(processes=1)
    running = asyncio.create_task(run(sandbox, "while True: pass", timeout=60))
    await workers(1)
    await asyncio.sleep(0.1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await run(sandbox, "1") == 1
    await sandbox.close()


async def test_the_end_takes_running_programs_with_it() -> None:
    sandbox = MontySandbox(processes=1)
    running = asyncio.create_task(failure(sandbox, "while True: pass", timeout=60))
    await workers(1)
    await sandbox.close()
    assert (await running).kind in ("invalid_output", "unavailable")
    while children():
        await asyncio.sleep(0.01)


async def test_nothing_starts_before_the_first_program() -> None:
    sandbox = MontySandbox(processes=2)
    assert children() == []
    await sandbox.close()


async def test_a_missing_sandbox_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONTY_BIN", "/nonexistent/monty")
    sandbox = MontySandbox(processes=1)
    try:
        fault = await failure(sandbox, "1")
        assert (fault.kind, fault.can_pass) == ("unavailable", False)
    finally:
        await sandbox.close()


def children() -> list[psutil.Process]:
    alive = psutil.Process(os.getpid()).children()
    return [child for child in alive if child.name() == "monty" and child.status() != psutil.STATUS_ZOMBIE]


async def workers(number: int) -> list[psutil.Process]:
    while len(children()) < number:
        await asyncio.sleep(0.01)
    return children()
