"""Folders: what is listed, in which order, and what no path and no link leads to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.providers.loaders.listing import fetched, listed, loader, reach

from girih.providers.loaders.base import Item, ItemFault, ItemGone, SourceFault


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "allowed"
    for name in ("b.md", "a/z.md", "a/b/c.txt", "a.txt", ".hidden/x.md", "skip/me.md"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"this is {name}")
    return root


async def test_files_come_in_order_and_the_listing_goes_on_after_any_of_them(folder: Path) -> None:
    source = loader(reach(folders=[folder]), kind="folder", path=str(folder))
    every = [item.ref for item in await listed(source)]
    assert every == ["a/b/c.txt", "a/z.md", "a.txt", "b.md", "skip/me.md"]
    for at, ref in enumerate(every):
        assert [item.ref for item in await listed(source, ref)] == every[at + 1 :]


async def test_patterns_choose(folder: Path) -> None:
    options = {"kind": "folder", "path": str(folder), "include": ["**/*.md"], "exclude": ["skip/**"]}
    assert [item.ref for item in await listed(loader(reach(folders=[folder]), **options))] == ["a/z.md", "b.md"]
    hidden = loader(reach(folders=[folder]), kind="folder", path=str(folder), hidden=True, include=["*.md"])
    assert ".hidden/x.md" in [item.ref for item in await listed(hidden)]


async def test_a_mark_changes_with_the_file_and_the_bytes_are_the_files(folder: Path) -> None:
    source = loader(reach(folders=[folder]), kind="folder", path=str(folder), include=["b.md"])
    [before] = await listed(source)
    assert await fetched(source, before) == b"this is b.md"
    (folder / "b.md").write_text("this is more")
    [after] = await listed(source)
    assert after.mark != before.mark


async def test_links_and_pipes_lead_nowhere(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("not yours")
    (folder / "link.md").symlink_to(secret)
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.md")
    source = loader(reach(folders=[folder]), kind="folder", path=str(folder))
    assert not {"link.md", "pipe.md"} & {item.ref for item in await listed(source)}
    for ref in ("link.md", "../secret.md", "linked/secret.md", "pipe.md"):
        with pytest.raises(ItemFault):
            await fetched(source, Item(ref, ref))
    with pytest.raises(ItemGone):
        await fetched(source, Item("was.md", "was.md"))


@pytest.mark.parametrize("path", ["/", "/etc", "{allowed}/..", "{allowed}/../other", "{allowed}x"])
def test_only_what_lies_below_an_allowed_folder(folder: Path, path: str) -> None:
    with pytest.raises(SourceFault, match="does not lie below"):
        loader(reach(folders=[folder]), kind="folder", path=path.format(allowed=folder))
    with pytest.raises(SourceFault, match="allows no folder"):
        loader(reach(), kind="folder", path=str(folder))


async def test_a_folder_that_vanished_is_no_empty_folder(folder: Path) -> None:
    source = loader(reach(folders=[folder]), kind="folder", path=str(folder / "mounted"))
    with pytest.raises(SourceFault, match="there is no folder"):
        await listed(source)
