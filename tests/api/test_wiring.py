"""What a database must be before girih works on it."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy.engine import make_url
from tests.api.conftest import settings_for
from tests.conftest import Logins

from girih.db.engine import make_engine
from girih.db.health import DatabaseHealth, examine
from girih.db.revisions import head
from girih.errors import GirihError, InvalidInput, Unavailable
from girih.wiring.database import require_usable
from girih.wiring.environment import read_settings
from girih.wiring.floors import POSTGRES, VECTOR, numbers, require_queue_floor
from girih.wiring.server import open_girih

GOOD = DatabaseHealth(
    "girih_app", superuser=False, bypasses=False, owns=False, revision="0042", server=18, vector="0.8.1"
)


def test_a_good_database_passes() -> None:
    require_usable(GOOD, "0042")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (replace(GOOD, superuser=True), "is a superuser"),
        (replace(GOOD, bypasses=True), "bypass row-level security"),
        (replace(GOOD, owns=True), "owns tables"),
        (replace(GOOD, revision=None), "never been migrated"),
        (replace(GOOD, revision="0041"), "revision 0041, this release needs 0042"),
    ],
)
def test_a_database_that_would_not_hold_is_refused(found: DatabaseHealth, words: str) -> None:
    with pytest.raises(Unavailable, match=words) as caught:
        require_usable(found, "0042")
    assert caught.value.help


async def test_a_database_that_was_never_migrated_is_refused(empty_database: Logins, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"never been migrated|not prepared"):
        async with open_girih(settings_for(empty_database.app, tmp_path)):
            raise AssertionError("it opened")


async def test_the_tests_own_role_is_held_by_row_level_security(engine: object) -> None:
    found = await examine(engine)  # type: ignore[arg-type]
    assert not (found.superuser or found.bypasses or found.owns)
    assert found.revision == head()


@pytest.mark.parametrize(
    "settings",
    [
        {"database_url": ""},
        {"database_url": "nonsense"},
        {"database_url": "mysql://a@b/c"},
        {"cors_origins": ["*"]},
        {"cors_origins": ["https://a.example.com/path"]},
        {"endpoints": {"crm": "file:///etc/passwd"}},
    ],
)
async def test_settings_that_cannot_work_are_refused(
    settings: dict[str, object], database_url: str, tmp_path: Path
) -> None:
    with pytest.raises(GirihError) as caught:
        async with open_girih(settings_for(**{"database_url": database_url, "data_dir": tmp_path} | settings)):  # type: ignore[arg-type]
            raise AssertionError("it opened")
    assert caught.value.help


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GIRIH_PORT", "many"),
        ("GIRIH_PORT", "70000"),
        ("GIRIH_CORS_ORIGINS", "not json"),
        ("GIRIH_ENDPOINTS", "{"),
        ("GIRIH_LOG_LEVEL", "loud"),
        ("GIRIH_MAX_UPLOAD_MB", "0"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidInput) as caught:
        read_settings()
    assert variable.removeprefix("GIRIH_").lower() in caught.value.message.lower()
    assert caught.value.help


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "hunter2"}, "refuses the login"),
        ({"database": "nowhere"}, "there is no database"),
        ({"port": 1}, "does not answer"),
    ],
)
async def test_a_login_that_does_not_work_is_explained_without_its_password(
    database_url: str, tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    wrong = make_url(database_url).set(**changed).render_as_string(hide_password=False)
    with pytest.raises(Unavailable, match=words) as caught:
        async with open_girih(settings_for(wrong, tmp_path)):
            raise AssertionError("it opened")
    assert "hunter2" not in caught.value.message + str(caught.value.help)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"server": 14}, "PostgreSQL 14, and girih needs 15 or newer"),
        ({"vector": "0.6.2"}, "pgvector 0.6.2, and girih needs 0.7 or newer"),
        ({"vector": "0.5"}, "pgvector 0.5,"),
    ],
)
def test_servers_that_are_too_old_are_refused_in_words(more: dict[str, Any], words: str) -> None:
    with pytest.raises(Unavailable, match=words) as refused:
        require_usable(replace(GOOD, **more), "0042")
    assert refused.value.help
    for vector in ("0.7.0", "0.10", "1.0.0-dev", None):
        require_usable(replace(GOOD, vector=vector, server=15), "0042")


async def test_the_versions_are_those_of_the_servers(database_url: str) -> None:
    engine = make_engine(database_url, pool_size=1)
    found = await examine(engine)
    await engine.dispose()
    assert found.server >= POSTGRES
    assert found.vector is not None and numbers(found.vector) >= VECTOR


class OldRedis(BaseRequestHandler):
    """Answers as a Redis of some version does, to what a client says first and to `INFO`."""

    version = ""

    def handle(self) -> None:
        while asked := self.request.recv(4096):
            for name in re.findall(rb"\r\n(HELLO|CLIENT|SELECT|INFO)\r\n", asked, re.IGNORECASE):
                text = f"# Server\r\nredis_version:{self.version}\r\n".encode()
                said = b"$%d\r\n%s\r\n" % (len(text), text) if name.upper() == b"INFO" else b"+OK\r\n"
                self.request.sendall(b"-ERR unknown command\r\n" if name.upper() == b"HELLO" else said)


@pytest.mark.parametrize(("version", "is_fit"), [("5.0.14", False), ("6.0.9", False), ("6.2.0", True), ("8.0", True)])
def test_a_redis_that_is_too_old_is_refused_in_words(version: str, is_fit: bool) -> None:
    handler = type("Handler", (OldRedis,), {"version": version})
    with ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"redis://127.0.0.1:{server.server_address[1]}/0?protocol=2"
        if is_fit:
            require_queue_floor(url)
        else:
            with pytest.raises(Unavailable, match=rf"Redis {version}, and girih needs 6\.2 or newer"):
                require_queue_floor(url)
        server.shutdown()
    require_queue_floor("")
    require_queue_floor("redis://127.0.0.1:1/0")


async def test_what_runs_goes_on_while_the_database_is_migrated_further(database_apart: str, tmp_path: Path) -> None:
    """Else all of the former release would be taken out at once, before one of the next is there."""
    newer, own = replace(GOOD, revision="0043"), replace(GOOD, revision="0041")
    require_usable(newer, "0042", is_running=True)
    for found, is_running in ((newer, False), (own, True), (replace(GOOD, revision=None), True)):
        with pytest.raises(Unavailable):
            require_usable(found, "0042", is_running=is_running)
    async with open_girih(settings_for(database_apart, tmp_path)) as girih:
        assert (await girih.readiness()).status != "unavailable"
        with patch("girih.wiring.server.head", lambda: "0001"):
            assert (await girih.readiness()).migrations == "ok"
        with patch("girih.wiring.server.head", lambda: "9999"):
            assert "this release needs 9999" in (await girih.readiness()).migrations
