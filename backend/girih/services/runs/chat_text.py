"""The text of an answer as it was told so far, and what a model that begins anew adds to it."""

from __future__ import annotations


class Told:
    """Pieces that were told. Whoever begins anew is followed silently through them, and heard from there on."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._at = 0
        """How far the one who speaks now has come in what was told."""
        self.has_diverged = False
        """Whether somebody said something else than was told; nothing is added any more."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told yet."""
        return self._length == 0

    @property
    def text(self) -> str:
        """All that was told."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def begin(self) -> None:
        """Somebody begins to speak, or begins anew."""
        self._at = 0

    def take_back(self) -> None:
        """What was told was none of it: nothing is told yet."""
        self._pieces, self._length, self._at = [], 0, 0
        self.has_diverged = False

    def add(self, piece: str) -> str:
        """What a piece of speech adds, perhaps nothing."""
        if self.has_diverged:
            return ""
        if self._at == self._length:
            return self._push(piece)
        known = self.text[self._at : self._at + len(piece)]
        if not piece.startswith(known):
            self.has_diverged = True
            return ""
        self._at += len(known)
        return self._push(piece[len(known) :]) if self._at == self._length else ""

    def end(self, text: str) -> str:
        """What a whole text adds to what was told."""
        told = self.text
        self.has_diverged = self.has_diverged or not text.startswith(told)
        return "" if self.has_diverged else self._push(text[len(told) :])

    def _push(self, piece: str) -> str:
        if piece:
            self._pieces.append(piece)
            self._length += len(piece)
        self._at = self._length
        return piece
