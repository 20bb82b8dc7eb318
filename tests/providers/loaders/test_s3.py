"""Buckets of a real S3 server: pages, marks, keys that only an endpoint gets, and faults in words."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from pydantic import ValidationError
from tests.providers.aws_server import aws_server
from tests.providers.loaders.listing import fetched, listed, loader, reach

from girih.providers.loaders import s3
from girih.providers.loaders.base import Item, ItemFault, ItemGone, ItemSame, Loader, SourceFault
from girih.providers.loaders.veiled import Veiled

KEYS = {"s3.access": "someone", "s3.secret": "their secret"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with aws_server() as address:
        yield address


@pytest.fixture
def bucket(server: str) -> str:
    name = f"docs-{uuid4().hex[:8]}"
    put(server, name, "")
    for number in range(5):
        put(server, name, f"guides/{number}.md", f"guide {number}")
    put(server, name, "guides/folder/")
    put(server, name, "other/x y+ü.md", "other")
    return name


def put(server: str, bucket: str, key: str, body: str = "") -> None:
    signed = {"authorization": "AWS someone:anything"}
    httpx.put(f"{server}/{bucket}/{key}", content=body.encode(), headers=signed, trust_env=False).raise_for_status()


def opened(server: str, bucket: str, **options: object) -> Loader:
    at = reach({"minio": server}, secrets=KEYS)
    keys = {"access_key": "secret://s3.access", "secret_key": "secret://s3.secret"}
    return loader(at, kind="s3", bucket=bucket, endpoint="minio", **keys | options)


async def test_objects_come_in_pages_with_their_etag(server: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_PAGE_KEYS", 2)
    source = opened(server, bucket, prefix="guides/")
    items = await listed(source)
    assert [item.name for item in items] == [f"{number}.md" for number in range(5)]
    assert [item.ref for item in await listed(source, items[1].ref)] == [item.ref for item in items[2:]]
    assert await fetched(source, items[3]) == b"guide 3"
    with pytest.raises(ItemSame):
        await fetched(source, items[3], items[3].mark)
    put(server, bucket, "guides/3.md", "guide 3, second edition")
    assert (await listed(source))[3].mark != items[3].mark
    with pytest.raises(ItemGone):
        await fetched(source, Item("guides/9.md", "9.md"))


async def test_odd_keys_and_patterns(server: str, bucket: str) -> None:
    [odd] = await listed(opened(server, bucket, include=["other/**"]))
    assert odd.ref == "other/x y+ü.md"
    assert await fetched(opened(server, bucket), odd) == b"other"


async def test_what_is_wrong_is_said_without_a_key(server: str, bucket: str) -> None:
    with pytest.raises(SourceFault, match="there is no such bucket"):
        await listed(opened(server, "no-such-bucket"))
    with pytest.raises(SourceFault, match="'s3.access' is not set"):
        loader(
            reach({"minio": server}), kind="s3", bucket=bucket, endpoint="minio",
            access_key="secret://s3.access", secret_key="secret://s3.secret",
        )  # fmt: skip
    away = opened("http://127.0.0.1:1", bucket)
    with pytest.raises(SourceFault) as fault:
        await listed(away)
    assert fault.value.can_pass
    assert "secret" not in fault.value.message


async def test_keys_need_an_endpoint_and_a_private_host_needs_the_operator(server: str, bucket: str) -> None:
    with pytest.raises(ValidationError, match="only sent to an `endpoint`"):
        loader(reach(), kind="s3", bucket=bucket, access_key="secret://a", secret_key="secret://b")
    source = opened(server, bucket)
    assert isinstance(source, Veiled) and isinstance(source._loader, s3.S3Loader)
    source._loader._http = reach().client  # as if the endpoint were gone
    with pytest.raises(SourceFault, match="not on the public network"):
        await listed(source)
    with pytest.raises(ItemFault, match="not on the public network"):
        await fetched(source, Item("guides/1.md", "1.md"))
