"""A master key in the transit engine of HashiCorp Vault: the official client asks through the guarded one."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import Any
from urllib.parse import urlsplit

from hvac import Client
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, VaultDown, VaultError

from girih.errors import InvalidInput, Unavailable
from girih.providers.keys.base import Context, KeyWrapper, WrongKey
from girih.providers.outbound import OutboundClient, OutboundError, OutboundResponse

_TIMEOUT = 10.0
_WORDS: tuple[tuple[type[VaultError], str], ...] = (
    (Forbidden, "the token may not use it"),
    (InvalidPath, "no transit engine is mounted there"),
    (VaultDown, "the vault is sealed"),
)


class VaultWrapper:
    """Encrypts and decrypts in Vault, bound to associated data. The key there is one of type `aes256-gcm96`."""

    kind = "HashiCorp Vault"

    def __init__(self, url: str, token: str, mount: str, key: str) -> None:
        self.id = f"vault:{mount}/{key}"
        self._url = url
        self._token = token
        self._mount = mount
        self._key = key

    def __repr__(self) -> str:
        return f"VaultWrapper({self.id!r})"

    async def wrap(self, key: bytes, context: Context) -> bytes:
        """See `KeyWrapper`."""
        given = {"plaintext": _coded(key), "associated_data": _bound(context)}
        return str((await self._asked("encrypt_data", given))["ciphertext"]).encode()

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """See `KeyWrapper`."""
        given = {"ciphertext": wrapped.decode(errors="replace"), "associated_data": _bound(context)}
        try:
            return base64.b64decode((await self._asked("decrypt_data", given))["plaintext"], validate=True)
        except (binascii.Error, TypeError) as fault:
            raise Unavailable(f"the master key {self.id} answered something that is no key") from fault

    async def _asked(self, operation: str, given: dict[str, str]) -> dict[str, Any]:
        http = OutboundClient([self._url])
        way = _Session(http, asyncio.get_running_loop())
        client = Client(url=self._url, token=self._token, session=way, allow_redirects=False)
        try:
            answer = await asyncio.to_thread(
                getattr(client.secrets.transit, operation), name=self._key, mount_point=self._mount, **given
            )
            found: dict[str, Any] = answer["data"]
        except VaultError as fault:
            raise self._refused(fault, is_opening=operation == "decrypt_data") from fault
        except OutboundError as fault:
            raise Unavailable(f"the master key {self.id} cannot be asked: {fault.message}", help=fault.help) from fault
        except (KeyError, TypeError) as fault:
            raise Unavailable(f"the master key {self.id} answered something else than Vault does") from fault
        finally:
            await http.aclose()
        return found

    def _refused(self, fault: VaultError, *, is_opening: bool) -> Unavailable:
        missing = "encryption key not found" in str(fault)
        if is_opening and isinstance(fault, InvalidRequest) and not missing:
            return WrongKey(f"a data key does not open with the master key {self.id}")
        known = next((said for kind, said in _WORDS if isinstance(fault, kind)), "it is refused")
        return Unavailable(f"the master key {self.id} cannot be used: {'there is no such key' if missing else known}")


def open_key(key: str, url: str, token: str) -> KeyWrapper:
    """The key at `MOUNT/KEY` of the vault at `url`. Raises `InvalidInput` for what cannot work."""
    mount, _, name = key.rpartition("/")
    if not mount or not name:
        raise InvalidInput(
            "the address of the master key in Vault names no key", help="write it as `vault:transit/girih`"
        )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInput(
            "a master key is in Vault, and GIRIH_VAULT_URL is no address of one", help="such as `https://vault:8200`"
        )
    if not token:
        raise InvalidInput("a master key is in Vault, and GIRIH_VAULT_TOKEN is not set", help="set it, or VAULT_TOKEN")
    return VaultWrapper(url, token, mount, name)


class _Session:
    """Stands where the client would open a connection. Used in a thread beside the loop."""

    verify, cert, proxies = True, None, None

    def __init__(self, client: OutboundClient, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop

    def request(self, method: str, url: str, headers: dict[str, str], json: Any = None, **_: Any) -> _Answer:
        """One request and its answer, as the client reads it."""
        content = None if json is None else _text(json)
        sent = {**headers, "content-type": "application/json"}
        asked = self._client.request(method.upper(), url, timeout=_TIMEOUT, headers=sent, content=content)
        return _Answer(asyncio.run_coroutine_threadsafe(asked, self._loop).result())


class _Answer:
    """An answer as the client reads it."""

    def __init__(self, answer: OutboundResponse) -> None:
        self.status_code = answer.status
        self.ok = answer.status < 400
        self.headers = answer.headers
        self.text = answer.body.decode(errors="replace")

    def json(self) -> Any:
        """The decoded body; raises `ValueError`."""
        return json.loads(self.text)


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


def _bound(context: Context) -> str:
    return _coded(_text(dict(sorted(context.items()))))


def _coded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
