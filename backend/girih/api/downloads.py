"""Files on their way out: whole or in part, never shown by a browser as a page of ours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from girih.services.knowledge.document_schemas import Original

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def download(request: Request, original: Original) -> Response:
    """The answer: 200, 206 for one range of bytes, 304 for what the caller has, 416 for a range beyond the end."""
    tag = f'"{original.sha256}"'
    headers = {
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",
        # What others uploaded is kept as a file: no browser shows it, guesses its type, or runs what is in it.
        "content-disposition": disposition(original.name),
        "content-security-policy": "sandbox; default-src 'none'",
        "etag": tag,
        "x-content-type-options": "nosniff",
    }
    if tag in [each.strip() for each in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    found = _range(request, original.size, tag)
    if found is None:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{original.size}"})
    start, end, status = found
    headers["content-length"] = str(end - start)
    if status == 206:
        headers["content-range"] = f"bytes {start}-{end - 1}/{original.size}"
    media_type = original.media_type or "application/octet-stream"
    return _Sent(original.read(start, end), status, headers, media_type)


def disposition(name: str) -> str:
    """The header that names the file: plain ASCII for old programs, and the name as it is, both without a path."""
    last = name.rsplit("/", 1)[-1]
    plain = re.sub(r"[^A-Za-z0-9 ._()-]", "_", last)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last, safe='')}"


def _range(request: Request, size: int, tag: str) -> tuple[int, int, int] | None:
    """From where to before where, and the status; `None` for a range that the file does not have."""
    found = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if found is None or found.group(1) == found.group(2) == "" or request.headers.get("if-range", tag) != tag:
        return 0, size, 200
    first, last = found.groups()
    if first == "":
        return (max(0, size - int(last)), size, 206) if int(last) else None
    end = size if last == "" else min(size, int(last) + 1)
    if int(first) >= size:
        return None
    # The end before the start is no range at all, and such a header is passed over.
    return (int(first), end, 206) if int(first) < end else (0, size, 200)


class _Sent(StreamingResponse):
    """A stream whose type is the file's own: no charset is guessed for it."""

    def __init__(self, content: AsyncIterator[bytes], status: int, headers: dict[str, str], media_type: str) -> None:
        super().__init__(content, status, headers | {"content-type": media_type})
