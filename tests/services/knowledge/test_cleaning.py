"""Cleaners: each takes out what it names and nothing else, and offsets stay true whatever is left."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from girih.language.spec.pipelines import CleanerStep, ParserStep
from girih.providers.parsers.document import Block, Builder, ParsedDocument
from girih.services.knowledge.cleaning import cleaned

KEEP = ParserStep()


def document(*texts: str | tuple[str, str] | tuple[str, str, int]) -> ParsedDocument:
    """Paragraphs; or (kind, text), or (kind, text, page)."""
    builder = Builder(10**6)
    for each in texts:
        kind, text, *page = ("paragraph", each) if isinstance(each, str) else each
        builder.add(kind, text, page[0] if page else None)  # type: ignore[arg-type]
    return builder.build()


def texts(document: ParsedDocument) -> list[str]:
    return [block.text for block in document.blocks]


def pages(header: str, bodies: list[str], footer: str) -> ParsedDocument:
    """A page for each body, with its number in the footer."""
    blocks = []
    for number, body in enumerate(bodies, start=1):
        blocks.append(("paragraph", f"{header}\n{body}\n{footer.replace('N', str(number))}", number))
    return document(*blocks)


def test_a_document_that_needs_no_cleaning_is_the_same_one() -> None:
    given = document("one", "two")
    assert cleaned(given, CleanerStep(), KEEP) is given


def test_running_headers_and_footers_go_and_what_stands_inside_of_pages_stays() -> None:
    bodies = ["alpha\nLattice & Line\nbeta", "gamma\ndelta\nepsilon", "zeta\neta\ntheta", "iota\nkappa\nlambda"]
    given = pages("Lattice & Line", bodies, "Page N of 4")
    found = texts(cleaned(given, CleanerStep(repeated="drop"), KEEP))
    assert found == bodies


def test_what_two_pages_share_is_no_running_header() -> None:
    given = pages("Same", ["a\nb\nc\nd", "e\nf\ng\nh"], "Page N")
    assert texts(cleaned(given, CleanerStep(repeated="drop"), KEEP)) == texts(given)


def test_a_header_on_fewer_than_half_of_the_pages_stays() -> None:
    given = document(*(("paragraph", f"{'Part' if n < 3 else f'own {chr(96 + n)}'}\nbody\ntail {chr(96 + n)}", n)
                       for n in range(1, 7)))  # fmt: skip
    assert texts(cleaned(given, CleanerStep(repeated="drop"), KEEP))[0].startswith("Part")


def test_a_header_in_a_block_of_its_own_goes_with_its_block() -> None:
    given = document(*(part for n in range(1, 4) for part in (
        ("heading", "Annual report", n), ("paragraph", f"What happened in {'abc'[n - 1]}.", n))))  # fmt: skip
    assert texts(cleaned(given, CleanerStep(repeated="drop"), KEEP)) == [f"What happened in {x}." for x in "abc"]


def test_lines_are_dropped_by_patterns_that_take_linear_time() -> None:
    given = document("keep\nCONFIDENTIAL - do not share\nkeep too", "CONFIDENTIAL", "a" * 5000)
    cleaner = CleanerStep(drop=["^CONFIDENTIAL", "(a+)+$x"])
    assert texts(cleaned(given, cleaner, KEEP)) == ["keep\nkeep too", "a" * 5000]


def test_words_parted_by_a_line_end_are_joined_and_dashes_stay() -> None:
    given = document("The infor-\nmation is on the web-\nsite.", "From 2019-\n2020 - and A-\nB", "soft\u00ad\nhyphen")
    found = texts(cleaned(given, CleanerStep(hyphens="join"), KEEP))
    assert found == ["The information is on the website.", "From 2019-\n2020 - and A-\nB", "softhyphen"]


def test_whitespace_is_collapsed_outside_of_tables_and_code() -> None:
    given = document("a  \t b\n\n\n\nc \n d", ("code", "if x:\n    y"), ("table", "a  |  b"))
    found = texts(cleaned(given, CleanerStep(whitespace="collapse"), KEEP))
    assert found == ["a b\n\nc\nd", "if x:\n    y", "a  |  b"]


def test_unicode_has_one_form() -> None:
    given = document("ﬁne café Ａ１")
    assert texts(cleaned(given, CleanerStep(unicode="NFKC"), KEEP)) == ["fine café A1"]
    assert texts(cleaned(given, CleanerStep(unicode="NFC"), KEEP)) == ["ﬁne café Ａ１"]


def test_tables_can_be_left_out() -> None:
    given = document("before", ("table", "a | b"), "after")
    assert texts(cleaned(given, CleanerStep(), ParserStep(tables="drop"))) == ["before", "after"]


_TEXT = st.text(alphabet=st.sampled_from("ab -\u00ad\n\tÄéﬁ1.　"), min_size=0, max_size=60)
_BLOCKS = st.lists(
    st.tuples(st.sampled_from(["heading", "paragraph", "list", "table", "code"]), _TEXT, st.integers(1, 4)), max_size=12
)
_CLEANERS = st.builds(
    CleanerStep,
    unicode=st.sampled_from([None, "NFC", "NFKC"]),
    repeated=st.sampled_from(["keep", "drop"]),
    drop=st.sampled_from([None, ["a+"], ["^b", "1"]]),
    hyphens=st.sampled_from(["keep", "join"]),
    whitespace=st.sampled_from(["keep", "collapse"]),
)


@settings(max_examples=200, deadline=None)
@given(blocks=_BLOCKS, cleaner=_CLEANERS)
def test_offsets_are_those_of_the_cleaned_text(blocks: list[tuple[str, str, int]], cleaner: CleanerStep) -> None:
    made = cleaned(document(*blocks), cleaner, KEEP)
    for block in made.blocks:
        assert made.text[block.start : block.end] == block.text
        assert block.text.strip()
    again = cleaned(made, CleanerStep(unicode=cleaner.unicode, whitespace=cleaner.whitespace), KEEP)
    assert texts(again) == texts(made)


def test_pages_and_headings_of_what_is_left_stay() -> None:
    builder = Builder(1000)
    builder.heading("Ｔop", 1, 1)
    builder.add("paragraph", "x  y", 2)
    made = cleaned(builder.build(pages=2), CleanerStep(unicode="NFKC", whitespace="collapse"), KEEP)
    assert made.blocks[1] == Block(kind="paragraph", text="x y", heading=("Top",), page=2, start=5, end=8)
    assert made.pages == 2
