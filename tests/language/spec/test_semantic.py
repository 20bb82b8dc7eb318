"""Semantic versions: which one follows a change, and which ones a range takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from girih.language.spec.semantic import (
    Weight,
    following,
    highest,
    is_enough,
    is_version,
    next_version,
    numbered,
    numbers_of,
    parse_range,
)

NUMBERS = st.integers(0, 12)
VERSIONS = st.builds("{}.{}.{}".format, NUMBERS, NUMBERS, NUMBERS)
WEIGHTS: st.SearchStrategy[Weight] = st.sampled_from(["major", "minor", "patch"])
RANGES = st.builds(
    lambda sign, parts: sign + ".".join(map(str, parts)),
    st.sampled_from(["^", "~", ""]),
    st.lists(NUMBERS, min_size=1, max_size=3),
).filter(lambda text: not is_version(text))


@pytest.mark.parametrize(
    ("asked", "taken", "left"),
    [
        ("^1", "1.0.0 1.9.3", "0.9.9 2.0.0"),
        ("^1.2", "1.2.0 1.3.0", "1.1.9 2.0.0"),
        ("^1.2.3", "1.2.3 1.3.0", "1.2.2 2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0 1.0.0"),
        ("^0.0.3", "0.0.3", "0.0.2 0.0.4 0.1.0"),
        ("^0", "0.0.0 0.9.9", "1.0.0"),
        ("^0.0", "0.0.7", "0.1.0"),
        ("~1", "1.0.0 1.9.0", "2.0.0"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0 1.1.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
        ("1", "1.0.0 1.9.9", "0.9.0 2.0.0"),
        ("1.2", "1.2.0 1.2.9", "1.3.0"),
    ],
)
def test_a_range_takes_what_its_author_means(asked: str, taken: str, left: str) -> None:
    found = parse_range(asked)
    assert found is not None
    assert [one for one in f"{taken} {left}".split() if found.takes(one)] == taken.split()


@pytest.mark.parametrize(
    "text", ["", "1.2.3", "^", "~", "^01", "^1.", "^1.2.3.4", ">=1", "1.x", "^1.2.3-beta", "v1", "*"]
)
def test_what_is_no_range_is_none(text: str) -> None:
    assert parse_range(text) is None


@given(VERSIONS, RANGES)
def test_a_range_takes_what_begins_as_it_and_is_not_before_it(version: str, text: str) -> None:
    asked, numbers = parse_range(text), numbers_of(version)
    assert asked is not None
    parts = [int(part) for part in text.lstrip("^~").split(".")]
    if text.startswith("^"):
        kept = next((at for at, part in enumerate(parts) if part), len(parts) - 1) + 1
    else:
        kept = min(len(parts), 2) if text.startswith("~") else len(parts)
    begins = list(numbers[:kept]) == parts[:kept]
    assert asked.takes(version) is (begins and list(numbers) >= parts)


@given(VERSIONS, WEIGHTS)
def test_a_caret_takes_what_breaks_nothing_and_never_a_break(version: str, weight: Weight) -> None:
    asked = parse_range(f"^{version}")
    assert asked is not None
    assert asked.takes(version)
    is_apart = weight == "major" or version.startswith("0.0.")
    assert asked.takes(next_version(version, weight)) is not is_apart


@given(VERSIONS)
def test_a_tilde_takes_only_what_adds_nothing(version: str) -> None:
    asked = parse_range(f"~{version}")
    assert asked is not None
    assert asked.takes(f"{version.rpartition('.')[0]}.99")
    if not version.startswith("0."):
        assert asked.takes(next_version(version, "patch"))
        assert not asked.takes(next_version(version, "minor"))


@given(st.lists(VERSIONS, max_size=12), RANGES)
def test_of_several_the_highest_is_meant(versions: list[str], text: str) -> None:
    asked = parse_range(text)
    assert asked is not None
    found = highest(versions, asked, lambda one: one)
    fitting = [one for one in versions if asked.takes(one)]
    assert (found is None) is (not fitting)
    assert all(found is not None and numbers_of(one) <= numbers_of(found) for one in fitting)


@given(VERSIONS)
def test_a_heavier_change_is_followed_by_a_higher_version(version: str) -> None:
    patch, minor, major = (numbers_of(next_version(version, weight)) for weight in ("patch", "minor", "major"))
    assert numbers_of(version) < patch <= minor <= major


@given(VERSIONS, VERSIONS, WEIGHTS)
def test_a_number_is_enough_from_the_next_one_on(declared: str, latest: str, weight: Weight) -> None:
    enough = is_enough(declared, latest, weight)
    assert enough == (numbers_of(declared) >= numbers_of(next_version(latest, weight)))
    if enough:
        assert numbers_of(declared) > numbers_of(latest)
        assert all(is_enough(declared, latest, lighter) for lighter in lighter_than(weight))
    if weight == "major" and enough:
        caret = parse_range(f"^{latest}")
        assert caret is not None
        assert not caret.takes(declared), "who asked for what was compatible never gets a break"


def lighter_than(weight: Weight) -> list[Weight]:
    order: list[Weight] = ["patch", "minor", "major"]
    return order[: order.index(weight)]


@given(st.none() | VERSIONS, st.none() | VERSIONS, st.none() | WEIGHTS, st.frozensets(VERSIONS, max_size=6))
def test_what_is_published_has_a_number_that_fits(
    declared: str | None, latest: str | None, weight: Weight | None, taken: frozenset[str]
) -> None:
    found = numbered(declared, latest, weight, taken)
    if latest is None:
        assert found == (declared or "1.0.0")
    elif weight is None:
        assert found == latest, "what has not changed stays what it is"
    elif declared is None:
        assert found == following(latest, weight, taken)
        assert found is not None
        assert found not in taken
        assert is_enough(found, latest, weight)
    else:
        fits = is_enough(declared, latest, weight) and declared not in taken
        assert found == (declared if fits else None)


@pytest.mark.parametrize(
    ("version", "weight", "after"),
    [
        ("1.2.3", "major", "2.0.0"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.9", "patch", "1.2.10"),
        ("0.2.3", "major", "0.3.0"),
        ("0.2.3", "minor", "0.2.4"),
        ("0.2.3", "patch", "0.2.4"),
        ("0.0.3", "major", "0.0.4"),
        ("0.0.0", "minor", "0.0.1"),
    ],
)
def test_versions_count_by_the_weight_of_the_change(version: str, weight: Weight, after: str) -> None:
    assert next_version(version, weight) == after
