"""Passages cover a document, keep to their size, repeat no more than asked, and know their place."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from girih.providers.parsers.document import Builder, ParsedDocument
from girih.services.knowledge.chunking import Passage, cut

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


@settings(max_examples=200, deadline=None)
@given(parts=PARTS, size=st.integers(5, 60), share=st.floats(0, 0.49))
def test_any_document(parts: list[tuple[str, list[str], str]], size: int, share: float) -> None:
    document, overlap = document_of(parts), int(size * share)
    passages = cut(document, size, overlap)
    text = document.text
    covered = [False] * len(text)
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert count(passage.text) <= size
        covered[passage.start : passage.end] = [True] * len(passage.text)
    assert all(done or char.isspace() for done, char in zip(covered, text, strict=True))
    for one, other in pairwise(passages):
        assert one.start < other.start
        assert one.end < other.end or one.end == other.end == len(text)
        if other.start < one.end:
            assert count(text[other.start : one.end]) <= overlap
    assert passages == cut(document, size, overlap)


def passages_of(build: list[tuple[str, str]], size: int = 50, overlap: int = 0) -> list[Passage]:
    builder = Builder(10**6)
    for kind, text in build:
        if kind.startswith("h"):
            builder.heading(text, int(kind[1]))
        else:
            builder.add(kind, text)  # type: ignore[arg-type]
    return cut(builder.build(), size, overlap)


def test_no_passage_crosses_a_heading() -> None:
    found = passages_of([("h1", "One"), ("paragraph", "first"), ("h2", "Two"), ("paragraph", "second")])
    assert [(p.text, p.heading) for p in found] == [("One\n\nfirst", ("One",)), ("Two\n\nsecond", ("One", "Two"))]


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
    assert Passage(text="words", heading=(), page=None, start=0, end=5).with_header(None) == "words"
