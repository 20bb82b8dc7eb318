"""The process that parses one document under limits: `python -m girih.providers.parsers.child FORMAT PATH LIMITS`."""

from __future__ import annotations

import ctypes
import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from girih.errors import DocumentRejected
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.docx import parse_docx
from girih.providers.parsers.html import parse_html
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.pdf import parse_pdf
from girih.providers.parsers.text import parse_markdown, parse_text

PARSERS: dict[str, Callable[[Path, Limits], ParsedDocument]] = {
    "pdf": parse_pdf,
    "docx": parse_docx,
    "html": parse_html,
    "markdown": parse_markdown,
    "text": parse_text,
}
_PR_SET_PDEATHSIG = 1


def main(format: str, path: str, limits: str) -> None:
    """Parse, and write `{"document": …}` or `{"rejected": {"message", "help"}}` to standard output."""
    caps = Limits(**json.loads(limits))
    confine(caps)
    try:
        document = PARSERS[format](Path(path), caps)
        if not document.blocks:
            raise DocumentRejected("the document has no text")
        answer = f'{{"document":{document.model_dump_json()}}}'
    except DocumentRejected as fault:
        answer = json.dumps({"rejected": {"message": fault.message, "help": fault.help}})
    except MemoryError:
        megabytes = caps.memory // 2**20
        answer = json.dumps({"rejected": {"message": f"reading the document takes more than {megabytes} MB of memory"}})
    sys.stdout.write(answer)


def confine(caps: Limits) -> None:
    """Give up what a parser does not need: memory, time, files to write, and a life after its parent's."""
    resource.setrlimit(resource.RLIMIT_CPU, (caps.cpu_seconds, caps.cpu_seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if sys.platform == "linux":
        # Elsewhere these limits count differently or are refused.
        resource.setrlimit(resource.RLIMIT_DATA, (caps.memory, caps.memory))
        resource.setrlimit(resource.RLIMIT_AS, (caps.memory + 2**30, caps.memory + 2**30))
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:4])
