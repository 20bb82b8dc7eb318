"""Reading a folder: its own texts, and nothing beyond."""

from __future__ import annotations

from pathlib import Path

import pytest

from girih.errors import InvalidInput, NotFound, TooLarge
from girih.language.compiler import folder
from girih.language.compiler.folder import read_folder
from girih.language.spec.reader import MAX_BYTES, read
from girih.language.spec.source import Source


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def test_texts_by_path_in_order(tmp_path: Path) -> None:
    write(tmp_path, {"b.yaml": "b", "a/c.md": "ü", "a/b.json": "{}", "bom.md": b"\xef\xbb\xbfx"})
    assert dict(read_folder(tmp_path).files) == {"a/b.json": "{}", "a/c.md": "ü", "b.yaml": "b", "bom.md": "x"}
    assert list(read_folder(tmp_path).files) == ["a/b.json", "a/c.md", "b.yaml", "bom.md"]


def test_left_out(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ok.md": "x", ".hidden.yaml": "x", ".git/config": "x", "node_modules/a.yaml": "x", "env/pyvenv.cfg": "x",
            "env/a.yaml": "x", "pic.png": b"\x89PNG\0", "latin.md": b"\xff\xfe\xfa", "big.txt": b"x" * (MAX_BYTES + 1),
        },
    )  # fmt: skip
    assert list(read_folder(tmp_path).files) == ["ok.md"]


def test_no_link_leads_out(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.yaml": "s", "dir/x.yaml": "s"})
    root = write(tmp_path / "root", {"a.yaml": "a"})
    (root / "file.yaml").symlink_to(outside / "secret.yaml")
    (root / "dir").symlink_to(outside / "dir")
    (root / "loop").symlink_to(root)
    (root / "gone.yaml").symlink_to(root / "nothing.yaml")
    (root / "inside.yaml").symlink_to(root / "a.yaml")
    assert dict(read_folder(root).files) == {"a.yaml": "a", "inside.yaml": "a"}


def test_faults_of_a_spec_reach_the_reader(tmp_path: Path) -> None:
    write(tmp_path, {"big.yaml": b"a: " + b"x" * MAX_BYTES, "latin.yaml": b"a: \xe9\n"})
    files = read_folder(tmp_path).files
    assert "larger than" in read(Source("big.yaml", files["big.yaml"]))[1][0].message
    (fault,) = read(Source("latin.yaml", files["latin.yaml"]))[1]
    assert ("not UTF-8" in fault.message, fault.place.column) == (True, 4)


def test_what_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no folder"):
        read_folder(tmp_path / "no")
    file = write(tmp_path, {"a.yaml": "a"}) / "a.yaml"
    with pytest.raises(InvalidInput, match="is a file"):
        read_folder(file)


def test_caps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"a.md": "x" * 60, "b.md": "x" * 60})
    monkeypatch.setattr(folder, "MAX_TOTAL", 100)
    with pytest.raises(TooLarge, match="holds more than"):
        read_folder(tmp_path)
    monkeypatch.setattr(folder, "MAX_TOTAL", 1000)
    monkeypatch.setattr(folder, "MAX_FILES", 1)
    with pytest.raises(TooLarge, match="more than 1 files"):
        read_folder(tmp_path)
