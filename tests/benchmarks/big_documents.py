"""What very large PDFs cost on their way in: time, and the most memory of API, worker and parser.

    python tests/benchmarks/big_documents.py [FOLDER] [--megabytes 500] [--pages 5000] [--only NAME …]

Real processes on one machine: an API, a worker, PostgreSQL and Valkey of their own. The PDFs are made in FOLDER
(default: a temporary one) and deleted again. Prints a table; exits with 1 if a document ended otherwise than said.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import psutil
from desk import Desk, desk
from memory import peak_mb

_LINES = 40
_PARSER = b"girih.providers.parsers."
"""What commands of the processes that parse have in common."""
HEAD = ("document", "MB", "ended", "upload, s", "whole, s", "passages", "API, MB", "worker, MB", "parser, MB")


def write_pdf(path: Path, objects: Iterable[bytes | tuple[bytes, Iterable[bytes]]]) -> None:
    """A PDF of these objects, numbered from 1 and the first its catalogue; a stream's body may come in pieces."""
    offsets = []
    with path.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        for number, body in enumerate(objects, start=1):
            offsets.append(file.tell())
            head, pieces = body if isinstance(body, tuple) else (body, ())
            file.write(b"%d 0 obj\n%s\n" % (number, head))
            for piece in pieces:
                file.write(piece)
            file.write(b"\nendobj\n")
        start = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1))
        file.writelines(b"%010d 00000 n \n" % offset for offset in offsets)
        file.write(b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, start))


def _stream(entries: bytes, size: int, pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    def body() -> Iterator[bytes]:
        yield from pieces
        yield b"\nendstream"

    return b"<< /Length %d %s >>\nstream" % (size, entries), (b"\n" + p if n == 0 else p for n, p in enumerate(body()))


def _front(pages: int, each: int) -> Iterator[bytes]:
    """Catalogue, pages and a font; `each` objects a page follow."""
    yield b"<< /Type /Catalog /Pages 2 0 R >>"
    kids = b" ".join(b"%d 0 R" % (4 + each * n) for n in range(pages))
    yield b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, pages)
    yield b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def _page(number: int, each: int, more: bytes = b"") -> bytes:
    at = 4 + each * number
    resources = b"<< /Font << /F1 3 0 R >> %s >>" % more
    place = b"/Parent 2 0 R /MediaBox [0 0 595 842]"
    return b"<< /Type /Page %s /Resources %s /Contents %d 0 R >>" % (place, resources, at + 1)


def _text(number: int, before: bytes = b"") -> tuple[bytes, Iterator[bytes]]:
    dice = random.Random(number)
    words = ("river", "stone", "market", "window", "letter", "engine", "forest", "copper", "winter", "garden")
    shown = [before, b"BT /F1 18 Tf 50 790 Td (Chapter %d) Tj ET\n" % number, b"BT /F1 11 Tf 14 TL 50 760 Td\n"]
    for _ in range(_LINES):
        line = " ".join(f"{dice.choice(words)}{dice.randrange(999)}" for _ in range(9))
        shown.append(f"({line}) Tj T*\n".encode())
    content = b"".join([*shown, b"ET"])
    return _stream(b"", len(content), [content])


def text_pages(path: Path, pages: int) -> None:
    """So many pages of text, about 350 words each."""

    def objects() -> Iterator[bytes | tuple[bytes, Iterable[bytes]]]:
        yield from _front(pages, 2)
        for number in range(pages):
            yield _page(number, 2)
            yield _text(number)

    write_pdf(path, objects())


