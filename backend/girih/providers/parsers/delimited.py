"""CSV and TSV: rows of cells in a text."""

from __future__ import annotations

import csv
import io
from itertools import islice
from pathlib import Path

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.tables import markdown_tables
from girih.providers.parsers.text import read_text, too_long

_DELIMITERS = "\t;|,"
"""The rarer inside of cells, the sooner: where several would do, the first is meant."""
_SAMPLE = 50
_LONGEST_CELL = 1_000_000


def parse_csv(path: Path, limits: Limits) -> ParsedDocument:
    """Tables of some rows each; every one begins with the header, the file's first row."""
    text = read_text(path)
    csv.field_size_limit(_LONGEST_CELL)
    rows: list[list[str]] = []
    left = limits.cells
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=False):
            if any(cell.strip() for cell in row):
                rows.append(row)
            left -= len(row)
            if left < 0:
                raise DocumentRejected(f"the file has more than {limits.cells:,} cells", help="split it")
    except csv.Error as fault:
        raise DocumentRejected(
            f"the rows of this file cannot be told apart after row {len(rows):,}",
            help="look for a quotation mark that is opened there and never closed",
        ) from fault
    builder = Builder(limits.characters)
    for table in markdown_tables(rows):
        builder.add("table", table)
        if builder.full:
            raise too_long(limits)
    return builder.build()


def _delimiter(text: str) -> str:
    """The sign that parts most of the first rows into the same number of cells."""
    lines = list(islice(io.StringIO(text, newline=""), _SAMPLE))
    best, most = ",", 0
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count, default=1)
        agreed = widths.count(usual) if usual > 1 else 0
        if agreed > most:
            best, most = delimiter, agreed
    return best
