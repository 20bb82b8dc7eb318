"""The newest revision, read without Alembic, is the one Alembic would find."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from girih.db import revisions
from girih.errors import Unavailable


def test_the_head_is_alembics() -> None:
    assert revisions.head() == ScriptDirectory(str(revisions.folder())).get_current_head()


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a.py": 'revision = "1"\ndown_revision = None', "b.py": 'revision = "2"\ndown_revision = None'},
        {"a.py": 'revision = "1"\ndown_revision = "1"'},
    ],
    ids=["none", "two", "ring"],
)
def test_an_installation_without_one_head_is_refused(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "versions").mkdir()
    for name, text in files.items():
        (tmp_path / "versions" / name).write_text(text)
    monkeypatch.setattr(revisions, "folder", lambda: tmp_path)
    revisions.head.cache_clear()
    try:
        with pytest.raises(Unavailable):
            revisions.head()
    finally:
        revisions.head.cache_clear()


def test_annotated_migrations_count_and_none_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "a.py").write_text(
        'revision: str = "9"\ndown_revision: str | None = None\nraise SystemExit\n'
    )
    monkeypatch.setattr(revisions, "folder", lambda: tmp_path)
    revisions.head.cache_clear()
    try:
        assert revisions.head() == "9"
    finally:
        revisions.head.cache_clear()
