"""The first call of a process asks the provider and loads nothing: that was done when the process began."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, sys, threading, time
from tests.providers.servers import chunk, serving, streams, used
from girih.language.nodes.ports import Message, ModelRequest
from girih.providers.models.chat import ModelOptions, load_openai, make_models

async def main(ahead):
    async with serving(streams(chunk("Hello"), chunk(finish="stop"), used(7, 2))) as server:
        if ahead:
            load_openai()
        before, beats = set(sys.modules), []
        async def beat():
            while True:
                beats.append(threading.current_thread() is threading.main_thread())
                await asyncio.sleep(0.005)
        beating = asyncio.create_task(beat())
        models = make_models({}, ModelOptions(openai_base_url=f"{server.url}/v1", openai_model="m"))
        async for _ in models.stream(ModelRequest(("default",), (Message("user", "Hi"),))):
            pass
        beating.cancel()
        loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(len(beats), *sorted(loaded & {"openai", "langchain_openai", "girih"}))

asyncio.run(main(sys.argv[1] == "ahead"))
"""


def ask(when: str) -> tuple[int, list[str]]:
    """How often the event loop turned during the first call of a new process, and what the call had to load."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'backend'}"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, when], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    beats, *loaded = done.stdout.split()
    return int(beats), loaded


def test_what_was_loaded_ahead_is_not_loaded_by_the_first_call() -> None:
    assert ask("ahead")[1] == []


def test_what_was_not_is_loaded_beside_the_event_loop() -> None:
    beats, loaded = ask("late")
    assert loaded == ["girih", "langchain_openai", "openai"]
    assert beats > 5, "other runs wait meanwhile"
