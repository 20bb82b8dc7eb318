"""A master key in Vault, against a server that answers as Vault's transit engine is documented to."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.providers.servers import Asked, says, serving

from girih.errors import InvalidInput, Unavailable
from girih.providers.keys.base import WrongKey
from girih.providers.keys.opening import open_wrapper
from girih.providers.keys.vault import VaultWrapper

TOKEN = "hvs.canary"
HERE, THERE = {"place": "here"}, {"place": "there"}


class Transit:
    """One transit engine with one key, `girih`: AES-256-GCM with associated data."""

    def __init__(self) -> None:
        self._cipher = AESGCM(secrets.token_bytes(32))

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        status, body = self._answer(asked)
        await says(status, body)(asked, writer)

    def _answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        _, _, version, mount, operation, *name = f"/{asked.path}".split("/")
        if asked.headers.get("x-vault-token") != TOKEN:
            return 403, {"errors": ["permission denied"]}
        if (version, mount) != ("v1", "transit"):
            return 404, {"errors": [f'no handler for route "{mount}/{operation}". route entry not found.']}
        if name != ["girih"]:
            return 400, {"errors": ["encryption key not found"]}
        given = asked.json()
        bound = base64.b64decode(given["associated_data"])
        if operation == "encrypt":
            nonce = secrets.token_bytes(12)
            hidden = nonce + self._cipher.encrypt(nonce, base64.b64decode(given["plaintext"]), bound)
            return 200, {"data": {"ciphertext": "vault:v1:" + base64.b64encode(hidden).decode(), "key_version": 1}}
        prefix, _, coded = given["ciphertext"].rpartition(":")
        try:
            raw = base64.b64decode(coded, validate=True)
            opened = self._cipher.decrypt(raw[:12], raw[12:], bound)
        except (InvalidTag, ValueError):
            return 400, {"errors": ["cipher: message authentication failed"]}
        if prefix != "vault:v1":
            return 400, {"errors": ["invalid ciphertext: no prefix"]}
        return 200, {"data": {"plaintext": base64.b64encode(opened).decode()}}


async def with_vault(work: Callable[[str], Awaitable[None]], answer: Any = None) -> list[Asked]:
    async with serving(answer or Transit()) as server:
        await work(server.url)
    return server.asked


async def test_a_key_unwraps_in_its_context_alone() -> None:
    async def work(url: str) -> None:
        wrapper = open_wrapper("vault:transit/girih", url, TOKEN)
        assert wrapper is not None and wrapper.id == "vault:transit/girih"
        wrapped = await wrapper.wrap(b"k" * 32, HERE)
        assert wrapped.startswith(b"vault:v1:") and b"k" * 32 not in wrapped
        assert await wrapper.unwrap(wrapped, HERE) == b"k" * 32
        for broken, context in ((wrapped, THERE), (wrapped[:-4] + b"????", HERE), (b"\xff", HERE)):
            with pytest.raises(WrongKey, match="does not open"):
                await wrapper.unwrap(broken, context)
        assert TOKEN not in repr(wrapper)

    asked = await with_vault(work)
    assert {one.headers["x-vault-request"] for one in asked} == {"true"}


@pytest.mark.parametrize(
    ("address", "token", "words"),
    [
        ("transit/other", TOKEN, "there is no such key"),
        ("elsewhere/girih", TOKEN, "no transit engine is mounted there"),
        ("transit/girih", "another", "the token may not use it"),
    ],
)
async def test_what_vault_refuses_is_said(address: str, token: str, words: str) -> None:
    async def work(url: str) -> None:
        wrapper = open_wrapper(f"vault:{address}", url, token)
        assert wrapper is not None
        for asked in (wrapper.wrap(b"k" * 32, HERE), wrapper.unwrap(b"vault:v1:AAAA", HERE)):
            with pytest.raises(Unavailable, match=words) as failed:
                await asked
            assert not isinstance(failed.value, WrongKey) and token not in failed.value.message

    await with_vault(work)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(503, {"errors": ["Vault is sealed"]}), "the vault is sealed"),
        (says(500, b"<html>"), "it is refused"),
        (says(200, b"<html>"), "something else than Vault does"),
        (says(200, {"data": {"ciphertext": 7, "plaintext": "?"}}), "no key|cannot"),
        (says(307, b"", location="http://127.0.0.1:1/x"), "redirect"),
    ],
)
async def test_what_is_no_answer_is_said(answer: Any, words: str) -> None:
    async def work(url: str) -> None:
        with pytest.raises(Unavailable, match=words):
            await VaultWrapper(url, TOKEN, "transit", "girih").unwrap(b"vault:v1:AAAA", HERE)

    await with_vault(work, answer)


@pytest.mark.parametrize(
    ("address", "url", "token", "words"),
    [
        ("vault:girih", "http://127.0.0.1:1", TOKEN, "names no key"),
        ("vault:transit/", "http://127.0.0.1:1", TOKEN, "names no key"),
        ("vault:transit/girih", "", TOKEN, "GIRIH_VAULT_URL"),
        ("vault:transit/girih", "127.0.0.1", TOKEN, "GIRIH_VAULT_URL"),
        ("vault:transit/girih", "http://127.0.0.1:1", "", "GIRIH_VAULT_TOKEN"),
    ],
)
def test_an_address_that_cannot_work_is_refused(address: str, url: str, token: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        open_wrapper(address, url, token)


async def test_a_vault_that_is_not_there_is_said() -> None:
    with pytest.raises(Unavailable, match="cannot be asked"):
        await VaultWrapper("http://127.0.0.1:1", TOKEN, "transit", "girih").wrap(b"k" * 32, HERE)
    assert open_wrapper(json.dumps("no address"), "", "") is None
