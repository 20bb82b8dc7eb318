"""A master key in Google Cloud KMS, against a server that answers as its REST interface is documented to."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.providers.servers import Asked, says, serving

from girih.errors import InvalidInput, Unavailable
from girih.providers.keys.base import WrongKey
from girih.providers.keys.google import GoogleWrapper
from girih.providers.keys.opening import open_wrapper

KEY = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/girih"
HERE, THERE = {"place": "here"}, {"place": "there"}


class Kms:
    """One symmetric key: `POST /v1/NAME:encrypt` and `:decrypt`."""

    def __init__(self) -> None:
        self._cipher = AESGCM(secrets.token_bytes(32))

    async def __call__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        status, body = self._answer(asked)
        await says(status, body)(asked, writer)

    def _answer(self, asked: Asked) -> tuple[int, dict[str, Any]]:
        if not asked.headers.get("authorization", "").startswith("Bearer ey"):
            return _fault(401, "UNAUTHENTICATED")
        name, _, operation = asked.path.partition("?")[0].removeprefix("/v1/").rpartition(":")
        if name != KEY:
            return _fault(404 if "nothing" in name else 403, "NOT_FOUND" if "nothing" in name else "PERMISSION_DENIED")
        given = asked.json()
        bound = base64.b64decode(given["additionalAuthenticatedData"])
        if operation == "encrypt":
            nonce = secrets.token_bytes(12)
            hidden = nonce + self._cipher.encrypt(nonce, base64.b64decode(given["plaintext"]), bound)
            return 200, {"name": f"{KEY}/cryptoKeyVersions/1", "ciphertext": base64.b64encode(hidden).decode()}
        raw = base64.b64decode(given["ciphertext"])
        try:
            return 200, {"plaintext": base64.b64encode(self._cipher.decrypt(raw[:12], raw[12:], bound)).decode()}
        except InvalidTag:
            return _fault(400, "INVALID_ARGUMENT")


def _fault(status: int, name: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": status, "message": "Decryption failed: canary", "status": name}}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account's file: it signs its own tokens."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    known = {"type": "service_account", "client_email": "girih@p.example", "private_key": pem, "private_key_id": "1"}
    path = tmp_path_factory.mktemp("google") / "account.json"
    path.write_text(json.dumps({**known, "project_id": "p", "token_uri": "https://oauth2.googleapis.com/token"}))
    return path


@pytest.fixture(autouse=True)
def credentials(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))


async def with_kms(work: Callable[[str], Awaitable[None]], answer: Any = None) -> None:
    async with serving(answer or Kms()) as server:
        await work(server.url)


async def test_a_key_unwraps_in_its_context_alone() -> None:
    async def work(url: str) -> None:
        wrapper = GoogleWrapper(KEY, url)
        wrapped = await wrapper.wrap(b"k" * 32, HERE)
        assert b"k" * 32 not in wrapped
        assert await wrapper.unwrap(wrapped, HERE) == b"k" * 32
        for broken, context in ((wrapped, THERE), (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), HERE)):
            with pytest.raises(WrongKey, match="does not open") as failed:
                await wrapper.unwrap(broken, context)
            assert "canary" not in failed.value.message

    await with_kms(work)


@pytest.mark.parametrize(
    ("key", "words"),
    [(f"{KEY}-nothing", "there is no such key"), (f"{KEY}-other", "the credentials may not use it")],
)
async def test_what_is_refused_is_said(key: str, words: str) -> None:
    async def work(url: str) -> None:
        with pytest.raises(Unavailable, match=words):
            await GoogleWrapper(key, url).wrap(b"k" * 32, HERE)

    await with_kms(work)


async def test_without_an_answer_or_credentials_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be asked"):
        await GoogleWrapper(KEY, "http://127.0.0.1:1").wrap(b"k" * 32, HERE)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
    with pytest.raises(Unavailable, match="no credentials here"):
        await GoogleWrapper(KEY, "http://127.0.0.1:1").wrap(b"k" * 32, HERE)


def test_an_address_that_names_no_key_is_refused() -> None:
    found = open_wrapper(f"google-kms:{KEY}", "", "")
    assert found is not None and found.id == f"google-kms:{KEY}"
    for wrong in ("", "girih", f"{KEY}/cryptoKeyVersions/1", KEY.replace("/r/", "//")):
        with pytest.raises(InvalidInput, match="names no key"):
            open_wrapper(f"google-kms:{wrong}", "", "")
