"""A YAML text laid out anew: indentation, spaces and blank lines change, and nothing else does."""

from __future__ import annotations

import re

from girih.language.formatting.pieces import STEP, Piece, pieces

_INDICATOR = re.compile(r"[|>][+-]?([1-9])?[+-]?")


def laid_out(text: str) -> str:
    """A sound YAML text with its indentation in steps of two and one space between what stands side by side.

    Comments, quotes, and where lines break stay as the author has them; more than one blank line becomes one.
    """
    return _Layout(text).text()


class _Layout:
    """One text on its way. `out` are the lines so far; `line` is the one that is being written, if any."""

    def __init__(self, text: str) -> None:
        self._lines = re.split(r"\r\n|\r|\n", text)
        self._pieces = list(pieces(text))
        self._out: list[str] = []
        self._line: str | None = None
        self._keeps = False
        """Whether the last piece is a text whose blank lines at the end are its own."""

    def text(self) -> str:
        before: Piece | None = None
        for piece in self._pieces:
            self._between(before, piece)
            self._write(piece)
            before = piece
        self._between(before, None)
        self._end_line()
        while self._out and not self._out[-1] and not self._keeps:
            self._out.pop()
        # A text in lines of its own at the very end has no line end in it where the file has none.
        end = "" if before is not None and before.kind == "block" and before.end_column else "\n"
        return "\n".join(self._out) + end if self._out else ""

    # --- what lies between two pieces

    def _between(self, before: Piece | None, after: Piece | None) -> None:
        line, column = (before.end_line, before.end_column) if before else (0, 0)
        if before is not None and before.kind == "block" and column:
            line += 1  # the file ends in it
        if before and after and self._line is not None and after.line == line:
            self._line += _gap(before, after)
            return
        if self._line is not None:
            self._tail(line, column)
            line += 1
        last = after.line if after else len(self._lines)
        for number in range(line, last):
            self._lone(self._lines[number], before, after)
        if after:
            self._line = " " * after.indent

    def _tail(self, line: int, column: int) -> None:
        """A comment behind the last piece of a line keeps its distance."""
        rest = self._lines[line][column:] if line < len(self._lines) else ""
        comment = rest.strip()
        if comment and self._line is not None:
            self._line += " " * max(1, len(rest) - len(rest.lstrip())) + comment
        self._end_line()

    def _lone(self, line: str, before: Piece | None, after: Piece | None) -> None:
        """A blank line, or one that holds a comment alone."""
        comment = line.strip()
        if not comment:
            if self._out and self._out[-1]:
                self._out.append("")
            return
        column = len(line) - len(line.lstrip())
        self._out.append(" " * _indent_of_comment(column, before, after) + comment)

    def _end_line(self) -> None:
        if self._line is not None:
            self._out.append(self._line.rstrip())
            self._line = None

    # --- one piece

    def _write(self, piece: Piece) -> None:
        self._keeps = False
        if piece.kind == "block":
            self._write_block(piece)
            return
        first = self._lines[piece.line]
        if piece.end_line == piece.line:
            self._add(first[piece.column : piece.end_column])
            return
        self._add(first[piece.column :] if piece.style else first[piece.column :].rstrip())
        self._out.append(self._line or "")
        for number in range(piece.line + 1, piece.end_line):
            inside = self._lines[number].lstrip() if piece.style else self._lines[number].strip()
            self._out.append(" " * piece.inner + inside if inside else "")
        self._line = " " * piece.inner + self._lines[piece.end_line][: piece.end_column].lstrip()

    def _write_block(self, piece: Piece) -> None:
        """A text in lines of its own moves as a whole: how its lines stand to each other is its content."""
        header = self._lines[piece.line][piece.column :].rstrip()
        self._add(header)
        self._end_line()
        content = self._lines[piece.line + 1 : piece.end_line]
        if piece.end_column:
            content.append(self._lines[piece.end_line])
        shift = piece.inner - _indent_of_block(content, header, piece)
        kept = [_shifted(line, shift) for line in content]
        self._keeps = "+" in header.split("#")[0]
        if not self._keeps:
            blank = bool(kept) and not kept[-1].strip() and piece.end_line < len(self._lines)
            while kept and not kept[-1].strip():
                kept.pop()
            kept += [""] * blank
        self._out += kept

    def _add(self, text: str) -> None:
        self._line = (self._line or "") + text


def _gap(before: Piece, after: Piece) -> str:
    if after.kind == "comma" or (after.kind == "value" and before.kind != "alias"):
        return ""
    if before.kind == "open" and (after.kind == "close" or before.sign == "["):
        return ""
    return "" if after.kind == "close" and after.sign == "]" else " "


def _indent_of_comment(column: int, before: Piece | None, after: Piece | None) -> int:
    """A comment goes along with what stands at its column: what follows it, else a collection it is at the end of."""
    if after is not None and after.column == column:
        return after.indent
    levels = before.levels if before is not None else ()
    same = [level.indent for level in levels if level.column == column]
    if same:
        return same[-1]
    return after.indent if after is not None else 0


def _indent_of_block(content: list[str], header: str, piece: Piece) -> int:
    """The column at which the content of a block begins now."""
    found = _INDICATOR.match(header)
    if found and found.group(1):
        # The number counts from the collection around it, whose new place decides how far all of it moves.
        level = piece.levels[-1] if piece.levels else None
        moved = level.indent - level.column if level is not None else 0
        return piece.inner - moved
    first = next((line for line in content if line.strip()), "")
    return len(first) - len(first.lstrip(" ")) if first else piece.inner - STEP


def _shifted(line: str, columns: int) -> str:
    if columns < 0:
        return line[-columns:]
    return " " * columns + line if line else ""
