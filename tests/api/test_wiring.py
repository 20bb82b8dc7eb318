"""What a database must be before girih works on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from tests.api.conftest import settings_for
from tests.conftest import Logins

from girih.db.health import DatabaseHealth, examine
from girih.db.revisions import head
from girih.errors import GirihError, InvalidInput, Unavailable
from girih.wiring.database import require_usable
from girih.wiring.environment import read_settings
from girih.wiring.server import open_girih

GOOD = DatabaseHealth("girih_app", superuser=False, bypasses=False, owns=False, revision="0042")


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
