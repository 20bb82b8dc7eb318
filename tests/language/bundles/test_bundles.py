"""Bundles as bytes: nothing of one can differ unseen, whatever is done to it; and signatures hold for what was said."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.language.bundles.bundling import BUNDLE, KEY, RING, SMALL, made, statement

from girih.errors import GirihError, InvalidInput, TooLarge
from girih.language.bundles import archive
from girih.language.bundles.archive import MAX_BYTES, pack, unpack
from girih.language.bundles.manifest import MANIFEST, SEAL, read
from girih.language.bundles.statement import Statement, hash_of
from girih.language.spec.canonical import canonical_json
from girih.providers.signing.checking import check, uncovered
from girih.providers.signing.keys import SigningKey


def test_a_bundle_is_read_and_the_same_content_gives_the_same_bytes() -> None:
    bundle = read(BUNDLE)
    assert [one.standing for one in check(bundle, RING)] == ["signed"]
    assert list(uncovered(bundle, check(bundle, RING))) == []
    assert made() == BUNDLE, "Ed25519 gives one signature for one message"
    assert pack(unpack(BUNDLE)) == BUNDLE


def test_no_byte_can_be_another_one() -> None:
    for place in range(len(BUNDLE)):
        changed = bytearray(BUNDLE)
        changed[place] ^= 1 << place % 8
        with pytest.raises(GirihError):
            read(bytes(changed))


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A bundle with some of its bytes changed, taken out, put in, moved or cut off."""
    data = bytearray(BUNDLE)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 40))
        match draw(st.sampled_from(("cut", "put", "end", "double", "set"))):
            case "cut":
                del data[at : at + length]
            case "put":
                data[at:at] = draw(st.binary(max_size=40))
            case "end":
                del data[at:]
            case "double":
                data[at:at] = data[at : at + length]
            case _:
                data[at : at + length] = draw(st.binary(min_size=length, max_size=length))
    return bytes(data)


@settings(max_examples=200, deadline=None)
@given(mutations())
def test_whatever_is_done_to_it_is_seen(data: bytes) -> None:
    if data == BUNDLE:
        return
    with pytest.raises((InvalidInput, TooLarge)):
        read(data)


CHANGES: dict[str, Any] = {
    "name": "hallo",
    "version": "1.0.1",
    "digest": "sha256:" + "0" * 64,
    "language": 2,
    "plan": "sha256:" + "0" * 64,
    "source": "sha256:" + "0" * 64,
    "path": "other.yaml",
    "lock": None,
    "report": None,
    "forced": True,
    "created_at": "2026-01-02T00:00:00+00:00",
    "created_by": "key:2",
    "commit": "abc",
    "dirty": True,
    "message": "x",
}


@pytest.mark.parametrize("field", sorted(Statement.model_fields))
def test_a_signature_is_about_everything_that_is_said(field: str) -> None:
    other = statement(**{field: CHANGES[field]})
    assert [one.standing for one in check(read(made(other)), RING)] == ["forged"]


def test_another_key_is_unknown_and_cannot_pass_for_a_known_one() -> None:
    bundle = read(made(key=SigningKey.made()))
    assert [one.standing for one in check(bundle, RING)] == ["unknown"]
    (entry,) = bundle.manifest.versions
    assert entry.signature is not None
    posing = entry.signature.model_copy(update={"kid": KEY.public.kid})
    assert not KEY.public.holds(posing, entry.statement.as_bytes())


def test_a_document_that_no_signed_lock_names_is_told() -> None:
    bundle = read(made(model=SMALL + "params: { tokens: 3 }\n"))
    assert [entry.name for entry in uncovered(bundle, check(bundle, RING))] == ["small"]


def zipped(entries: list[tuple[zipfile.ZipInfo | str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in entries:
            file.writestr(name, content, compress_type=method)
    return buffer.getvalue()


def symlink(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


@pytest.mark.parametrize(
    "data",
    [
        zipped([("bomb.json", b"0" * 3_000_000)], zipfile.ZIP_DEFLATED),
        zipped([("../../etc/passwd", b"x")]),
        zipped([("/etc/passwd", b"x")]),
        zipped([("C:\\x", b"x")]),
        zipped([("a/../b", b"x")]),
        zipped([("a\nb", b"x")]),
        zipped([(symlink("link"), b"/etc/passwd")]),
        zipped([("a.json", b"x")]),
        b"#!/bin/sh\n" + BUNDLE,
        BUNDLE + b"\0",
        b"",
        b"PK\x05\x06" + b"\0" * 18,
        json.dumps({"girih_bundle": 1}).encode(),
    ],
    ids=["bomb", "up", "root", "drive", "inside", "line", "link", "times", "before", "after", "empty", "none", "json"],
)
def test_tricks_of_archives_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(data)


def test_names_twice_and_sizes_beyond_bounds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped([("a.json", b"x"), ("a.json", b"y")])
    with pytest.raises(InvalidInput, match="a name that no bundle has"):
        read(twice)
    with pytest.raises(TooLarge):
        unpack(b"\0" * (MAX_BYTES + 1))
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    with pytest.raises(TooLarge):
        unpack(BUNDLE)


def test_a_later_form_is_told_apart_from_a_broken_one() -> None:
    files = unpack(BUNDLE)
    later = json.loads(files[MANIFEST]) | {"girih_bundle": 2}
    told = canonical_json(later).encode()
    with pytest.raises(InvalidInput, match="made by a later version of girih"):
        read(pack({**files, MANIFEST: told, SEAL: hash_of(told).encode()}))


def test_a_graph_that_is_not_in_it_is_missed() -> None:
    files = unpack(BUNDLE)
    told = json.loads(files[MANIFEST])
    told["root"] = "other@1.0.0"
    content = canonical_json(told).encode()
    with pytest.raises(InvalidInput, match=r"said to be of other@1\.0\.0"):
        read(pack({**files, MANIFEST: content, SEAL: hash_of(content).encode()}))
    without = {name: data for name, data in files.items() if name != "g.yaml"}
    with pytest.raises(InvalidInput, match=r"the file g\.yaml is missing"):
        read(pack(without))
    with pytest.raises(InvalidInput, match=r"it holds the file x\.json, of which it says nothing"):
        read(pack({**files, "x.json": b"{}"}))


def test_what_is_nested_without_end_is_refused() -> None:
    files = unpack(BUNDLE)
    told = json.loads(files[MANIFEST])
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    told["files"]["p.json"] = hash_of(deep)
    told["versions"][0]["statement"]["plan"] = hash_of(deep)
    content = canonical_json(told).encode()
    with pytest.raises(InvalidInput):
        read(pack({**files, "p.json": deep, MANIFEST: content, SEAL: hash_of(content).encode()}))
