"""The embedded Valkey: the same promises as the embedded PostgreSQL."""

import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from girih.embedded.processes import wait_until
from girih.embedded.valkey import ValkeyServer, start_valkey


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "with a blank"


@pytest.fixture
def server(folder: Path) -> Iterator[ValkeyServer]:
    server = start_valkey(folder)
    yield server
    server.stop()


def add(url: str) -> object:
    with redis.Redis.from_url(url) as client:
        return client.incr("count")


def test_what_was_written_is_there_after_a_restart(folder: Path, server: ValkeyServer) -> None:
    assert add(server.url) == 1
    server.stop()
    assert not server.running()
    again = start_valkey(folder)
    assert again.url == server.url
    assert add(again.url) == 2
    again.stop()


def test_a_crash_does_not_block_the_next_start(folder: Path, server: ValkeyServer) -> None:
    add(server.url)
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.running())
    again = start_valkey(folder)
    assert add(again.url) is not None
    again.stop()


def test_a_running_server_is_used_and_left_to_who_started_it(folder: Path, server: ValkeyServer) -> None:
    second = start_valkey(folder)
    assert (second.pid, second.url) == (server.pid, server.url)
    second.stop()
    assert server.running()


def test_it_wants_its_password_which_is_private(folder: Path, server: ValkeyServer) -> None:
    address = server.url.split("@")[1]
    with pytest.raises(redis.AuthenticationError), redis.Redis.from_url(f"redis://{address}") as client:
        client.ping()
    assert stat.S_IMODE((folder / "valkey.conf").stat().st_mode) == 0o600
    assert server.url not in repr(server)
