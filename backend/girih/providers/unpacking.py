"""An HTTP answer's bytes without their compression, and no more of them than may be read."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

_WINDOW = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class Unreadable(Exception):
    """Bytes that cannot be unpacked, or are more than may be read; says which, to follow "the answer"."""

    def __init__(self, message: str, *, is_too_large: bool = False) -> None:
        super().__init__(message)
        self.is_too_large = is_too_large


async def unpacked(pieces: AsyncIterator[bytes], encoding: str, limit: int) -> AsyncIterator[bytes]:
    """The decompressed pieces, at most `limit` bytes. Raises `Unreadable`.

    A client's own decoding would unpack a whole bomb before anyone could count.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("identity", "") and encoding not in _WINDOW:
        raise Unreadable(f"is compressed as '{encoding[:20]}', which was not asked for")
    unpacker = zlib.decompressobj(_WINDOW[encoding]) if encoding in _WINDOW else None
    left = limit
    async for piece in pieces:
        try:
            plain = unpacker.decompress(piece, left + 1) if unpacker else piece
        except zlib.error as error:
            raise Unreadable("has a compression that is broken") from error
        left -= len(plain)
        if left < 0:
            raise Unreadable(f"is larger than {limit} bytes", is_too_large=True)
        yield plain
