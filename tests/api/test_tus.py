"""Uploads in pieces by the protocol tus, as the client `tuspy` speaks it to real processes of ours."""

from __future__ import annotations

import base64
import hashlib
import io
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.api.conftest import WORKSPACE, Client, is_problem
from tests.api.process import api_process
from tusclient.client import TusClient
from tusclient.uploader import Uploader

from girih.db.tenancy import OrgScope
from girih.wiring.server import Girih

BOOK = b"# Beasts\n\n" + b"A beast with four legs and no name. " * 80_000
"""2.8 MB."""
WELCOME = {"tus-resumable": "1.0.0"}


@pytest.fixture
async def key(girih: Girih, scope: OrgScope) -> AsyncIterator[str]:
    await girih.agents.apply(scope, WORKSPACE)
    yield (await girih.identity.create_key(scope, "tus", scope.permissions)).key


@contextmanager
def server(database_url: str, folder: Path, key: str) -> Iterator[tuple[TusClient, httpx.Client]]:
    headers = {"authorization": f"Bearer {key}"}
    with (
        api_process(database_url, folder) as api,
        httpx.Client(base_url=api.url, headers=headers, timeout=30, trust_env=False) as http,
    ):
        yield TusClient(f"{api.url}/v1/uploads", headers=headers), http
        assert api.stop(signal.SIGTERM) == 0, api.log.read_text()


def uploader(client: TusClient, content: bytes = BOOK, **more: object) -> Uploader:
    metadata = {"collection": "shelf", "filename": "beasts.md", "metadata": '{"year": 2024}'}
    return client.uploader(
        file_stream=io.BytesIO(content), chunk_size=600_000, metadata=metadata, upload_checksum=True, **more
    )


def test_an_upload_goes_on_in_another_process_after_a_restart(database_url: str, tmp_path: Path, key: str) -> None:
    with server(database_url, tmp_path, key) as (client, http):
        first = uploader(client)
        first.upload_chunk()
        first.upload_chunk()
        path = httpx.URL(first.url).path
        assert http.head(path, headers=WELCOME).headers["upload-offset"] == "1200000"
    with server(database_url, tmp_path, key) as (client, http):
        again = uploader(client, url=f"{client.url.removesuffix('/v1/uploads')}{path}")
        assert again.offset == 1_200_000
        again.upload()
        made = http.get(path, headers=WELCOME).json()
        document = http.get(f"/v1/documents/{made['document_id']}").json()
        assert (document["name"], document["metadata"]) == ("beasts.md", {"year": 2024})
        assert document["sha256"] == hashlib.sha256(BOOK).hexdigest()
        assert http.get(f"/v1/documents/{made['document_id']}/content").content == BOOK
    assert not list((tmp_path / "data" / "uploads").rglob("*")) or not [
        file for file in (tmp_path / "data" / "uploads").rglob("*") if file.is_file()
    ]


async def test_it_says_what_it_speaks(client: Client, anonymous: Client) -> None:
    answer = await anonymous.request("OPTIONS", "/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert set(answer.headers["tus-extension"].split(",")) == {"creation", "termination", "expiration", "checksum"}
    assert answer.headers["tus-max-size"] == str(2**20)
    refused = await client.post("/v1/uploads", headers={"upload-length": "1"})
    assert (refused.status_code, refused.headers["tus-version"]) == (412, "1.0.0")


def head(**fields: str) -> dict[str, str]:
    given = {"collection": "shelf", "filename": "a.md"} | fields
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in given.items())
    return WELCOME | {"upload-metadata": ",".join(pairs)}


async def begun(client: Client, length: int, **fields: str) -> str:
    answer = await client.post("/v1/uploads", headers=head(**fields) | {"upload-length": str(length)})
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-expires"].endswith("GMT")
    place: str = answer.headers["location"]
    return place


async def sent(client: Client, place: str, offset: int, content: bytes, **more: str) -> httpx.Response:
    headers = WELCOME | {"content-type": "application/offset+octet-stream", "upload-offset": str(offset)} | more
    return await client.patch(place, content=content, headers=headers)


