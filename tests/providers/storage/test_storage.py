"""Storage: one set of demands that a folder and a bucket of a real S3 server both meet."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import obstore
import pytest
from obstore.store import S3Store
from tests.providers.aws_server import aws_server

from girih.errors import InvalidInput, NotFound, Unavailable
from girih.providers.storage.base import PIECE, Storage
from girih.providers.storage.local import LocalStorage
from girih.providers.storage.s3 import Bucket, S3Storage

LARGE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(600_000))
"""19 MB that no compression helps with: three parts of an object."""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server of this module's own."""
    with aws_server() as address:
        yield address


@pytest.fixture
def bucket(s3: str) -> Bucket:
    """A bucket of this test's own, with a prefix."""
    name = f"files-{uuid4().hex[:8]}"
    httpx.put(f"{s3}/{name}", trust_env=False).raise_for_status()
    return Bucket(f"s3://{name}/girih/files", s3, "", "someone", "their secret")


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return LocalStorage(tmp_path / "storage")
    return S3Storage(request.getfixturevalue("bucket"))


async def all_of(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


async def test_bytes_come_back_as_they_were_whole_and_in_part(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    await storage.put("blobs/a/b", source)
    assert await storage.size("blobs/a/b") == len(LARGE)
    assert await all_of(storage.read("blobs/a/b")) == LARGE
    assert await all_of(storage.read("blobs/a/b", 5)) == LARGE[5:]
    assert await all_of(storage.read("blobs/a/b", 7, 3 * PIECE + 1)) == LARGE[7 : 3 * PIECE + 1]
    assert await all_of(storage.read("blobs/a/b", 7, 7)) == b""
    async with storage.file("blobs/a/b") as path:
        assert path.read_bytes() == LARGE


async def test_small_bytes_are_replaced_and_removed(storage: Storage) -> None:
    await storage.put_bytes("x/1", b"one")
    await storage.put_bytes("x/1", b"another")
    await storage.put_bytes("x/2/3", b"")
    assert await storage.get_bytes("x/1") == b"another"
    assert await storage.get_bytes("x/2/3") == b""
    await storage.delete("x/1")
    await storage.delete("x/1")
    assert await storage.get_bytes("x/1") is None
    assert await storage.size("x/1") is None


async def test_a_whole_folder_of_keys_goes_and_its_neighbours_stay(storage: Storage) -> None:
    for number in range(30):
        await storage.put_bytes(f"uploads/one/{number}", b"x")
    await storage.put_bytes("uploads/one-more/1", b"y")
    await storage.delete_all("uploads/one/")
    await storage.delete_all("uploads/nothing/")
    assert [await storage.size(f"uploads/one/{number}") for number in (0, 29)] == [None, None]
    assert await storage.get_bytes("uploads/one-more/1") == b"y"


async def test_keys_below_a_prefix_are_listed(storage: Storage) -> None:
    wanted = {"blobs/one/ab/abcd", "blobs/one/cd/cdef", "blobs/one/cd/cdff"}
    for key in (*wanted, "blobs/one-more/ab/abcd"):
        await storage.put_bytes(key, b"x")
    assert {key async for key in storage.keys("blobs/one/")} == wanted
    assert [key async for key in storage.keys("blobs/nobody/")] == []


async def test_what_is_not_there_is_said(storage: Storage) -> None:
    with pytest.raises(NotFound):
        await all_of(storage.read("nothing/here"))
    with pytest.raises(NotFound):
        async with storage.file("nothing/here"):
            pass


async def test_a_bucket_is_used_below_its_prefix_alone(bucket: Bucket) -> None:
    await S3Storage(bucket).put_bytes("k", b"v")
    name = bucket.url.removeprefix("s3://").split("/")[0]
    plain = S3Store(
        name,
        endpoint=bucket.endpoint,
        region="us-east-1",
        access_key_id="someone",
        secret_access_key="their secret",
        client_options={"allow_http": True},
    )
    assert [each["path"] for page in obstore.list(plain) for each in page] == ["girih/files/k"]


async def test_a_large_object_passes_in_pieces(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(LARGE)
    await storage.put("large", source)
    sizes = [len(piece) async for piece in storage.read("large")]
    assert sum(sizes) == len(LARGE)
    assert max(sizes) <= 2 * PIECE


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", None])
async def test_a_storage_that_does_not_answer_is_said_in_words_without_secrets(
    bucket: Bucket, endpoint: str | None
) -> None:
    url = bucket.url if endpoint else "s3://no-such-bucket-here/x"
    away = S3Storage(Bucket(url, endpoint or bucket.endpoint, "", "someone", "their secret"))
    with pytest.raises(Unavailable) as fault:
        await away.put_bytes("k", b"v")
    assert "does not answer" in fault.value.message
    assert "secret" not in str(fault.value.details) + fault.value.message


@pytest.mark.parametrize("url", ["s3:/bucket", "https://bucket/x", "bucket", "s3://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="GIRIH_STORAGE_URL"):
        S3Storage(Bucket(url))


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a//b", "a\\b", "a\0b", ""])
async def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        await LocalStorage(tmp_path).put_bytes(key, b"x")
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where a folder should be")
    with pytest.raises(Unavailable, match="storage folder"):
        await LocalStorage(tmp_path).put_bytes("blobs/x", b"x")
