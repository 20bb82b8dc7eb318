"""A master key in AWS KMS, which never leaves it: the official library signs and reads, the guarded client sends."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from girih.errors import InvalidInput, Unavailable
from girih.providers.keys.base import Context, KeyWrapper, WrongKey
from girih.providers.outbound import OutboundClient, OutboundError

_TIMEOUT = 10.0
_WORDS = {
    "AccessDeniedException": "the credentials may not use it",
    "DisabledException": "it is disabled",
    "ExpiredTokenException": "the credentials have expired",
    "InvalidSignatureException": "the credentials are not the right ones",
    "KMSInvalidStateException": "its state does not allow it",
    "NotFoundException": "there is no such key",
    "UnrecognizedClientException": "the credentials are not known there",
}
_WRONG = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
_WAY: ContextVar[tuple[OutboundClient, asyncio.AbstractEventLoop]] = ContextVar("girih_kms_way")
"""What the call that is under way is sent through; the thread that waits for it sees its own."""


class AwsWrapper:
    """Encrypts and decrypts in KMS, bound to an encryption context. Credentials and region are the machine's own.

    They come from the environment (`AWS_…`), a profile or the machine's role, as for every program that uses AWS. The
    address is the region's, or that of `AWS_ENDPOINT_URL_KMS`; it may lie on a private network.
    """

    kind = "AWS KMS"

    def __init__(self, key: str) -> None:
        self.id = f"aws-kms:{key}"
        self._key = key
        self._client: Any = None

    async def wrap(self, key: bytes, context: Context) -> bytes:
        """See `KeyWrapper`."""
        asked = {"KeyId": self._key, "Plaintext": key, "EncryptionContext": dict(context)}
        return bytes((await self._asked("encrypt", asked))["CiphertextBlob"])

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """See `KeyWrapper`."""
        asked = {"KeyId": self._key, "CiphertextBlob": wrapped, "EncryptionContext": dict(context)}
        return bytes((await self._asked("decrypt", asked))["Plaintext"])

    async def _asked(self, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._client is None:
                self._client = await asyncio.to_thread(_made)
            http = OutboundClient([self._client.meta.endpoint_url])
            _WAY.set((http, asyncio.get_running_loop()))
            try:
                answer: dict[str, Any] = await asyncio.to_thread(getattr(self._client, operation), **asked)
            finally:
                await http.aclose()
        except ClientError as fault:
            raise self._refused(str(fault.response.get("Error", {}).get("Code", ""))) from fault
        except OutboundError as fault:
            raise Unavailable(f"the master key {self.id} cannot be asked: {fault.message}", help=fault.help) from fault
        except BotoCoreError as fault:
            way_out = "set AWS_REGION and credentials, or give the machine a role"
            raise Unavailable(f"the master key {self.id} cannot be asked from here", help=way_out) from fault
        return answer

    def _refused(self, code: str) -> Unavailable:
        if code in _WRONG:
            return WrongKey(f"a data key does not open with the master key {self.id}")
        said = _WORDS.get(code, f"it is refused ({code[:40] or 'without a reason'})")
        return Unavailable(f"the master key {self.id} cannot be used: {said}")


def open_key(key: str) -> KeyWrapper:
    """The key of that id, ARN or alias (`alias/girih`). Raises `InvalidInput` for none."""
    if not key:
        raise InvalidInput("the address of the master key names none", help="write it as `aws-kms:alias/girih`")
    return AwsWrapper(key)


def _made() -> Any:
    client = Session().create_client("kms", config=Config(retries={"total_max_attempts": 3}, proxies={}))
    client.meta.events.register_first("before-send.kms", _send)
    return client


def _send(request: Any, **_: Any) -> AWSResponse:
    """Stands where the library would open a connection, and asks through the guard. Called in a thread."""
    client, loop = _WAY.get()
    headers = {
        name: value.decode() if isinstance(value, bytes) else str(value) for name, value in request.headers.items()
    }
    content = request.body.encode() if isinstance(request.body, str) else request.body
    asked = client.request(request.method, request.url, timeout=_TIMEOUT, headers=headers, content=content)
    found = asyncio.run_coroutine_threadsafe(asked, loop).result()
    return AWSResponse(request.url, found.status, dict(found.headers), _Raw(found.body))


class _Raw(io.BytesIO):
    """A body as the library reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """All of it."""
        yield self.read()
