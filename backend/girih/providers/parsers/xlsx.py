"""Excel workbooks (XLSX)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.packages import SAVE_ANEW
from girih.providers.parsers.tables import markdown_tables
from girih.providers.parsers.text import too_long

Value = int | float | str | bool | time | date | datetime | timedelta


def parse_xlsx(path: Path, limits: Limits) -> ParsedDocument:
    """Each sheet under its name as heading; the page is the sheet's number. Hidden sheets are left out.

    A cell is what it showed when the workbook was saved. Rows between empty rows are a table of their own, whose first
    row is its header.
    """
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        sheets = list(workbook.sheets_metadata)
        if len(sheets) > limits.pages:
            raise DocumentRejected(f"the workbook has more than {limits.pages:,} sheets", help="split it")
        builder, left = Builder(limits.characters), limits.cells
        for number, sheet in enumerate(sheets, start=1):
            if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible:
                left -= _sheet(builder, workbook.get_sheet_by_index(number - 1), number, left)
                _hold(builder, left, limits)
    except PasswordError as fault:
        raise DocumentRejected("the workbook is encrypted", help="save a copy without a password") from fault
    except CalamineError as fault:
        raise DocumentRejected("the workbook is damaged and cannot be read", help=SAVE_ANEW) from fault
    builder.title = None  # the first sheet's name says nothing about the others
    return builder.build(None, len(sheets))


def _hold(builder: Builder, left: int, limits: Limits) -> None:
    if left < 0:
        raise DocumentRejected(f"the workbook has more than {limits.cells:,} cells", help="split it")
    if builder.full:
        raise too_long(limits)


def _sheet(builder: Builder, sheet: CalamineSheet, number: int, left: int) -> int:
    """Add a sheet; gives how many cells it has. One with more than are left adds nothing."""
    cells = sheet.height * sheet.width
    if cells == 0 or cells > left:
        return cells
    builder.leave()
    builder.heading(sheet.name, 1, number)
    for rows in _regions([_shown(value) for value in row] for row in sheet.iter_rows()):
        if len(rows[0]) == 1:
            builder.add("paragraph", "\n".join(row[0] for row in rows), number)
            continue
        for table in markdown_tables(rows):
            builder.add("table", table, number)
    return cells


def _regions(rows: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    """Rows that follow each other, without the columns that are empty in all of them."""
    for filled, group in groupby(rows, key=any):
        if filled:
            region = list(group)
            used = [column for column in range(len(region[0])) if any(row[column] for row in region)]
            yield [[row[column] for column in used] for row in region]


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return str(value)
