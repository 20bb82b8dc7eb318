"""The heads of requests within bounds: the parser that the server uses keeps whatever comes."""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST: Final = 64 * 1024
"""Bytes of a request's line and headers, or of what follows its body, at most; a little more may come with the last."""

MOST: Final = 200
"""Headers of a request at most."""

_REFUSAL: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
    b"connection: close\r\ncontent-length: %d\r\n\r\n%s"
)
_WORDS: Final = b'{"status":431,"title":"Too large","code":"too_large","detail":"the head of the request is too large"}'


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn speaks it, which hangs up on whoever sends headers without end."""

    _outside = 0
    """Bytes since a head was begun, or since the last piece of a body."""

    def data_received(self, data: bytes) -> None:
        """Take what has come, unless too much of a head has come by now."""
        self._outside += len(data)
        super().data_received(data)
        if self._outside > LONGEST and not self.transport.is_closing():
            self._refuse()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. One too many ends the parser's work, and with it the connection."""
        if len(self.headers) >= MOST:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._outside = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, for which routes have bounds of their own."""
        self._outside = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole, and another one may follow."""
        self._outside = 0
        super().on_message_complete()

    def _refuse(self) -> None:
        if not self.tasks:  # else an answer is under way already
            self.transport.write(_REFUSAL % (len(_WORDS), _WORDS))
        self.transport.close()
