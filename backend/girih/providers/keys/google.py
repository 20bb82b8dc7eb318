"""A master key in Google Cloud KMS, which never leaves it: the official client asks through the guarded one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlencode, urlsplit

import google.auth
from google.api_core.exceptions import BadRequest, Forbidden, GoogleAPICallError, NotFound, Unauthorized
from google.auth.exceptions import GoogleAuthError
from google.cloud.kms_v1 import KeyManagementServiceClient
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceRestTransport

from girih.errors import InvalidInput, Unavailable
from girih.providers.keys.base import Context, KeyWrapper, WrongKey
from girih.providers.outbound import OutboundClient, OutboundError, OutboundResponse

_TIMEOUT = 10.0
_SERVICE = "https://cloudkms.googleapis.com"
_MACHINE = "http://metadata.google.internal", "http://169.254.169.254"
"""Where a machine of Google's learns who it is; the library asks there when nothing else is set."""
_SCOPE = "https://www.googleapis.com/auth/cloudkms"
_WORDS: tuple[tuple[type[GoogleAPICallError], str], ...] = (
    (NotFound, "there is no such key"),
    (Forbidden, "the credentials may not use it"),
    (Unauthorized, "the credentials are not the right ones"),
)
_WAY: ContextVar[tuple[OutboundClient, asyncio.AbstractEventLoop]] = ContextVar("girih_google_way")
"""What the call that is under way is sent through; the thread that waits for it sees its own."""


class GoogleWrapper:
    """Encrypts and decrypts in Cloud KMS, bound to additional data. Credentials: the application default."""

    kind = "Google Cloud KMS"

    def __init__(self, key: str, url: str = _SERVICE) -> None:
        self.id = f"google-kms:{key}"
        self._key = key
        self._url = url
        self._client: Any = None

    async def wrap(self, key: bytes, context: Context) -> bytes:
        """See `KeyWrapper`."""
        given = {"plaintext": key, "additional_authenticated_data": _bound(context)}
        return bytes((await self._asked("encrypt", given)).ciphertext)

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """See `KeyWrapper`."""
        given = {"ciphertext": wrapped, "additional_authenticated_data": _bound(context)}
        return bytes((await self._asked("decrypt", given)).plaintext)

    async def _asked(self, operation: str, given: dict[str, bytes]) -> Any:
        http = OutboundClient([self._url, *_MACHINE])
        _WAY.set((http, asyncio.get_running_loop()))
        try:
            return await asyncio.to_thread(self._call, operation, {"name": self._key, **given})
        except GoogleAPICallError as fault:
            if operation == "decrypt" and isinstance(fault, BadRequest):
                raise WrongKey(f"a data key does not open with the master key {self.id}") from fault
            said = next((said for kind, said in _WORDS if isinstance(fault, kind)), "it is refused")
            raise Unavailable(f"the master key {self.id} cannot be used: {said}") from fault
        except GoogleAuthError as fault:
            way_out = "set GOOGLE_APPLICATION_CREDENTIALS, or give the machine a service account"
            raise Unavailable(f"there are no credentials here for the master key {self.id}", help=way_out) from fault
        except OutboundError as fault:
            raise Unavailable(f"the master key {self.id} cannot be asked: {fault.message}", help=fault.help) from fault
        finally:
            await http.aclose()

    def _call(self, operation: str, request: dict[str, Any]) -> Any:
        if self._client is None:
            self._client = _made(self._url)
        return getattr(self._client, operation)(request=request, timeout=_TIMEOUT, retry=None)


def open_key(key: str) -> KeyWrapper:
    """The key of that resource name. Raises `InvalidInput` for none."""
    parts = key.split("/")
    if parts[::2] != ["projects", "locations", "keyRings", "cryptoKeys"] or len(parts) != 8 or not all(parts):
        raise InvalidInput(
            "the address of the master key in Google Cloud KMS names no key",
            help="write it as `google-kms:projects/…/locations/…/keyRings/…/cryptoKeys/…`",
        )
    return GoogleWrapper(key)


def _made(url: str) -> KeyManagementServiceClient:
    # The library's types want its own classes where it takes whatever behaves like them.
    ask: Any = _ask
    credentials: Any = google.auth.default(scopes=[_SCOPE], request=ask)[0]
    if hasattr(credentials, "with_always_use_jwt_access"):
        credentials = credentials.with_always_use_jwt_access(True)
    parts = urlsplit(url)
    transport: Any = KeyManagementServiceRestTransport(
        host=parts.netloc, url_scheme=parts.scheme, credentials=credentials
    )
    # Its session would open connections of its own.
    transport._session.post = _Session(transport._credentials).post
    return KeyManagementServiceClient(transport=transport)


class _Answer:
    """An answer as the library reads it."""

    def __init__(self, method: str, url: str, answer: OutboundResponse) -> None:
        self.status_code = self.status = answer.status
        self.headers = answer.headers
        self.content = self.data = answer.body
        self.text = answer.body.decode(errors="replace")
        self.method, self.url = method, url

    @property
    def request(self) -> _Answer:
        """What was asked: method and address."""
        return self

    def json(self) -> Any:
        """The decoded body; raises `ValueError`."""
        return json.loads(self.content)


class _Session:
    """Stands where the library would open a connection. Used in a thread beside the loop."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Sequence[tuple[str, str]],
        data: str,
        **_: Any,
    ) -> _Answer:
        """One request with the credentials, and its answer."""
        sent = dict(headers)
        self._credentials.before_request(_ask, "POST", url, sent)
        return _ask(f"{url}?{urlencode(params)}" if params else url, "POST", data.encode(), sent)


def _ask(
    url: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None, **_: Any
) -> _Answer:
    client, loop = _WAY.get()
    asked = client.request(method, url, timeout=_TIMEOUT, headers=headers, content=body)
    return _Answer(method, url, asyncio.run_coroutine_threadsafe(asked, loop).result())


def _bound(context: Context) -> bytes:
    return json.dumps(dict(sorted(context.items()))).encode()