async def test_bytes_come_in_pieces_and_become_a_document(
    published: Client, work: Callable[[], Awaitable[None]]
) -> None:
    place = await begun(published, 10)
    first = await sent(published, place, 0, b"four ")
    assert (first.status_code, first.headers["upload-offset"]) == (204, "5")
    assert (await sent(published, place, 0, b"four ")).status_code == 409
    assert (await sent(published, place, 7, b"x")).status_code == 409
    last = await sent(published, place, 5, b"legs.")
    assert (last.status_code, last.headers["upload-offset"]) == (204, "10")
    await work()
    document = (await published.get(f"/v1/documents/{last.headers['girih-document']}")).json()
    assert (document["status"], document["size"]) == ("ready", 10)
    assert (await published.delete(place, headers=WELCOME)).status_code == 204
    assert (await published.head(place, headers=WELCOME)).status_code == 404
    assert (await published.get(f"/v1/documents/{document['id']}")).status_code == 200


async def test_a_wrong_checksum_leaves_what_was_there(published: Client) -> None:
    place = await begun(published, 4)
    good = base64.b64encode(hashlib.sha1(b"four").digest()).decode()
    bad = await sent(published, place, 0, b"five", **{"upload-checksum": f"sha1 {good}"})
    assert (bad.status_code, bad.json()["code"]) == (460, "checksum_mismatch")
    assert (await published.head(place, headers=WELCOME)).headers["upload-offset"] == "0"
    unknown = await sent(published, place, 0, b"four", **{"upload-checksum": f"crc7 {good}"})
    is_problem(unknown, 422)
    assert (await sent(published, place, 0, b"four", **{"upload-checksum": f"sha1 {good}"})).status_code == 204


@pytest.mark.parametrize(
    ("length", "fields", "status"),
    [
        (str(2**20 + 1), {}, 413),
        ("9" * 40, {}, 413),
        ("0", {}, 422),
        ("-1", {}, 422),
        ("many", {}, 422),
        ("4", {"collection": "attic"}, 404),
        ("4", {"filename": "tool.exe"}, 415),
        ("4", {"filename": "a\0b.md"}, 422),
        ("4", {"filename": ""}, 422),
        ("4", {"metadata": '{"a": {"b": 1}}'}, 422),
        ("4", {"metadata": '{"a": "\\u0000"}'}, 422),
        ("4", {"readers": '["everybody"]'}, 422),
    ],
)
async def test_what_cannot_be_is_refused_before_a_byte_comes(
    published: Client, length: str, fields: dict[str, str], status: int
) -> None:
    answer = await published.post("/v1/uploads", headers=head(**fields) | {"upload-length": length})
    is_problem(answer, status)
    assert answer.headers["tus-resumable"] == "1.0.0"


async def test_more_bytes_than_announced_are_refused(published: Client) -> None:
    place = await begun(published, 4)
    is_problem(await sent(published, place, 0, b"fours"), 413)
    plain = await published.patch(place, content=b"four", headers=WELCOME | {"upload-offset": "0"})
    is_problem(plain, 415)
    assert (await published.head(place, headers=WELCOME)).headers["upload-offset"] == "0"


async def test_a_stranger_sees_no_upload(
    published: Client, client_for: Callable[[OrgScope], Awaitable[Client]], other_scope: OrgScope
) -> None:
    place, stranger = await begun(published, 4), await client_for(other_scope)
    assert (await stranger.head(place, headers=WELCOME)).status_code == 404
    assert (await sent(stranger, place, 0, b"four")).status_code == 404
    assert (await stranger.delete(place, headers=WELCOME)).status_code == 404


async def test_repeated_with_a_key_it_begins_once(published: Client) -> None:
    headers = head() | {"upload-length": "4", "idempotency-key": "the same"}
    first, again = [await published.post("/v1/uploads", headers=headers) for _ in range(2)]
    assert first.headers["location"] == again.headers["location"]
