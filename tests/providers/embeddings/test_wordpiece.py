"""WordPiece gives the ids that the model was trained on."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.providers.embeddings.wordpiece import VOCABULARY, WordPiece, load_vocabulary, words

IDS = load_vocabulary()
TOKENS = {number: token for token, number in IDS.items()}
READER = WordPiece(IDS)


def pieces(text: str) -> list[str]:
    return [TOKENS[number] for number in READER.encode(text)][1:-1]


def test_the_vocabulary_is_the_one_it_should_be() -> None:
    digest = hashlib.sha256(VOCABULARY.read_bytes()).hexdigest()
    assert digest == "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
    assert len(IDS) == 30_522


def test_known_ids() -> None:
    assert READER.encode("hello world") == [101, 7592, 2088, 102]
    assert READER.encode("") == [101, 102]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", ["hello", ",", "world", "!"]),
        ("unaffable", ["una", "##ffa", "##ble"]),
        ("Café ÉCOLE", ["cafe", "ecole"]),
        ("don't", ["don", "'", "t"]),
        ("x" * 101, ["[UNK]"]),
        ("\U0001f9ff", ["[UNK]"]),
        ("a\u200bb\tc\nd", ["ab", "c", "d"]),
        ("[SEP]", ["[", "sep", "]"]),
    ],
)
def test_pieces(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_each_cjk_character_is_a_word() -> None:
    assert words("日本a") == ["日", "本", "a"]


@given(st.text(max_size=300))
def test_any_text_has_ids(text: str) -> None:
    ids = READER.encode(text)
    assert (ids[0], ids[-1]) == (101, 102)
    assert len(ids) <= 256
    assert all(0 <= number < len(IDS) for number in ids)
    assert 102 not in ids[1:-1]


@given(st.lists(st.sampled_from(["river", "stone", "lattice", "playing", "unbelievable"]), max_size=400))
def test_long_texts_are_cut(given_words: list[str]) -> None:
    assert len(READER.encode(" ".join(given_words))) <= 256