def pictures(path: Path, megabytes: int) -> None:
    """A page of text over a raw picture of five megabytes, as often as that takes."""
    pages, rows, columns = max(1, megabytes // 5), 1280, 1365
    noise = random.Random(1).randbytes(columns * 3)

    def objects() -> Iterator[bytes | tuple[bytes, Iterable[bytes]]]:
        yield from _front(pages, 3)
        for number in range(pages):
            yield _page(number, 3, b"/XObject << /Im %d 0 R >>" % (4 + 3 * number + 2))
            yield _text(number, b"q 500 0 0 700 40 60 cm /Im Do Q\n")
            kind = b"/Type /XObject /Subtype /Image /ColorSpace /DeviceRGB /BitsPerComponent 8"
            entries = b"%s /Width %d /Height %d" % (kind, columns, rows)
            yield _stream(entries, rows * columns * 3, (noise for _ in range(rows)))

    write_pdf(path, objects())


def one_stream(path: Path, megabytes: int) -> None:
    """One page of text whose content is one raw stream of that size, comments for the most part."""
    comment = b"%" + b"x" * (2**20 - 2) + b"\n"
    text = b"BT /F1 11 Tf 50 760 Td (The only line.) Tj ET\n"

    def objects() -> Iterator[bytes | tuple[bytes, Iterable[bytes]]]:
        yield from _front(1, 2)
        yield _page(0, 2)
        yield _stream(b"", megabytes * 2**20 + len(text), (text, *(comment for _ in range(megabytes))))

    write_pdf(path, objects())


def bomb(path: Path, megabytes: int) -> None:
    """A small file; its page unpacks to that size."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(b" " * 2**20) for _ in range(megabytes)) + packer.flush()

    def objects() -> Iterator[bytes | tuple[bytes, Iterable[bytes]]]:
        yield from _front(1, 2)
        yield _page(0, 2)
        yield _stream(b"/Filter /FlateDecode", len(packed), [packed])

    write_pdf(path, objects())


@dataclass
class Case:
    """A document, how it is made, and how it has to end."""

    make: Callable[[Path, int], None]
    amount: int
    ends: tuple[str, ...]


class Watch:
    """The most memory that each process has had, in megabytes, while the block runs."""

    def __init__(self, at: Desk, worker: int) -> None:
        self._pids = {"API": at.api.process.pid, "worker": worker}
        self.peaks = dict.fromkeys((*self._pids, "parser"), 0.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        for pid in self._pids.values():
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the mark of the highest begins anew
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.peaks |= {name: peak_mb(pid) for name, pid in self._pids.items()}

    def _look(self) -> None:
        worker = psutil.Process(self._pids["worker"])
        while not self._stop.wait(0.02):
            for child in worker.children(recursive=True):
                try:
                    if _PARSER in Path(f"/proc/{child.pid}/cmdline").read_bytes():
                        self.peaks["parser"] = max(self.peaks["parser"], peak_mb(child.pid))
                except (OSError, IndexError, psutil.Error):
                    continue


def bring(at: Desk, worker: int, path: Path) -> tuple[str, list[str]]:
    """Upload the file and wait for its end: how it ended, and the cells of its line."""
    size = path.stat().st_size / 2**20
    with Watch(at, worker) as watch:
        began = time.monotonic()
        with path.open("rb") as file:
            answer = at.client.post("/v1/collections/docs/documents", files={"file": (path.name, file)}, timeout=600)
        uploaded = whole = time.monotonic() - began
        if answer.status_code != 202:
            ended, said, chunks = "refused", f"{answer.status_code}: {answer.json()['detail']}", 0
        else:
            document = str(answer.json()["id"])
            ended = at.ended([document], 1800)[document]
            whole = time.monotonic() - began
            of = (
                "SELECT reason, (SELECT count(*) FROM chunks WHERE document_id = d.id) FROM documents d WHERE d.id = $1"
            )
            ((said, chunks),) = at.fleet.sql(of, UUID(document))
    peaks = [f"{watch.peaks[name]:.0f}" for name in ("API", "worker", "parser")]
    ending = f"{ended}: {said}" if said else ended
    return ended, [f"{size:.0f}", ending, f"{uploaded:.1f}", f"{whole:.1f}", f"{chunks:,}", *peaks]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="where the PDFs are made")
    parser.add_argument("--megabytes", type=int, default=500, help="size of the large ones (default 500)")
    parser.add_argument("--pages", type=int, default=5000, help="pages of the long one (default 5000)")
    parser.add_argument("--only", nargs="+", default=[], help="words of the names of those to measure")
    given = parser.parse_args()
    pages, size = given.pages, given.megabytes
    cases = {
        f"{pages:,} pages of text": Case(text_pages, pages, ("ready",)),
        "5,001 pages": Case(text_pages, 5_001, ("failed",)),
        f"{size} MB of pictures and text": Case(pictures, size, ("ready",)),
        f"{size} MB in one page's content": Case(one_stream, size, ("ready", "failed")),
        f"a page that unpacks to {4 * size:,} MB": Case(bomb, 4 * size, ("ready", "failed")),
    }
    wrong = 0
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="girih-big-") as name:
        with desk(GIRIH_MAX_UPLOAD_MB=str(size + 100), GIRIH_INGEST_LEASE="30") as at:
            worker = at.worker()
            at.ended([at.bring("first.md", "# First\n\nSo that all is loaded.")])
            for title, case in cases.items():
                if given.only and not any(word in title for word in given.only):
                    continue
                path = Path(name) / (re.sub(r"\W+", "-", title) + ".pdf")
                case.make(path, case.amount)
                ended, cells = bring(at, worker.process.pid, path)
                path.unlink()
                wrong += ended not in case.ends
                print(f"| {' | '.join([title, *cells])} |", flush=True)
            wrong += at.ended([at.bring("last.md", "# Last\n\nThe worker is alive.")]).popitem()[1] != "ready"
        with desk() as at:
            worker = at.worker()
            path = Path(name) / "default.pdf"
            pictures(path, size)
            ended, cells = bring(at, worker.process.pid, path)
            wrong += ended != "refused"
            print(f"| {size} MB, with the default bound | {' | '.join(cells)} |", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
