"""`girih deprecate`, `yank`, `restore`, `gc` and `pull`, and the drift that `plan` tells, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.conftest import Girih

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.service import IdentityService

COMMENT = "# Why it greets: somebody asked for it.\n"


@pytest.fixture
def file(published: Path) -> Path:
    """`hello` in three versions; `prod` is the first."""
    return published / "hello.yaml"


def change(girih: Girih, file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    done = girih("apply", str(file.parent))
    assert done.code == 0, done.err


def test_versions_are_taken_off_the_shelf_and_put_back(girih: Girih, file: Path) -> None:
    change(girih, file, "tokens: 12", "tokens: 13")
    done = girih("deprecate", "hello@1.0.0", "--reason", "it is slow", "--replaced-by", "hello@1.0.1")
    assert (done.code, done.out) == (0, "hello@1.0.0 is deprecated: it is slow\n")
    assert "(deprecated: it is slow; use hello@1.0.1)" in girih("versions", "hello").out
    ran = girih("run", "hello@prod", "-i", "question=Hi")
    assert "hello@1.0.0 is deprecated: it is slow; use hello@1.0.1 instead" in ran.err
    refused = girih("yank", "hello@1.0.0", "--reason", "it is wrong")
    assert refused.code == 5
    assert "`hello@prod` leads to 1.0.0" in refused.err
    yanked = girih("yank", "hello@1.0.1", "--reason", "it is wrong")
    assert (yanked.out, yanked.err) == ("hello@1.0.1 is yanked: it is wrong\n", "hello@latest is 1.0.0\n")
    again = girih("apply", str(file.parent))
    assert again.code == 1
    assert "E405" in again.err and "hello.yaml:2" in again.err
    assert (
        girih("restore", "hello@1.0.1", "--reason", "it was right").out == "hello@1.0.1 is as any other version again\n"
    )
    assert girih("apply", str(file.parent)).code == 0
    assert girih("yank", "hello", "--reason", "x").code == 2


def test_what_nothing_refers_to_is_told_and_removed(girih: Girih, file: Path) -> None:
    for count in (13, 14):
        change(girih, file, f"tokens: {count - 1}", f"tokens: {count}")
    assert girih("retention", "--versions", "0.0000001").code == 0
    told = girih("gc", "--dry-run")
    assert told.code == 3
    assert "goes   hello@1.0.1  nothing refers to it since" in told.out
    assert "stays  hello@1.0.0  the alias prod leads to it" in told.out
    assert [one["version"] for one in json.loads(girih("gc", "--format", "json").out)["gone"]] == ["1.0.1"]
    assert girih("gc", "--dry-run").code == 0
    assert "(collected on " in girih("versions", "hello").out
    assert "was collected" in girih("run", "hello@1.0.1", "-i", "question=Hi").err


def test_a_folder_is_pulled_with_its_comments(girih: Girih, file: Path, tmp_path: Path) -> None:
    file.write_text(COMMENT + file.read_text())
    assert girih("apply", str(file.parent)).code == 0
    done = girih("pull", "copy")
    assert done.code == 0, done.err
    copy = tmp_path / "copy"
    there = {str(path.relative_to(copy)) for path in copy.rglob("*.*") if ".girih" not in path.parts}
    assert "hello.yaml" in there and len(there) >= 4
    for name in there:
        assert (copy / name).read_text() == (file.parent / name).read_text(), name
    assert girih("plan", "copy").code == 0
    assert (girih("pull", "copy", "--check").code, girih("pull", "copy").code) == (0, 0)


def test_nothing_that_differs_is_written_over_and_who_changed_it_is_told(
    girih: Girih, file: Path, tmp_path: Path
) -> None:
    assert girih("pull", "copy").code == 0
    copy = tmp_path / "copy" / "hello.yaml"
    change(girih, file, "tokens: 12", "tokens: 13")
    drift = girih("plan", "copy")
    assert "drift: graph/v1 hello was changed on the server by key:" in drift.err
    checked = girih("pull", "copy", "--check")
    assert checked.code == 3
    assert "changed there  graph/v1 hello  hello.yaml, by key:" in checked.out
    assert "+++ hello.yaml (server)" in checked.out and "tokens: 13" in checked.out
    assert "tokens: 12" in copy.read_text()
    copy.write_text(copy.read_text() + COMMENT)
    refused = girih("pull", "copy")
    assert refused.code == 3
    assert "changed here and there" in refused.out
    assert copy.read_text().endswith(COMMENT)
    forced = girih("pull", "copy", "--force")
    assert forced.code == 0, forced.err
    assert copy.read_text() == file.read_text()
    assert "drift" not in girih("plan", "copy").err
    copy.write_text(copy.read_text() + COMMENT)
    assert "changed here   graph/v1 hello" in girih("pull", "copy", "--check").out


def test_a_moved_alias_is_drift_too(girih: Girih, file: Path) -> None:
    change(girih, file, "tokens: 12", "tokens: 13")
    assert girih("publish", "hello", "--version", "1.0.1").code == 0
    told = girih("plan", str(file.parent))
    assert told.code == 0
    assert "drift: hello@prod was led from 1.0.0 to 1.0.1 by key:" in told.err
    pulled = girih("pull", str(file.parent), "--alias", "prod")
    assert pulled.code == 0, pulled.out
    assert "drift" not in girih("plan", str(file.parent)).err


def test_a_file_that_only_the_folder_has_stays(girih: Girih, published: Path) -> None:
    mine = published / "mine.yaml"
    mine.write_text("kind: model/v1\nname: mine\nprovider: demo\n")
    checked = girih("pull", str(published), "--check")
    assert (checked.code, "only here      model/v1 mine  mine.yaml" in checked.out) == (3, True)
    assert girih("pull", str(published)).code == 0
    assert mine.exists()


async def test_a_key_that_may_only_publish_applies(
    girih: Girih, workspace: Path, uow: UnitOfWork, scope: OrgScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await IdentityService(uow).create_key(scope, "publisher", frozenset({"agents:publish"}))
    monkeypatch.setenv("GIRIH_API_KEY", made.key)
    done = girih("apply", str(workspace))
    assert done.code == 0, done.err
    assert not (workspace / ".girih").exists(), "it cannot know what the server has"
