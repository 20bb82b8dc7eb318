"""Archives of repositories: tar and zip, what is unpacked and what is not, bombs, and one that has not changed."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from tests.providers.loaders.listing import fetched, listed, loader, reach, state_of
from tests.providers.loaders.site import Site, site

from girih.providers.loaders import archives
from girih.providers.loaders.archives import members
from girih.providers.loaders.base import ItemFault, Loader, SourceFault, Unchanged

FILES = {"docs/guide.md": b"# Guide", "docs/deep/more.md": b"# More", "src/main.py": b"print()"}


def tar(files: Mapping[str, bytes], *extra: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, body in files.items():
            info = tarfile.TarInfo(f"repo-main/{path}")
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for info in extra:
            archive.addfile(info)
    return out.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, body in files.items():
            archive.writestr(f"repo-main/{path}", body)
    return out.getvalue()


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"repo-main/{name}")
    info.type, info.linkname = kind, to
    return info


@pytest.fixture
async def host() -> AsyncIterator[Site]:
    async with site() as found:
        yield found


def git(host: Site, state: Mapping[str, str] | None = None, **options: object) -> Loader:
    at = reach({"host": host.url}, secrets={"git.token": "t0ken"})
    return loader(
        at, state=state, kind="git", endpoint="host", path="/o/r/{ref}", token="secret://git.token", **options
    )


@pytest.mark.parametrize("pack", [tar, zipped])
async def test_files_of_a_ref_come_with_their_hash(host: Site, pack: object) -> None:
    host.put("/o/r/v1.0", pack(FILES), kind="application/octet-stream")  # type: ignore[operator]
    source = git(host, ref="v1.0", include=["docs/**"])
    more, guide = sorted(await listed(source), key=lambda item: item.ref)
    assert (more.ref, guide.ref) == ("docs/deep/more.md", "docs/guide.md")
    assert await fetched(source, guide) == b"# Guide"
    assert guide.mark != more.mark
    assert {asked.headers["authorization"] for asked in host.asked} == {"Bearer t0ken"}


async def test_an_unchanged_archive_is_not_sent_again(host: Site) -> None:
    host.put("/o/r/main", tar(FILES), etag='"1"')
    state = await state_of(git(host))
    with pytest.raises(Unchanged):
        await listed(git(host, state))
    assert len(host.sent) == 1
    host.put("/o/r/dev", tar({"a.md": b"a"}), etag='"1"')
    assert [item.ref for item in await listed(git(host, state, ref="dev"))] == ["a.md"]


async def test_links_and_ways_out_are_left_out(host: Site) -> None:
    outside = tarfile.TarInfo("repo-main/../../etc/cron.d/x.md")
    absolute = tarfile.TarInfo("/etc/x.md")
    extra = (link("passwd.md", "/etc/passwd"), link("hard.md", "docs/guide.md", tarfile.LNKTYPE), outside, absolute)
    host.put("/o/r/main", tar(FILES, *extra))
    assert {item.ref for item in await listed(git(host))} == {"docs/guide.md", "docs/deep/more.md"}


async def test_a_large_file_fails_alone(host: Site) -> None:
    host.put("/o/r/main", tar(FILES | {"big.md": b"x" * (2**20 + 1)}))
    source = git(host)
    by_ref = {item.ref: item for item in await listed(source)}
    with pytest.raises(ItemFault, match="larger than 1 MB"):
        await fetched(source, by_ref["big.md"])
    assert await fetched(source, by_ref["docs/guide.md"])


@pytest.mark.parametrize("body", [b"", b"<html>sign in</html>", tar(FILES)[:60], zipped(FILES)[:40], b"PK\x05\x06"])
async def test_what_is_no_archive_is_a_fault_and_no_empty_listing(host: Site, body: bytes) -> None:
    host.put("/o/r/main", body)
    with pytest.raises(SourceFault, match="archive"):
        await listed(git(host))


def announced(size: int) -> bytes:
    """A tar whose first header promises that many bytes of another header."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, size
    return gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 2**20)


@pytest.mark.parametrize("size", [2**33 - 1, 17 * 2**20])
def test_a_header_that_promises_gigabytes_ends_early(tmp_path: Path, size: int) -> None:
    (tmp_path / "bomb").write_bytes(announced(size))
    with pytest.raises(SourceFault, match="broken"):
        list(members(tmp_path / "bomb"))


def test_bombs_end_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED", 10**6)
    for pack in (tar, zipped):
        (tmp_path / "bomb").write_bytes(pack({f"{number}.md": b"\0" * 300_000 for number in range(5)}))
        with pytest.raises(SourceFault, match="unpacks to more"):
            list(members(tmp_path / "bomb"))
    monkeypatch.setattr(archives, "MAX_FILES", 3)
    (tmp_path / "many").write_bytes(zipped({f"{number}.md": b"" for number in range(5)}))
    with pytest.raises(SourceFault, match="more than 3 files"):
        list(members(tmp_path / "many"))
