"""How loaders ask over HTTP: through the guarded client, redirects followed hop by hop, tokens to their endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urljoin, urlsplit

from girih.providers.loaders.base import ItemFault, ItemGone, ItemSame, SourceFault
from girih.providers.outbound import OutboundClient, OutboundError, OutboundStream

AGENT = "girih"
_HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Door:
    """Reads addresses. `token` goes to addresses below `base` alone, whatever redirects say."""

    def __init__(self, client: OutboundClient, *, base: str | None = None, token: str = "") -> None:
        self._client = client
        self._base = base.rstrip("/") if base else None
        self._token = token

    @asynccontextmanager
    async def open(self, url: str, headers: Mapping[str, str], max_bytes: int) -> AsyncIterator[OutboundStream]:
        """The answer behind an address, after at most five redirects; each hop passes the guard.

        Raises `ItemSame` (304), `ItemGone` (404, 410), `ItemFault` (any other status but 200), `OutboundError`.
        """
        for _ in range(_HOPS + 1):
            async with self._client.stream(url, self._headers(url, headers), max_bytes) as answer:
                if answer.status not in _REDIRECTS:
                    _require(answer.status)
                    yield answer
                    return
                url = _next(url, answer.headers.get("location", ""))
        raise ItemFault(f"the address leads on through more than {_HOPS} redirects")

    async def read(self, url: str, max_bytes: int) -> bytes:
        """All bytes behind an address. Raises as `open` does."""
        async with self.open(url, {}, max_bytes) as answer:
            return b"".join([piece async for piece in answer.pieces])

    def _headers(self, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        own = {**headers, "user-agent": AGENT}
        if self._token and self._base and (url == self._base or url.startswith((f"{self._base}/", f"{self._base}?"))):
            own["authorization"] = f"Bearer {self._token}"
        return own


def can_pass(fault: OutboundError) -> bool:
    """Whether the same request may succeed later."""
    return fault.reason in ("timeout", "unreachable", "unreadable")


def source_fault(fault: ItemFault | OutboundError, what: str) -> SourceFault:
    """The same fault, where without this answer nothing of the source is known."""
    passing = can_pass(fault) if isinstance(fault, OutboundError) else bool(fault.details.get("can_pass"))
    return SourceFault(f"{what}: {fault.message}", help=fault.help, can_pass=passing)


def _require(status: int) -> None:
    if status == 304:
        raise ItemSame
    if status in (404, 410):
        raise ItemGone(f"the server answers with status {status}: it is not there")
    if status != 200:
        advice = "set a token, or ask who runs it" if status in (401, 403) else None
        raise ItemFault(f"the server answers with status {status}", help=advice, can_pass=status in _PASSING)


def _next(url: str, location: str) -> str:
    found = urljoin(url, location)
    if not location or (urlsplit(url).scheme == "https" and urlsplit(found).scheme != "https"):
        raise ItemFault("the address leads on to one that is not protected by TLS" if location else "a broken redirect")
    return found
