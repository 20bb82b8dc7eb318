"""Passages cover a document, keep to their size, repeat no more than asked, and know their place."""

from __future__ import annotations

import re
from itertools import groupby, pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girih.providers.embeddings.wordpiece import WordPiece, load_vocabulary
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.services.knowledge.chunking import Passage, cut
from girih.services.knowledge.cut_rules import Context, CutRules, Strategy
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.tables import SearchIndex

READER = WordPiece(load_vocabulary())
WORDS = st.lists(st.sampled_from(["stone", "tile.", "line,", "pattern!", "x" * 60, "日本語。", "a"]), max_size=120)
PARTS = st.lists(
    st.tuples(st.sampled_from(["h1", "h2", "h3", "paragraph", "list", "table", "code"]), WORDS, st.sampled_from(" \n")),
    max_size=12,
)


def document_of(parts: list[tuple[str, list[str], str]]) -> ParsedDocument:
    builder = Builder(10**6)
    for page, (kind, some_words, joint) in enumerate(parts, start=1):
        text = joint.join(some_words)
        if kind.startswith("h"):
            builder.heading(text[:100], int(kind[1]), page)
        else:
            builder.add(kind, text, page)  # type: ignore[arg-type]
    return builder.build()


def count(text: str) -> int:
    return len(re.findall(r"\S{1,24}", text))


def measure(text: str, strategy: Strategy) -> int:
    """The length of a text as the strategy counts it."""
    if strategy != "tokens":
        return count(text)
    runs = re.findall(r"\S{1,24}", text)
    return sum(max(len(READER.encode(run)) - 2, 1) for run in runs)


def assert_covered(text: str, spans: list[tuple[int, int]]) -> None:
    """Nothing but white space stands outside of the spans."""
    covered = [False] * len(text)
    for start, end in spans:
        covered[start:end] = [True] * (end - start)
    assert all(done or char.isspace() for done, char in zip(covered, text, strict=True))


@settings(max_examples=200, deadline=None)
@given(parts=PARTS, size=st.integers(5, 60), share=st.floats(0, 0.49))
@pytest.mark.parametrize("strategy", ["structure", "recursive", "sentence", "tokens"])
def test_any_document(parts: list[tuple[str, list[str], str]], size: int, share: float, strategy: Strategy) -> None:
    # A word of 24 characters is many tokens.
    size += 20 * (strategy == "tokens")
    document, overlap = document_of(parts), int(size * share)
    rules = CutRules(size, overlap, strategy)
    passages = cut(document, rules)
    text = document.text
    assert_covered(text, [(passage.start, passage.end) for passage in passages])
    for passage in passages:
        assert passage.text == passage.searched == text[passage.start : passage.end]
        assert measure(passage.text, strategy) <= size
        assert passage.page == next(block.page for block in document.blocks if block.end > passage.start)
    for one, other in pairwise(passages):
        assert one.start < other.start
        assert one.end < other.end or one.end == other.end == len(text)
        if other.start < one.end:
            assert measure(text[other.start : one.end], strategy) <= overlap
    if strategy != "tokens":
        for block in document.blocks:
            if block.kind == "table" and count(block.text) <= size:
                assert any(one.start <= block.start and block.end <= one.end for one in passages)
    assert passages == cut(document, rules)


@settings(max_examples=200, deadline=None)
@given(parts=PARTS, size=st.integers(5, 60), share=st.floats(0, 0.49))
def test_any_document_by_parents(parts: list[tuple[str, list[str], str]], size: int, share: float) -> None:
    document, overlap = document_of(parts), int(size * share)
    passages = cut(document, CutRules(size, overlap, "parent"))
    text = document.text
    parents = [next(group) for _, group in groupby(passages, key=lambda passage: passage.start)]
    alone = cut(document, CutRules(size, 0))
    assert [(one.text, one.heading, one.page) for one in parents] == [
        (one.text, one.heading, one.page) for one in alone
    ]
    assert_covered(text, [passage.focus for passage in passages if passage.focus])
    for passage in passages:
        assert passage.focus is not None
        assert passage.start <= passage.focus[0] < passage.focus[1] <= passage.end
        assert passage.searched == text[slice(*passage.focus)]
        assert count(passage.searched) <= size // 4
    for one, other in pairwise(passages):
        if one.start == other.start and one.focus and other.focus and other.focus[0] < one.focus[1]:
            assert count(text[other.focus[0] : one.focus[1]]) <= overlap // 4


