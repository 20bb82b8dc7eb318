"""The metrics of rankings, against a second formulation and the reference implementation, and questions as files."""

from __future__ import annotations

import math
from itertools import product

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from girih.cli.evaluation import METRICS, by_chance, compared, measured, percentile
from girih.cli.judgements import Judged, counted, joined, read_lines, read_qrels, read_topics
from girih.errors import InvalidInput

DOCUMENTS = [f"d{number}" for number in range(140)]
JUDGED = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(-1, 4), min_size=1).filter(
    lambda grades: any(grade > 0 for grade in grades.values())
)
RANKINGS = st.permutations(DOCUMENTS).flatmap(lambda order: st.integers(0, 140).map(lambda most: order[:most]))
TREC = {"ndcg@10": "ndcg_cut_10", "recall@10": "recall_10", "recall@100": "recall_100"}


@given(RANKINGS, JUDGED)
def test_metrics_are_those_of_trec_eval(ranking: list[str], grades: dict[str, int]) -> None:
    run = {"q": {document: float(len(ranking) - place) for place, document in enumerate(ranking)}}
    told = pytrec_eval.RelevanceEvaluator({"q": grades}, {"ndcg_cut.10", "recall.10,100"}).evaluate(run).get("q", {})
    found = measured(ranking, grades)
    assert found.keys() == set(METRICS)
    for ours, theirs in TREC.items():
        assert found[ours] == pytest.approx(told.get(theirs, 0.0))


@given(RANKINGS, JUDGED)
def test_metrics_by_their_definitions(ranking: list[str], grades: dict[str, int]) -> None:
    good = {document for document in grades if grades[document] > 0}
    gain = 0.0
    for place in range(1, min(10, len(ranking)) + 1):
        gain += max(0, grades.get(ranking[place - 1], 0)) / math.log(place + 1, 2)
    best, place = 0.0, 1
    for grade in sorted((grade for grade in grades.values() if grade > 0), reverse=True):
        if place <= 10:
            best += grade / math.log(place + 1, 2)
        place += 1
    firsts = [number for number, document in enumerate(ranking[:100]) if document in good]
    found = measured(ranking, grades)
    assert found["ndcg@10"] == pytest.approx(gain / best)
    assert found["recall@10"] == sum(document in ranking[:10] for document in good) / len(good)
    assert found["recall@100"] == sum(document in ranking[:100] for document in good) / len(good)
    assert found["mrr"] == (1 / (1 + min(firsts)) if firsts else 0)


@given(st.lists(st.integers(-3, 3), max_size=9))
def test_a_difference_is_by_chance_as_often_as_signs_make_one(differences: list[int]) -> None:
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    assert by_chance(differences) == pytest.approx(sum(one >= abs(sum(differences)) for one in sums) / len(sums))


def test_many_questions_are_drawn_from_and_give_the_same_each_time() -> None:
    one, other = [0.1] * 60, [0.3] * 45 + [0.0] * 15
    pair = compared(one, other)
    assert (pair.wins, pair.losses, pair.ties) == (45, 15, 0)
    assert pair.gain == pytest.approx(0.125)
    assert pair.p < 0.001
    assert pair == compared(one, other)
    assert compared(one, one).p == 1
    assert 0.5 < compared([0.0, 1.0] * 40, [1.0, 0.0] * 40).p <= 1


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(values: list[float], part: float) -> None:
    found = percentile(values, part)
    assert found in values
    assert sum(value <= found for value in values) >= part * len(values)
    assert sum(value < found for value in values) < part * len(values)


TOPICS = """\
<top>
<num> Number: 301
<title> lamps &amp; chairs
<desc> Description:
Which lamps are sold?
</top>
<top><num>302</num><title>
 tables of
 oak </title></top>
"""


def test_topics_and_judgements_of_trec_are_read() -> None:
    topics = read_topics(TOPICS, "t.xml")
    assert topics == {"301": "lamps & chairs", "302": "tables of oak"}
    assert list(read_topics(TOPICS, "t.xml", by_place=True)) == ["1", "2"]
    grades = read_qrels("302 0 a.md 2\n\n302 0 b.md -1\r\n", "q.txt")
    assert joined(topics, grades, "q.txt")[1] == Judged("302", "tables of oak", {"a.md": 2, "b.md": -1})
    assert [one.id for one in counted(joined(topics, grades, "q.txt"))] == ["302"]
    with pytest.raises(InvalidInput, match="judges question 302") as refused:
        joined(read_topics(TOPICS, "t.xml", by_place=True), grades, "q.txt")
    assert "--topics-by-place" in str(refused.value.help)


def test_questions_are_read_from_json_lines() -> None:
    found = read_lines(
        '{"query": "why", "relevant": {"a": 2}}\n\n{"id": 7, "query": "how", "relevant": ["b", "c"]}\n', "f"
    )
    assert found == [Judged("1", "why", {"a": 2}), Judged("7", "how", {"b": 1, "c": 1})]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n{", "f:2: this is not JSON"),
        ("[]", "f:1: this is no object"),
        ('{"query": " ", "relevant": {}}', "f:1: `query` has to be a text"),
        ('{"query": "a", "relevant": "b"}', "f:1: `relevant` has to be an object"),
        ('{"query": "a"}', "f:1: `relevant` has to be an object"),
        ('{"query": "a", "relevant": {"b": 0.5}}', "f:1: the grade of 'b' has to be a whole number"),
        ('{"query": "a", "relevant": {"b": true}}', "f:1: the grade of 'b' has to be a whole number"),
        ('{"query": "a", "relevant": {}, "top_k": 3}', "f:1: 'top_k' is not known here"),
        ('{"query": "a", "relevant": [], "id": {}}', "f:1: `id` has to be"),
        ('{"id": 1, "query": "a", "relevant": []}\n{"id": "1", "query": "a", "relevant": []}', "f:2: the id '1'"),
        ("", "f has no questions"),
    ],
)
def test_bad_json_lines_are_named(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_lines(text, "f")
    assert refused.value.message.startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 0 a", "f:1: a judgement has 4 columns (question, 0, document, grade), here are 3"),
        ("1 0 a 1\n1 0 b much", "f:2: 'much' is no grade"),
        ("1 0 a 1\n1 0 a 2", "f:2: 'a' has another grade"),
        ("1 0 a 99999", "f:1: '99999' is no grade"),
        (" \n", "f has no judgements"),
    ],
)
def test_bad_judgements_are_named(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_qrels(text, "f")
    assert refused.value.message.startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what is this?", "f has no topics"),
        ("\n<top><title>a</title></top>", "f:2: this topic has no <num>"),
        ("<top><num>1</num></top>", "f:1: topic 1 has no <title>"),
        (TOPICS + TOPICS, "f:10: topic 301 is given twice"),
    ],
)
def test_bad_topics_are_named(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_topics(text, "f")
    assert refused.value.message.startswith(words)


def test_questions_without_an_answer_measure_nothing() -> None:
    with pytest.raises(InvalidInput, match="no question has a relevant document"):
        counted([Judged("1", "a", {"b": 0})])
