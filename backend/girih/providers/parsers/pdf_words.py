"""Words of a page of a PDF, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points from the page's lower left corner as it is shown."""

HYPHEN = "\ufffe"
"""What PDFium has for a hyphen at a line's end; it joins the lines there."""

_PIECE = re.compile(rf"[^\s{HYPHEN}]+{HYPHEN}?|{HYPHEN}")


@dataclass(frozen=True)
class Word:
    """A word, or what stands of one in a line: its text, which ends with `HYPHEN` where it was parted."""

    text: str
    at: int
    """Where it begins in the page's text."""
    box: Box

    @property
    def middle(self) -> tuple[float, float]:
        """The point in its middle."""
        left, low, right, high = self.box
        return (left + right) / 2, (low + high) / 2

    @property
    def height(self) -> float:
        """How high its line is."""
        return self.box[3] - self.box[1]


class Letters:
    """Places of a page's letters by their position in its text."""

    def __init__(self, text: Any, shown: str, turned: int) -> None:
        """`shown` is all text of a page's `text`, which is shown turned clockwise by so many quarters."""
        self._raw = text.raw
        self._turned = turned
        self._equal = len(shown) == pdfium.FPDFText_CountChars(self._raw)
        self._rect = pdfium.FS_RECTF()

    def index(self, at: int) -> int:
        """Which of the page's letters stands at a position of its text: some letters are left out of it."""
        return at if self._equal else int(pdfium.FPDFText_GetCharIndexFromTextIndex(self._raw, at))

    def box(self, at: int) -> Box:
        """The place of a letter with the room that its font leaves around it; nothing (0) where there is none."""
        rect = self._rect
        index = at if self._equal else self.index(at)
        if not pdfium.FPDFText_GetLooseCharBox(self._raw, index, rect):
            return 0.0, 0.0, 0.0, 0.0
        box = rect.left, rect.bottom, rect.right, rect.top
        return turn(box, self._turned) if self._turned else box


def turn(box: Box, quarters: int) -> Box:
    """A place after the page was turned clockwise by so many quarters, around its corner."""
    left, low, right, high = box
    for _ in range(quarters):
        left, low, right, high = low, -right, high, -left
    return left, low, right, high


def words_of(shown: str, letters: Letters) -> Iterator[Word]:
    """The words of a page in the order of its text."""
    for match in _PIECE.finditer(shown):
        yield _word(match.group(), match.start(), letters)


def parted(word: Word, letters: Letters, at: float) -> tuple[Word, Word] | None:
    """A word that goes across a line that stands at `at`, as the two that it is; None if all of it is on one side."""
    for number in range(1, len(word.text)):
        left, _, right, _ = letters.box(word.at + number)
        if (left + right) / 2 > at:
            return (
                _word(word.text[:number], word.at, letters),
                _word(word.text[number:], word.at + number, letters),
            )
    return None


def joined(words: list[Word]) -> str:
    """The text of words in a row; what was parted stays marked by `HYPHEN` inside of the word."""
    return " ".join(word.text for word in words).replace(f"{HYPHEN} ", HYPHEN)


def _word(text: str, at: int, letters: Letters) -> Word:
    first = letters.box(at)
    shown = len(text.rstrip(HYPHEN)) or 1
    last = letters.box(at + shown - 1) if shown > 1 else first
    box = (
        min(first[0], last[0]),
        min(first[1], last[1]),
        max(first[2], last[2]),
        max(first[3], last[3]),
    )
    return Word(text, at, box)
