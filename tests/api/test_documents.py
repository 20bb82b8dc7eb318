"""Documents over HTTP: found in pages, in versions, as passages and files; many at once; moved, restored, deleted."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.api.conftest import Client, ClientMaker, is_problem, upload
from tests.providers.parsers import samples

from girih.api.downloads import disposition
from girih.db.tenancy import OrgScope

Work = Callable[[], Awaitable[None]]
SHELF = "/v1/collections/shelf/documents"
READING = frozenset({"knowledge:read"})


async def put(client: Client, name: str, text: bytes | str = "some words", **fields: object) -> dict[str, Any]:
    said = {key: value if isinstance(value, str) else json.dumps(value) for key, value in fields.items()}
    answer = await client.post(SHELF, files=upload(text, name), data=said)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def names(client: Client, **query: Any) -> list[str]:
    found, cursor = [], None
    while True:
        page = (await client.get(SHELF, params=query | ({"cursor": cursor} if cursor else {}))).json()
        found += [item["name"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            return found


async def test_lists_are_filtered_sorted_and_in_pages(published: Client, work: Work) -> None:
    for number, text in enumerate(["x" * 30, "x" * 10, "x" * 20]):
        await put(published, f"{number}_a.md", text, metadata={"team": "sales" if number else "law", "n": number})
    await put(published, "b.pdf", b"%PDF-1.7 broken")
    await work()
    assert await names(published, limit=1) == ["0_a.md", "1_a.md", "2_a.md", "b.pdf"]
    assert await names(published, limit=2, sort="-size", name_contains="_A.") == ["0_a.md", "2_a.md", "1_a.md"]
    assert await names(published, limit=3, sort="-created_at") == ["b.pdf", "2_a.md", "1_a.md", "0_a.md"]
    assert await names(published, limit=1, sort="updated_at", status="failed") == ["b.pdf"]
    assert await names(published, metadata='{"team": "sales"}') == ["1_a.md", "2_a.md"]
    assert await names(published, updated_since="2999-01-01T00:00:00Z") == []
    assert await names(published, name_contains="%") == []
    page = (await published.get(SHELF, params={"limit": 1})).json()
    for bad in ({"cursor": "x"}, {"cursor": page["next"], "sort": "size"}):
        is_problem(await published.get(SHELF, params=bad), 400, "bad_cursor")
    for bad in ({"metadata": "{"}, {"updated_since": "2026-01-01T00:00:00"}, {"sort": "colour"}, {"colour": "red"}):
        is_problem(await published.get(SHELF, params=bad), 422)
    shelf = (await published.get("/v1/collections/shelf")).json()
    assert shelf["by_status"] == {"ready": 3, "failed": 1}


async def test_versions_are_kept_downloaded_and_restored(published: Client, work: Work) -> None:
    first = await put(published, "a.md", "the first words", key="a", metadata={"year": 2023})
    second = await put(published, "renamed.md", "the second words", key="a")
    assert (second["id"], second["name"], second["metadata"]) == (first["id"], "renamed.md", {"year": 2023})
    same = await put(published, "renamed.md", "the second words", key="a", metadata={"year": 2024})
    assert (same["version"], same["metadata"]) == (second["version"], {"year": 2024})
    await work()
    path = f"/v1/documents/{first['id']}"
    versions = (await published.get(f"{path}/versions", params={"limit": 1})).json()
    assert [(v["version"], v["current"], v["name"]) for v in versions["items"]] == [
        (second["version"], True, "renamed.md")
    ]
    rest = (await published.get(f"{path}/versions", params={"cursor": versions["next"]})).json()
    assert [(v["version"], v["current"], v["metadata"]) for v in rest["items"]] == [
        (first["version"], False, {"year": 2023})
    ]
    old = await published.get(f"{path}/content", params={"version": first["version"]})
    assert old.content == b"the first words"
    restored = (await published.post(f"{path}/restore", json={"version": first["version"]})).json()
    assert restored["version"] > second["version"]
    await work()
    [chunk] = (await published.get(f"{path}/chunks")).json()["items"]
    assert (chunk["text"], chunk["ordinal"], chunk["start"]) == ("the first words", 0, 0)
    is_problem(await published.get(f"{path}/content", params={"version": 99}), 404)
    is_problem(await published.post(f"{path}/restore", json={"version": 99}), 404)


async def test_a_file_comes_back_whole_and_in_parts_and_never_as_a_page(published: Client) -> None:
    text = b"<html><script>alert(1)</script><p>0123456789</p></html>"
    document = await put(published, "dir/Grüße 'x'.html", text)
    path = f"/v1/documents/{document['id']}/content"
    whole = await published.get(path)
    assert (whole.status_code, whole.content) == (200, text)
    assert whole.headers["content-type"] == "text/html"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-disposition"].startswith(
        "attachment; filename=\"Gr__e _x_.html\"; filename*=UTF-8''Gr%C3"
    )
    assert "sandbox" in whole.headers["content-security-policy"]
    size = len(text)
    for asked, start, end in (
        ("bytes=3-6", 3, 7),
        ("bytes=5-", 5, size),
        ("bytes=-4", size - 4, size),
        ("bytes=0-999", 0, size),
    ):
        part = await published.get(path, headers={"range": asked})
        assert (part.status_code, part.content) == (206, text[start:end]), asked
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    for beyond in (f"bytes={size}-", "bytes=-0"):
        assert (await published.get(path, headers={"range": beyond})).status_code == 416
    for odd in ("bytes=6-3", "lines=1-2", "bytes=0-1,4-5", "bytes=-"):
        assert (await published.get(path, headers={"range": odd})).content == text
    tag = whole.headers["etag"]
    assert (await published.get(path, headers={"if-none-match": tag})).status_code == 304
    changed = {"range": "bytes=0-1", "if-range": '"another"'}
    assert (await published.get(path, headers=changed)).content == text


@pytest.mark.parametrize("name", ["a\r\nx: y.md", 'a"; filename=b.exe', "../../b.md", "é.md", "\u202eexe.md"])
def test_no_name_breaks_out_of_its_header(name: str) -> None:
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert ".." not in header.split('"')[1] or "/" not in header


async def test_readers_alone_fetch_what_is_for_them(
    published: Client, client_for: ClientMaker, scope: OrgScope, work: Work
) -> None:
    document = await put(published, "secret.md", "for some", readers=["user:anna", "group:law"])
    await work()
    reader = await client_for(scope, READING)
    for path in (f"/v1/documents/{document['id']}/content", f"/v1/documents/{document['id']}/chunks"):
        is_problem(await reader.get(path), 403)
        is_problem(await reader.get(path, params={"user": "bob", "group": ["sales"]}), 403)
        assert (await reader.get(path, params={"user": "anna"})).status_code == 200
        assert (await reader.get(path, params={"group": ["sales", "law"]})).status_code == 200
        assert (await published.get(path)).status_code == 200
    opened = await published.patch(f"/v1/documents/{document['id']}", json={"readers": None})
    assert opened.json()["readers"] is None
    assert (await reader.get(f"/v1/documents/{document['id']}/content")).status_code == 200
    is_problem(await reader.delete(f"/v1/documents/{document['id']}"), 403)
    is_problem(await published.patch(f"/v1/documents/{document['id']}", json={"readers": ["anna"]}), 422)


async def test_readers_alone_are_shown_what_is_for_them(
    published: Client, client_for: ClientMaker, scope: OrgScope, work: Work
) -> None:
    secret = await put(published, "secret.md", "for some", readers=["user:anna", "group:law"])
    await put(published, "open.md", "for all")
    await work()
    reader = await client_for(scope, READING)
    one, listing = f"/v1/documents/{secret['id']}", "/v1/collections/shelf/documents"
    asked: list[tuple[Client, dict[str, Any], bool]] = [
        (reader, {}, False),
        (reader, {"user": "bob", "group": ["sales"]}, False),
        (reader, {"role": "law"}, False),
        (reader, {"user": "anna"}, True),
        (reader, {"group": ["sales", "law"]}, True),
        (published, {}, True),
        # Whoever is named as the asker counts, not what the key may do.
        (published, {"user": "bob"}, False),
        (published, {"user": "anna"}, True),
    ]
    for client, params, may in asked:
        listed = (await client.get(listing, params={**params, "sort": "-name"})).json()["items"]
        assert [each["name"] for each in listed] == (["secret.md"] if may else []) + ["open.md"], params
        pages = [(await client.get(listing, params={**params, "limit": 1})).json()]
        while pages[-1]["next"]:
            pages.append((await client.get(listing, params={**params, "limit": 1, "cursor": pages[-1]["next"]})).json())
        assert sum(len(page["items"]) for page in pages) == len(listed)
        for path in (one, f"{one}/versions", f"{one}/chunks", f"{one}/content"):
            answer = await client.get(path, params=params)
            assert answer.status_code == (200 if may else 403), (path, params)
            assert may or "secret" not in answer.text


async def test_a_document_is_renamed_and_moved(published: Client, work: Work) -> None:
    attic = "kind: collection/v1\nname: attic\ndescription: Old things.\n"
    assert (await published.post("/v1/workspace/apply", json={"files": {"attic.yaml": attic}})).is_success
    document, other = await put(published, "a.md", "about a unicorn"), await put(published, "b.md", "about a horse")
    await work()
    path = f"/v1/documents/{document['id']}"
    is_problem(await published.patch(path, json={"name": "b.md"}), 409)
    is_problem(await published.patch(path, json={"name": "a.pdf"}), 422)
    is_problem(await published.patch(path, json={"collection": "cellar"}), 404)
    is_problem(await published.patch(path, json={"colour": "red"}), 422)
    moved = (await published.patch(path, json={"name": "c.md", "collection": "attic", "metadata": {"x": [1]}})).json()
    assert (moved["name"], moved["key"], moved["collection"], moved["metadata"]) == (
        "c.md",
        "c.md",
        "attic",
        {"x": [1]},
    )
    ask = {"query": "unicorn", "mode": "keyword"}
    assert (await published.post("/v1/collections/shelf/search", json=ask)).json()["hits"] == []
    await work()
    [hit] = (await published.post("/v1/collections/attic/search", json=ask)).json()["hits"]
    assert hit["document_id"] == document["id"]
    assert (await published.delete("/v1/collections/attic")).status_code == 204
    is_problem(await published.get(path), 404)
    is_problem(await published.get("/v1/collections/attic"), 404)
    assert (await published.get(f"/v1/documents/{other['id']}")).status_code == 200


async def test_many_files_at_once_are_answered_for_one_by_one(published: Client, work: Work) -> None:
    files = [
        ("metadata", (None, '{"n": 1}')),
        ("file", ("good.md", b"good words", "text/markdown")),
        ("file", ("tool.exe", b"MZ\x90", "text/plain")),
        ("file", ("empty.md", b"", "text/plain")),
        ("file", ("large.md", b"x" * (2**20 + 1), "text/plain")),
        ("metadata", (None, "no json")),
        ("file", ("odd.md", b"words", "text/plain")),
        ("key", (None, "the key")),
        ("file", ("scan.pdf", samples.scan(), "text/plain")),
        ("file", ("last.md", b"last words", "text/plain")),
    ]
    answer = await published.post(f"{SHELF}/bulk", files=files)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(item["name"], item["status"]) for item in items] == [
        ("good.md", 202), ("tool.exe", 415), ("empty.md", 422), ("large.md", 413), ("odd.md", 422), ("scan.pdf", 202),
        ("last.md", 202),
    ]  # fmt: skip
    assert (items[0]["document"]["metadata"], items[6]["document"]["metadata"]) == ({"n": 1}, {})
    assert items[5]["document"]["key"] == "the key"
    assert "`metadata`" in items[4]["detail"]
    await work()
    listed = (await published.get(SHELF)).json()["items"]
    assert {item["name"]: item["status"] for item in listed} == {
        "good.md": "ready",
        "scan.pdf": "failed",
        "last.md": "ready",
    }
    is_problem(await published.post("/v1/collections/attic/documents/bulk", files=files), 404)  # type: ignore[arg-type]
    is_problem(await published.post(f"{SHELF}/bulk", files=[("key", (None, "x"))]), 422)  # type: ignore[list-item]


async def test_a_form_that_breaks_tells_what_was_taken(published: Client) -> None:
    head = b'--b\r\ncontent-disposition: form-data; name="file"; filename="%d.md"\r\n\r\n'
    content = head % 1 + b"words\r\n" + head % 2 + b"the connection breaks he"
    answer = await published.post(
        f"{SHELF}/bulk", content=content, headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert [item["status"] for item in answer.json()["items"]] == [202, 422]
    assert await names(published) == ["1.md"]


async def test_many_are_deleted_by_id_and_by_filter(published: Client) -> None:
    made = [await put(published, f"{n}.md", f"words {n}", metadata={"odd": n % 2}) for n in range(4)]
    nobody = "01a1fdcd-1472-7591-ba71-115e3d690001"
    answer = await published.post("/v1/documents/delete", json={"ids": [made[0]["id"], nobody]})
    assert answer.json() == {"deleted": [made[0]["id"]], "missing": [nobody], "more": False}
    by = {"collection": "shelf", "metadata": {"odd": 1}}
    assert len((await published.post("/v1/documents/delete", json=by)).json()["deleted"]) == 2
    assert await names(published) == ["2.md"]
    for bad in ({}, {"ids": [nobody], "collection": "shelf"}):
        is_problem(await published.post("/v1/documents/delete", json=bad), 422)


async def test_metadata_fits_the_fields_of_its_collection(published: Client) -> None:
    typed = "kind: collection/v1\nname: typed\nmetadata:\n  year: integer\n  team: string\n"
    applied = await published.post("/v1/workspace/apply", json={"files": {"typed.yaml": typed}})
    assert applied.is_success, applied.text
    path = "/v1/collections/typed/documents"
    for metadata in ('{"year": "2024"}', '{"year": 2024, "colour": "red"}'):
        answer = await published.post(path, files=upload("words", "a.md"), data={"metadata": metadata})
        assert "typed" in str(is_problem(answer, 422)["detail"]), metadata
    made = await published.post(path, files=upload("words", "a.md"), data={"metadata": '{"year": 2024, "team": "law"}'})
    assert made.status_code == 202, made.text
    is_problem(await published.patch(f"/v1/documents/{made.json()['id']}", json={"metadata": {"team": 7}}), 422)
