"""How well tables of PDFs are found, and what looking for them costs of processor time.

    python tests/benchmarks/pdf_tables.py            the samples of the tests, and pages of text
    python tests/benchmarks/pdf_tables.py FOLDER     prints of web pages: NAME.pdf beside NAME.html

A row is found when a table has one with just its cells, blanks apart. Of a web page those rows are wanted whose cells
are in its print. `pdfplumber` and `pdf_oxide` are measured, too, where they are installed.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pypdfium2
from tests.providers.parsers.tabular import SAMPLES, text_only

from girih.providers.parsers import pdf_tables
from girih.providers.parsers.document import ParsedDocument
from girih.providers.parsers.html import parse_html
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.pdf import parse_pdf

Row = tuple[str, ...]
Reader = Callable[[Path], set[Row]]


def main(folder: Path | None) -> None:
    """Print a line for each way to read."""
    with tempfile.TemporaryDirectory() as made:
        wanted = dict(_prints(folder) if folder else _samples(Path(made)))
        readers: dict[str, Reader] = {"girih": _girih}
        readers |= {name: reader for name, reader in OTHERS.items() if find_spec(name)}
        for name, reader in readers.items():
            _measure(name, reader, wanted)
        text = Path(made) / "text.pdf"
        text.write_bytes(text_only(200).content)
        for path in [text, *wanted] if folder is None else wanted:
            if not wanted.get(path):
                _compare(path)


def _measure(name: str, reader: Reader, wanted: dict[Path, set[Row]]) -> None:
    found = hit = pages = 0
    seconds = 0.0
    for path, rows in wanted.items():
        before = time.process_time()
        got = reader(path)
        seconds += time.process_time() - before
        found, hit = found + len(got), hit + len(got & rows)
        with pypdfium2.PdfDocument(path) as document:
            pages += len(document)
    all_rows = sum(map(len, wanted.values()))
    print(
        f"{name:12} {hit} of {all_rows} rows ({hit / all_rows:.1%}), {found - hit} others "
        f"({hit / max(found, 1):.1%} right), {seconds / pages * 1000:.1f} ms a page, {pages} pages"
    )


def _compare(path: Path) -> None:
    """What a document without tables costs with and without looking for them: the least of several rounds."""
    least = {}
    whole = pdf_tables._MOST_STEPS
    for _ in range(7):
        for steps in (0, whole):
            pdf_tables._MOST_STEPS = steps
            before = time.process_time()
            pages = parse_pdf(path, Limits()).pages or 1
            least[steps] = min(least.get(steps, 1e9), (time.process_time() - before) / pages * 1000)
    pdf_tables._MOST_STEPS = whole
    print(f"{path.stem:40} {least[0]:.2f} → {least[whole]:.2f} ms a page, {least[whole] / least[0] - 1:+.0%}")


def _samples(folder: Path) -> Iterator[tuple[Path, set[Row]]]:
    for name, make in SAMPLES.items():
        sample = make()
        path = folder / f"{name}.pdf"
        path.write_bytes(sample.content)
        yield path, {row for _, rows in sample.tables for row in _rows(rows)}


def _prints(folder: Path) -> Iterator[tuple[Path, set[Row]]]:
    for path in sorted(folder.glob("*.pdf")):
        with pypdfium2.PdfDocument(path) as document:
            shown = _bare("".join(page.get_textpage().get_text_range() for page in document).replace("\ufffe", "-"))
        rows = _of(parse_html(path.with_suffix(".html"), Limits()))
        yield path, {row for row in rows if all(cell in shown for cell in row)}


def _bare(text: str) -> str:
    return re.sub(r"[\s\u200b\\]+", "", text)


def _rows(rows: Iterable[Iterable[str | None]]) -> Iterator[Row]:
    for row in rows:
        cells = tuple(bare for cell in row if (bare := _bare(cell or "")))
        if len(cells) > 1:
            yield cells


def _of_markdown(text: str) -> set[Row]:
    lines = [line.strip() for line in text.split("\n") if line.startswith("|") and re.search(r"[^|\s:-]", line)]
    return set(_rows(re.split(r"(?<!\\)\|", line[1:-1]) for line in lines))


def _of(document: ParsedDocument) -> set[Row]:
    return _of_markdown("\n".join(block.text for block in document.blocks if block.kind == "table"))


def _girih(path: Path) -> set[Row]:
    return _of(parse_pdf(path, Limits()))


def _pdfplumber(path: Path) -> set[Row]:
    found: set[Row] = set()
    with import_module("pdfplumber").open(path) as document:
        for page in document.pages:
            for table in page.extract_tables():
                found |= set(_rows(table))
            page.close()
    return found


def _pdf_oxide(path: Path) -> set[Row]:
    document = import_module("pdf_oxide").PdfDocument(str(path))
    pages = [document.to_markdown(number).replace("**", "") for number in range(document.page_count())]
    return _of_markdown("\n".join(pages))


OTHERS: dict[str, Reader] = {"pdfplumber": _pdfplumber, "pdf_oxide": _pdf_oxide}

if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
