"""BM25 in SQL against BM25 in Python, and that shortcuts through the postings lose no hit that was asked for."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from tests.conftest import make_scope
from tests.services.knowledge.shelf import Shelf, passage

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge import postings, wording
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.where import EVERYTHING, Where

WORDS = [f"w{number}q" for number in range(40)]
DEPTH = 20


def corpus() -> list[str]:
    """Some words in nearly every text, most in few."""
    drawn = random.Random(4)
    weights = [1 / (number + 1) for number in range(len(WORDS))]
    return [" ".join(drawn.choices(WORDS, weights, k=drawn.randint(1, 15))) for _ in range(300)]


def questions() -> list[str]:
    drawn = random.Random(5)
    return [" ".join(drawn.sample(WORDS, 4)) for _ in range(15)] + [WORDS[0], f"{WORDS[0]} {WORDS[39]}", "w99q"]


def bm25(texts: list[str], query: str, left: int) -> list[float]:
    """The best scores among the first `left` texts."""
    said = [Counter(one.split()) for one in texts]
    average = sum(words.total() for words in said) / len(said)
    scores = []
    for words in said[:left]:
        score = 0.0
        for word in set(query.split()) & words.keys():
            df = sum(word in other for other in said)
            count = words[word]
            weight = math.log(1 + (len(said) - df + 0.5) / (df + 0.5))
            score += weight * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * words.total() / average))
        if score:
            scores.append(score)
    return sorted(scores, reverse=True)[:DEPTH]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return corpus()


async def filled(uow: UnitOfWork, scope: OrgScope, texts: list[str]) -> Shelf:
    """The texts, brought in at several times and beside others that went again, so that postings lie about."""
    shelf = await Shelf(uow, scope, dims=1).make()
    await shelf.put("gone", [passage(body, number) for number, body in enumerate(texts[:40])], [[1.0]] * 40)
    everything = [passage(body, number) for number, body in enumerate(texts)]
    for count in (7, 50, 130, 131, len(texts)):
        await shelf.put("a", everything[:count], [[1.0]] * count)
    await shelf.clear("gone")
    return shelf


@pytest.mark.parametrize("read", [8_000, 30, 1])
@pytest.mark.parametrize("few", [2_000, 5])
@pytest.mark.parametrize(("small", "large"), [(500, 8_000), (20, 90), (1, 1)])
async def test_scores_are_those_of_bm25(
    uow: UnitOfWork, scope: OrgScope, texts: list[str], read: int, few: int, small: int, large: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(wording, "_READ", read)
    monkeypatch.setattr(wording, "_FEW", few)
    monkeypatch.setattr(postings, "SMALL", small)
    monkeypatch.setattr(postings, "LARGE", large)
    shelf = await filled(uow, scope, texts)
    for left in (300, 150, 7, 0):
        where = EVERYTHING if left == 300 else Where("c.start < :where_left AND d.name = 'a'", {"where_left": left})
        for query in questions():
            expected = bm25(texts, query, left)
            found = [score for _, score in (await shelf.say(query, DEPTH, where)).values()]
            assert len(found) == len(expected)
            if read == 8_000:
                assert found == pytest.approx(expected)
            elif expected:
                assert found[-1] > 0
                assert found[0] <= expected[0] + 1e-9


async def test_what_the_shortcut_leaves_out_is_little(
    uow: UnitOfWork, scope: OrgScope, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = await filled(uow, scope, texts)
    monkeypatch.setattr(wording, "_READ", 150)
    right = asked = 0
    for query in questions():
        expected = bm25(texts, query, 300)[:10]
        found = [score for _, score in (await shelf.say(query, DEPTH)).values()][:10]
        right += sum(score >= expected[-1] - 1e-9 for score in found)
        asked += len(expected)
    assert right / asked >= 0.95


async def test_an_index_has_one_language_for_texts_and_questions(uow: UnitOfWork) -> None:
    async def finds(language: str, body: str, query: str) -> bool:
        config = IndexConfig.model_validate({"language": language})
        shelf = await Shelf(uow, await make_scope(uow), dims=1, config=config).make()
        await shelf.put("a", [passage(body)], [[1.0]])
        return len(await shelf.say(query, 5)) == 1

    assert await finds("english", "the parcels", "parcel")
    assert not await finds("simple", "the parcels", "parcel")
    assert await finds("simple", "the parcels", "the")
    assert await finds("german", "die Häuser", "Haus")
    assert not await finds("english", "die Häuser", "Haus")
