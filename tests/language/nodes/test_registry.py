"""Finding node kinds: those of the folder and those of other packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from girih.errors import Conflict, InvalidInput
from girih.language.nodes import registry


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    registry.kinds.cache_clear()
    yield
    registry.kinds.cache_clear()


def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str) -> None:
    """Put a package with one entry point onto the path, as an installer would."""
    info = tmp_path / "added_nodes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: added-nodes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[girih.nodes]\nextra = added_nodes_for_test:Extra\n")
    (tmp_path / "added_nodes_for_test.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "added_nodes_for_test", raising=False)


def test_every_file_with_a_kind_is_found() -> None:
    assert {"llm", "retrieve", "call", "set", "parallel", "graph", "end"} <= set(registry.kinds())
    assert list(registry.kinds()) == sorted(registry.kinds())
    assert registry.kinds() is registry.kinds()


def test_another_package_adds_a_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = (
        "from girih.language.nodes.set import SetConfig, SetNode\n"
        "class Extra(SetNode):\n    '''Extra.'''\n    verb = 'extra'\n    Config = SetConfig\n"
    )
    installed(monkeypatch, tmp_path, source)
    assert "extra" in registry.kinds()


def test_a_verb_belongs_to_one_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, tmp_path, "from girih.language.nodes.end import EndNode\nclass Extra(EndNode):\n    pass\n")
    with pytest.raises(Conflict, match="two node kinds have the verb 'end'"):
        registry.kinds()


def test_an_entry_must_be_a_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    installed(monkeypatch, tmp_path, "Extra = 5\n")
    with pytest.raises(InvalidInput, match="is not a NodeKind class"):
        registry.kinds()
