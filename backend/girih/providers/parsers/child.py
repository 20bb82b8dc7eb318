"""What a process does that parses one document under limits; `server` forks it."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from importlib import import_module
from pathlib import Path

from girih.errors import DocumentRejected
from girih.providers.parsers.detection import detect
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.formats import Format
from girih.providers.parsers.limits import Limits

PARSERS: dict[Format, str] = {
    "pdf": "pdf:parse_pdf",
    "docx": "docx:parse_docx",
    "pptx": "pptx:parse_pptx",
    "xlsx": "xlsx:parse_xlsx",
    "epub": "epub:parse_epub",
    "rtf": "rtf:parse_rtf",
    "html": "html:parse_html",
    "markdown": "text:parse_markdown",
    "text": "text:parse_text",
    "csv": "delimited:parse_csv",
    "json": "json_data:parse_json",
    "email": "mail:parse_mail",
    "image": "images:parse_image",
}
"""Where each parser is. The server loads them all before it forks."""

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Read `[ENDING, PATH, LIMITS]` from standard input, one line, and parse.

    Writes `{"document": …}` or `{"rejected": {"message", "help"}}` to standard output.
    """
    suffix, path, limits = json.loads(sys.stdin.readline())
    caps = Limits(**limits)
    confine(caps)
    try:
        document = parse_file(Path(path), suffix, caps)
        if not document.blocks:
            raise DocumentRejected("the document has no text")
        answer = f'{{"document":{document.model_dump_json()}}}'
    except DocumentRejected as fault:
        answer = json.dumps({"rejected": {"message": fault.message, "help": fault.help}})
    except MemoryError:
        megabytes = caps.memory // 2**20
        answer = json.dumps({"rejected": {"message": f"reading the document takes more than {megabytes} MB of memory"}})
    sys.stdout.write(answer)


def parse_file(path: Path, suffix: str, limits: Limits) -> ParsedDocument:
    """Parse a file in this process; `suffix` is its name's ending. Raises `DocumentRejected`."""
    module, _, function = PARSERS[detect(path, suffix, limits)].partition(":")
    document: ParsedDocument = getattr(import_module(f"girih.providers.parsers.{module}"), function)(path, limits)
    return document


def confine(caps: Limits) -> None:
    """Give up what a parser does not need: memory, time, and files to write."""
    resource.setrlimit(resource.RLIMIT_CPU, (caps.cpu_seconds, caps.cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if sys.platform == "linux":
        # Elsewhere these limits count differently or are refused.
        resource.setrlimit(resource.RLIMIT_DATA, (caps.memory, caps.memory))
        resource.setrlimit(resource.RLIMIT_AS, (caps.memory + 2**30, caps.memory + 2**30))


def tie(parent: int) -> None:
    """Live no longer than the process that forked this one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it was asked to tell
        os.kill(os.getpid(), signal.SIGKILL)