@given(size=st.integers(1, 9_999), overlap=st.integers(0, 499), data=st.data())
def test_a_config_is_read_back_as_it_was_stored(size: int, overlap: int, data: st.DataObject) -> None:
    strategy = data.draw(st.sampled_from(get_args(Strategy)))
    context = data.draw(st.sampled_from(get_args(Context)))
    config = IndexConfig(chunk=CutRules(size, overlap, strategy, context))
    assert SearchIndex(config=config.as_json).made_by == config


def passages_of(
    build: list[tuple[str, str]], size: int = 50, overlap: int = 0, strategy: Strategy = "structure"
) -> list[Passage]:
    builder = Builder(10**6)
    for kind, text in build:
        if kind.startswith("h"):
            builder.heading(text, int(kind[1]))
        else:
            builder.add(kind, text)  # type: ignore[arg-type]
    return cut(builder.build(), CutRules(size, overlap, strategy))


def test_no_passage_crosses_a_heading() -> None:
    found = passages_of([("h1", "One"), ("paragraph", "first"), ("h2", "Two"), ("paragraph", "second")])
    assert [(p.text, p.heading) for p in found] == [("One\n\nfirst", ("One",)), ("Two\n\nsecond", ("One", "Two"))]


def test_what_leaves_its_heading_is_a_section_of_its_own() -> None:
    builder = Builder(10**6)
    builder.heading("Slide", 1, 1)
    builder.add("paragraph", "first", 1)
    builder.leave()
    builder.add("paragraph", "second", 2)
    found = cut(builder.build(), CutRules())
    assert [(p.text, p.heading, p.page) for p in found] == [("Slide\n\nfirst", ("Slide",), 1), ("second", (), 2)]


def test_headings_alone_go_with_what_follows() -> None:
    found = passages_of([("h1", "One"), ("h2", "Two"), ("paragraph", "words")])
    assert [(p.text, p.heading) for p in found] == [("One\n\nTwo\n\nwords", ("One", "Two"))]


def test_tables_stay_whole_and_long_ones_are_cut_between_rows() -> None:
    table = "\n".join(f"row {n} | value {n}" for n in range(6))
    sentence = "Some words before it. " * 7
    assert passages_of([("paragraph", sentence), ("table", table)], size=40)[-1].text == table
    rows = [p.text for p in passages_of([("table", table)], size=10)]
    assert rows == [
        "row 0 | value 0\nrow 1 | value 1",
        "row 2 | value 2\nrow 3 | value 3",
        "row 4 | value 4\nrow 5 | value 5",
    ]


def test_sentences_are_not_cut_and_overlap_is_whole_sentences() -> None:
    found = [p.text for p in passages_of([("paragraph", "One two. Three four. Five six. Seven eight.")], 6, 2)]
    assert found == ["One two. Three four. Five six.", "Five six. Seven eight."]


def test_the_header_says_what_a_passage_is_about_once() -> None:
    passage = Passage(text="words", heading=("Returns", "Glue"), page=None, start=0, end=5)
    assert passage.with_header("Handbook") == "Handbook › Returns › Glue\n\nwords"
    assert passage.with_header("Returns") == "Returns › Glue\n\nwords"
    assert passage.with_header("Handbook", "title") == "Handbook\n\nwords"
    assert passage.with_header("Handbook", "none") == "words"
    assert Passage(text="words", heading=(), page=None, start=0, end=5).with_header(None) == "words"


def test_each_strategy_cuts_where_it_says() -> None:
    build = [("h1", "One"), ("paragraph", "A b. C d.\n\nE f."), ("h2", "Two"), ("paragraph", "G h i j k l.")]
    assert [p.text for p in passages_of(build, 6, 0, "structure")] == [
        "One\n\nA b. C d.",
        "E f.",
        "Two",
        "G h i j k l.",
    ]
    assert [p.text for p in passages_of(build, 6, 0, "sentence")] == ["One\n\nA b. C d.", "E f.\n\nTwo", "G h i j k l."]
    assert [p.text for p in passages_of(build, 6, 0, "recursive")] == [
        "One",
        "A b. C d.\n\nE f.",
        "Two",
        "G h i j k l.",
    ]
    # A full stop is a token of its own.
    assert [p.text for p in passages_of(build, 7, 2, "tokens")][:2] == ["One\n\nA b. C d.", "d.\n\nE f.\n\nTwo\n\nG"]


def test_a_parent_comes_once_for_each_of_its_parts() -> None:
    text = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    found = passages_of([("h1", "Numbers"), ("paragraph", text)], 16, 0, "parent")
    assert {p.text for p in found} == {f"Numbers\n\n{text}"}
    assert [p.searched for p in found] == [
        "Numbers\n\nOne two three.",
        "Four five six.",
        "Seven eight nine.",
        "Ten eleven twelve.",
    ]
    assert found[1].with_header("Book") == "Book › Numbers\n\nFour five six."
