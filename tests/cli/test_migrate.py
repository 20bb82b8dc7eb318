"""`girih migrate`: what it changes, what it leaves, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from girih.cli import migrate
from girih.cli.app import run
from girih.language.migrations.upgrade import upgraded
from girih.language.spec.versions import Step, rename

OLD = "kind: graph/v0\nname: a\nsteps:\n  a: { set: { x: y }, next: $end } # kept\n"
NEW = "kind: graph/v1\nname: a\nnodes:\n  a: { set: { x: y }, next: $end } # kept\n"
STEPS = (Step("graph/v0", "graph/v1", "steps are nodes", lambda document: rename(document, "steps", "nodes")),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.yaml").write_text(OLD)
    (tmp_path / "new.yaml").write_text(NEW)
    return tmp_path


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version before the first, as there is none yet."""
    monkeypatch.setattr(migrate, "upgraded", lambda source: upgraded(source, STEPS))


def test_there_is_nothing_to_migrate_yet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate"]) == 0
    assert capsys.readouterr().err == "nothing to migrate\n"
    assert (folder / "old.yaml").read_text() == OLD


@pytest.mark.usefixtures("steps")
def test_what_is_old_is_changed_whole(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["migrate", "--dry-run"]) == 3
    captured = capsys.readouterr()
    assert "+kind: graph/v1\n" in captured.out
    assert captured.err == "old.yaml: steps are nodes\n1 file would change\n"
    assert (folder / "old.yaml").read_text() == OLD
    assert run(["migrate"]) == 0
    assert (folder / "old.yaml").read_text().split() == NEW.split()
    assert capsys.readouterr().err == "old.yaml: steps are nodes\n1 file migrated\n"
    assert run(["migrate", "--dry-run"]) == 0


@pytest.mark.usefixtures("steps")
def test_what_cannot_be_changed_is_named_and_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.yaml").write_text(OLD.replace("steps:", "- steps:"))
    (folder / "broken.yaml").write_text(OLD.replace("name: a", "name: [a"))
    assert run(["migrate", "odd.yaml", "broken.yaml", "old.yaml"]) == 1
    captured = capsys.readouterr()
    assert " E001 " in captured.err
    assert captured.err.endswith("1 file migrated\n")
    assert (folder / "broken.yaml").read_text().startswith("kind: graph/v0")
