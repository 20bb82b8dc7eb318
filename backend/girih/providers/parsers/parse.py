"""Parses a document in a child process, so that no file can take the worker down with it."""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import asdict
from pathlib import Path

from girih.errors import DocumentRejected, Unavailable, Unsupported
from girih.providers.parsers.children import Child, child
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.formats import suffix_of
from girih.providers.parsers.limits import Limits

VERSION = 3
"""Grows whenever equal files would be parsed differently; stored results name it."""

_PIECE = 2**16


async def parse(path: Path, filename: str, limits: Limits = Limits()) -> ParsedDocument:  # noqa: B008 - it is frozen
    """The document's text and structure. What kind of file it is, its content says; `filename` helps with texts.

    Raises `DocumentRejected` with a reason its owner understands, `Unavailable` when the file cannot be reached.
    """
    try:
        suffix = suffix_of(filename)
    except Unsupported as fault:
        raise DocumentRejected(fault.message, help=fault.help) from fault
    await asyncio.to_thread(_check, path)
    request = json.dumps([suffix, str(path), asdict(limits)]).encode()
    try:
        answer, code = await _asked(request, limits)
    except Unavailable:  # the server was ended, not the child; there is another one now
        answer, code = await _asked(request, limits)
    return _read(answer, code, limits)


async def _asked(request: bytes, limits: Limits) -> tuple[bytes, int]:
    """What a child answers, and how it ended."""
    async with child(request) as process:
        try:
            async with asyncio.timeout(limits.wall_seconds):
                return await _answer(process, limits), await process.code()
        except TimeoutError as fault:
            raise DocumentRejected(f"reading the document takes longer than {limits.wall_seconds} s") from fault


def _check(path: Path) -> None:
    try:
        if path.stat().st_size == 0:
            raise DocumentRejected("the file is empty (0 bytes)")
    except OSError as fault:
        raise Unavailable(f"the uploaded file cannot be reached: {fault.strerror}") from fault


async def _answer(process: Child, limits: Limits) -> bytes:
    answer = bytearray()
    while piece := await process.answer.read(_PIECE):
        answer += piece
        if len(answer) > limits.output:
            raise DocumentRejected(f"the document's text is larger than {limits.output // 2**20} MB")
    return bytes(answer)


def _read(answer: bytes, code: int, limits: Limits) -> ParsedDocument:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise DocumentRejected(f"reading the document takes longer than {limits.cpu_seconds} s or too much memory")
    if code != 0:
        raise DocumentRejected(
            f"reading the document takes more than {limits.memory // 2**20} MB of memory, or it is damaged",
            help="split it, or save it anew, and upload it again",
        )
    result = json.loads(answer)
    if rejected := result.get("rejected"):
        raise DocumentRejected(rejected["message"], help=rejected.get("help"))
    return ParsedDocument.model_validate(result["document"])
