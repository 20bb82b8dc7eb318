"""Who gets which version: as the shares say, the same for the same key, and few move when shares do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from girih.services.agents.splitting import choose

KEYS = [f"user {number}" for number in range(1500)]


@dataclass(frozen=True)
class Share:
    version_id: UUID
    weight: int


def shares(*weights: int) -> list[Share]:
    return [Share(UUID(int=number + 1), weight) for number, weight in enumerate(weights)]


def chosen(given: list[Share], place: str = "agent@prod") -> list[UUID]:
    return [choose(given, place, key).version_id for key in KEYS]


cuts = st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True)


@settings(max_examples=15, deadline=None)
@given(cuts)
def test_each_version_gets_its_share(cuts: list[int]) -> None:
    marks = [0, *sorted(cuts), 100]
    weights = [high - low for low, high in pairwise(marks)]
    counted = Counter(chosen(shares(*weights)))
    for share in shares(*weights):
        expected = len(KEYS) * share.weight / 100
        # Five standard deviations of what chance would do with so many keys.
        spread = 5 * (expected * (1 - share.weight / 100)) ** 0.5
        assert abs(counted[share.version_id] - expected) <= spread


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 98), st.integers(1, 98))
def test_a_grown_share_only_wins(before: int, after: int) -> None:
    before, after = sorted((before, after))
    (old, new) = shares(1, 1)
    first, second = chosen(shares(100 - before, before)), chosen(shares(100 - after, after))
    for was, now in zip(first, second, strict=True):
        assert was == now or (was, now) == (old.version_id, new.version_id), "nobody moves the other way"


def test_a_third_version_takes_from_both_and_moves_nobody_between_them() -> None:
    before, after = chosen(shares(50, 50)), chosen(shares(45, 45, 10))
    third = UUID(int=3)
    assert all(now in (was, third) for was, now in zip(before, after, strict=True))
    assert 0 < after.count(third) < len(KEYS) / 5


def test_it_is_the_same_in_every_process_and_another_one_elsewhere() -> None:
    split = shares(70, 30)
    assert chosen(split) == chosen(list(reversed(split)))
    # Written down, for a version that divides otherwise would hand conversations from one version to another.
    assert [choose(split, "agent@prod", f"user {number}").version_id.int for number in range(12)] == [
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        1,
        2,
        2,
        1,
    ]
    assert chosen(split) != chosen(split, "agent@staging")
