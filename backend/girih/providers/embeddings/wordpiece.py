"""WordPiece: turns text into the token ids that BERT's uncased models read."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

VOCABULARY = Path(__file__).with_name("vocab.txt")
_LONGEST_WORD = 100
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@lru_cache(maxsize=1)
def load_vocabulary() -> dict[str, int]:
    """The vocabulary, token → id."""
    return {token: number for number, token in enumerate(VOCABULARY.read_text(encoding="utf-8").splitlines())}


class WordPiece:
    """Greedy longest-match-first pieces of lower-cased, accent-free words.

    Markers like `[SEP]` inside a text are plain characters: a document cannot speak to the model's control tokens.
    """

    def __init__(self, vocabulary: dict[str, int], max_tokens: int = 256) -> None:
        self._ids = vocabulary
        self._max_tokens = max_tokens
        self._unknown, self._start, self._end = (vocabulary[token] for token in ("[UNK]", "[CLS]", "[SEP]"))

    def encode(self, text: str) -> list[int]:
        """Ids of `[CLS] text [SEP]`, at most `max_tokens` of them."""
        ids = [self._start]
        for word in words(text):
            ids.extend(self._pieces(word))
            if len(ids) >= self._max_tokens:
                break
        return [*ids[: self._max_tokens - 1], self._end]

    def _pieces(self, word: str) -> list[int]:
        if len(word) > _LONGEST_WORD:
            return [self._unknown]
        ids: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            end = len(word)
            while end > start and prefix + word[start:end] not in self._ids:
                end -= 1
            if end == start:
                return [self._unknown]
            ids.append(self._ids[prefix + word[start:end]])
            start = end
        return ids


def words(text: str) -> list[str]:
    """Lower-case words without accents; each punctuation mark and each CJK character is a word of its own."""
    spaced = "".join(_space_out(char) for char in text)
    plain = (char for char in unicodedata.normalize("NFD", spaced) if unicodedata.category(char) != "Mn")
    # Character by character: lower-casing a whole string would treat a final sigma differently than the model's own.
    lowered = "".join(char.lower() for char in plain)
    return "".join(f" {char} " if _is_punctuation(char) else char for char in lowered).split()


def _space_out(char: str) -> str:
    if char in "\t\n\r" or char.isspace():
        return " "
    if char == "\ufffd" or unicodedata.category(char).startswith("C"):
        return ""
    code = ord(char)
    return f" {char} " if any(low <= code <= high for low, high in _CJK) else char


def _is_punctuation(char: str) -> bool:
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return unicodedata.category(char).startswith("P")
