"""Uploaded files, each handed on while it arrives: nothing is spooled here, and no more than the limit is read."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from girih.api.deps import GuardedRoute
from girih.errors import InvalidInput, TooLarge, Unsupported

FIELD = "file"
"""The field of a file."""

FIELDS = ("key", "metadata", "readers", "source_ref")
"""The fields that may come before a file and say something of it."""

FRAMING = 64 * 1024
"""Bytes that the multipart form itself, with its fields, may take beside one file."""

MOST_FILES = 1000
"""Files in one request."""
_BULK = 20
"""How many of the largest files one request of many may carry."""

_LONGEST_BOUNDARY = 70
"""As RFC 2046 has it."""
_HELP = f"send multipart/form-data with one part named `{FIELD}` that has a filename"


class UploadRoute(GuardedRoute):
    """A route whose body is one file."""

    def limit(self, request: Request) -> int:
        """The largest upload and its form."""
        return largest(request) + FRAMING


class BulkRoute(GuardedRoute):
    """A route whose body is many files."""

    def limit(self, request: Request) -> int:
        """Many files and their forms."""
        return _BULK * largest(request) + MOST_FILES * FRAMING


def largest(request: Request) -> int:
    """The largest file that is taken, in bytes."""
    return int(request.app.state.girih.facts.max_upload_bytes)


@dataclass
class Upload:
    """A file on its way in, and what was said of it. Read `content` once; faults surface while it is read."""

    filename: str
    content: AsyncIterator[bytes]
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    """A file begins."""

    filename: str
    fields: Mapping[str, str]


class _End:
    """A file ends."""


_Event: TypeAlias = _File | _End | bytes


async def upload_of(request: Request) -> Upload:
    """The request's one file: its name is known when this returns, its bytes follow as `content` is read."""
    reader = _Reader(request)
    begun = await reader.file()
    if begun is None:
        raise InvalidInput("the form holds no file", help=_HELP)

    async def content() -> AsyncIterator[bytes]:
        async for piece in reader.content():
            yield piece
        if await reader.file() is not None:
            raise InvalidInput(f"unexpected second field '{FIELD}' in the form", help=_HELP)

    return Upload(begun.filename, content(), begun.fields)


async def uploads_of(request: Request) -> AsyncIterator[Upload]:
    """The request's files, one after the other. What is not read of one is passed over when the next is asked for."""
    reader, count = _Reader(request), 0
    while (begun := await reader.file()) is not None:
        count += 1
        if count > MOST_FILES:
            raise TooLarge(f"one request takes {MOST_FILES} files", help="send the others in another request")
        yield Upload(begun.filename, reader.content(), begun.fields)
    if count == 0:
        raise InvalidInput("the form holds no file", help=_HELP)


class _Reader:
    """Reads a request's form from file to file."""

    def __init__(self, request: Request) -> None:
        self._form = _Form(_boundary(request.headers.get("content-type", "")))
        self._chunks = request.stream()
        self._limit = largest(request)

    async def file(self) -> _File | None:
        """The next file; `None` at the form's end."""
        while (event := await self._next()) is not None:
            if isinstance(event, _File):
                return event
        return None

    async def content(self) -> AsyncIterator[bytes]:
        """The bytes of the file that has begun."""
        size = 0
        while isinstance(event := await self._next(), bytes):
            size += len(event)
            if size > self._limit:
                raise TooLarge(f"the file is larger than the limit of {self._limit // 2**20} MB", limit=self._limit)
            yield event

    async def _next(self) -> _Event | None:
        while not self._form.events:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                self._form.finish()
                return None
            self._form.feed(chunk)
        return self._form.events.popleft()


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= _LONGEST_BOUNDARY:
        raise Unsupported("an upload must be multipart/form-data", help=_HELP)
    return boundary


@dataclass
class _Form:
    """The form as far as it has been read. Fields are kept for the file that comes after them."""

    boundary: bytes
    events: deque[_Event] = field(default_factory=deque)
    _name: bytes = b""
    _value: bytes = b""
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _fields: dict[str, str] = field(default_factory=dict)
    _open: str | None = None
    _text: bytes = b""
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
                "on_part_end": self._on_part_end,
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
        name, filename = options.get(b"name", b"").decode("utf-8", "replace"), options.get(b"filename")
        if (name == FIELD) != (filename is not None) or name not in (FIELD, *FIELDS):
            raise InvalidInput(f"unexpected field '{name[:80]}' in the form", help=_HELP)
        self._open = name
        if filename is not None:
            # For people to see; it is never used as a path.
            self.events.append(_File(filename.decode("utf-8", "replace"), self._fields))
            self._fields = {}

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._open == FIELD:
            self.events.append(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > FRAMING:
            raise TooLarge(f"the field `{self._open}` is larger than {FRAMING // 1024} KB")

    def _on_part_end(self) -> None:
        if self._open == FIELD:
            self.events.append(_End())
        elif self._open is not None:
            self._fields[self._open] = self._text.decode("utf-8", "replace")
        self._open, self._text = None, b""

    def _on_end(self) -> None:
        self._ended = True
