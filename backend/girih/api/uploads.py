"""One uploaded file, handed on while it arrives: nothing is spooled, and no more than the limit is read."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from girih.api.deps import GuardedRoute
from girih.errors import InvalidInput, TooLarge, Unsupported

FIELD = "file"
"""The one field of an upload."""

FRAMING = 64 * 1024
"""Bytes that the multipart form itself may take beside the file."""

_LONGEST_BOUNDARY = 70
"""As RFC 2046 has it."""
_HELP = f"send multipart/form-data with one part named `{FIELD}` that has a filename"


class UploadRoute(GuardedRoute):
    """A route whose body is one file."""

    def limit(self, request: Request) -> int:
        """The largest upload and its form."""
        return int(request.app.state.girih.facts.max_upload_bytes) + FRAMING


@dataclass
class Upload:
    """A file on its way in. Read `content` once, to its end; faults of the form surface while it is read."""

    filename: str
    content: AsyncIterator[bytes]


async def upload_of(request: Request) -> Upload:
    """The request's file: its name is known when this returns, its bytes follow as `content` is read."""
    form = _Form(_boundary(request.headers.get("content-type", "")))
    chunks = request.stream()
    async for chunk in chunks:
        form.feed(chunk)
        if form.filename is not None:
            break
    if form.filename is None:
        raise InvalidInput("the form holds no file", help=_HELP)
    limit = int(request.app.state.girih.facts.max_upload_bytes)
    return Upload(form.filename, _content(form, chunks, limit))


async def _content(form: _Form, chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    while True:
        while form.ready:
            data = form.ready.popleft()
            size += len(data)
            if size > limit:
                raise TooLarge(f"the file is larger than the limit of {limit // 2**20} MB", limit=limit)
            yield data
        chunk = await anext(chunks, None)
        if chunk is None:
            break
        form.feed(chunk)
    form.finish()


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= _LONGEST_BOUNDARY:
        raise Unsupported("an upload must be multipart/form-data", help=_HELP)
    return boundary


@dataclass
class _Form:
    """The form as far as it has been read."""

    boundary: bytes
    filename: str | None = None
    ready: deque[bytes] = field(default_factory=deque)
    _name: bytes = b""
    _value: bytes = b""
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _ended: bool = False

    def __post_init__(self) -> None:
        self._parser = MultipartParser(
            self.boundary,
            {
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_end": self._on_end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Read on."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise InvalidInput("the form is not valid multipart/form-data", help=_HELP) from error

    def finish(self) -> None:
        """Refuse a form that stopped before its end: the file would be cut short without a word."""
        if not self._ended:
            raise InvalidInput("the upload stopped before its end", help="send the file again")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.pop(b"content-disposition", b""))
        self._headers.clear()
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name != FIELD or b"filename" not in options or self.filename is not None:
            raise InvalidInput(f"unexpected field '{name[:80]}' in the form", help=_HELP)
        self.filename = _filename(options)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.ready.append(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


def _filename(options: Mapping[bytes, bytes]) -> str:
    """The name for people to see; it is never used as a path."""
    return options[b"filename"].decode("utf-8", "replace")
