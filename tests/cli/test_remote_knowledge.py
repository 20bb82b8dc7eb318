"""Searches, their measuring, collections and pipelines on the command line, against a real server and worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.process import ApiProcess
from tests.cli.conftest import Girih
from tests.cli.test_remote_ingest import server as server  # a server with a worker beside it

TEXTS = {
    "lamps.md": "# Lamps\n\nA lamp gives light.",
    "chairs.md": "# Chairs\n\nA chair has four legs.",
    "inner/tables.md": "# Tables\n\nA table is made of oak.",
}
QUESTIONS = """\
{"id": "light", "query": "what gives light", "relevant": {"lamps.md": 2}}
{"id": "oak", "query": "what is made of oak", "relevant": ["tables"]}
{"id": "none", "query": "is there an answer", "relevant": []}
"""
TOPICS = "<top><num>7</num><title>what gives light</title></top>\n<top><num>9</num><title>four legs</title></top>\n"


@pytest.fixture
def shelf(girih: Girih, published: Path, tmp_path: Path) -> Path:
    """A collection with three documents, and files of questions."""
    (published / "steps.yaml").write_text("kind: pipeline/v1\nname: steps\nembedder: hashing\n")
    for name, text in TEXTS.items():
        place = tmp_path / "papers" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    done = girih("ingest", "shelf", "papers")
    assert done.code == 0, done.err
    Path("q.jsonl").write_text(QUESTIONS)
    Path("topics.xml").write_text(TOPICS)
    Path("qrels.txt").write_text("1 0 lamps 1\n2 0 chairs 1\n2 0 sofas 1\n")
    return tmp_path


def test_hits_are_shown_with_place_scores_and_how_they_were_found(
    girih: Girih, shelf: Path, server: ApiProcess
) -> None:
    found = girih("search", "shelf", "light of a lamp", "--top-k", "1", "--explain")
    assert found.code == 0, found.err
    lines = found.out.splitlines()
    assert lines[0].startswith("1. lamps.md, Lamps (")
    assert "vector" in lines[1]
    assert "words" in lines[1]
    assert "(rank 1)" in lines[1]
    assert "A lamp gives light." in lines[2]
    assert "left out: " in found.out
    assert "keyword: " in found.out
    assert json.loads(girih("search", "shelf", "lamp", "--format", "json").out)["hits"][0]["document"] == "lamps.md"
    narrowed = girih("search", "shelf", "lamp", "--filter", "document.name.startsWith('inner/')", "--mode", "vector")
    assert narrowed.out.startswith("1. inner/tables.md")
    assert "nothing was found" in girih("search", "shelf", "zebra", "--mode", "keyword").err
    wrong = girih("search", "shelf", "lamp", "--filter", "document.nmae == 'a'")
    assert (wrong.code, wrong.out) == (1, "")
    assert "did you mean 'name'?" in wrong.err


def test_settings_are_measured_side_by_side(girih: Girih, shelf: Path) -> None:
    done = girih("eval", "retrieval", "shelf", "--questions", "q.jsonl", "--worst", "1", "--floor", "ndcg@10=0.9")
    assert done.code == 0, done.err
    assert "1 of 3 questions have no relevant document" in done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["setting", "ndcg@10", "recall@10", "recall@100", "mrr", "p50", "ms", "p95", "ms"]
    assert [line[:5] for line in lines[1:4]] == [[mode, *["1.0000"] * 4] for mode in ("hybrid", "vector", "keyword")]
    assert lines[6][:4] == ["vector", "0", "0", "2"]
    assert lines[-1][0] == "light"
    asked = ("--setting", "all:", "--setting", "inner: filter=\"document.name.startsWith('inner/')\" top_k=2")
    whole = girih("eval", "retrieval", "shelf", "--questions", "q.jsonl", *asked, "--format", "json")
    report = json.loads(whole.out)
    assert [(one["name"], one["ndcg@10"]) for one in report["settings"]] == [("all", 1.0), ("inner", 0.5)]
    assert report["comparisons"][0]["losses"] == 1
    marked = girih("eval", "retrieval", "shelf", "--questions", "q.jsonl", "--format", "markdown").out
    assert marked.startswith("| setting | ndcg@10 |")
    missed = girih("eval", "retrieval", "shelf", "--questions", "q.jsonl", *asked, "--floor", "inner:recall@10=0.6")
    assert missed.code == 1
    assert "inner: recall@10 is 0.5000, below 0.6" in missed.err
    absent = girih("eval", "retrieval", "shelf", "--questions", "q.jsonl", "--setting", "a: rerank=endpoint://none")
    assert "in 4 searches without rerank" in absent.err


def test_topics_and_judgements_of_trec(girih: Girih, shelf: Path) -> None:
    files = ("--topics", "topics.xml", "--qrels", "qrels.txt")
    stray = girih("eval", "retrieval", "shelf", *files)
    assert (stray.code, stray.out) == (2, "")
    assert "qrels.txt judges question 1, which is not among the topics" in stray.err
    done = girih("eval", "retrieval", "shelf", *files, "--topics-by-place", "--format", "json")
    assert "1 of 3 relevant documents are not in `shelf`, such as 'sofas'" in done.err
    assert json.loads(done.out)["settings"][0]["recall@100"] == 0.75


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "questions are needed"),
        (["--topics", "topics.xml"], "questions are needed"),
        (["--questions", "none.jsonl"], "none.jsonl cannot be read"),
        (["--questions", "topics.xml"], "topics.xml:1: this is not JSON"),
        (["--questions", "q.jsonl", "--setting", "mode=vector"], "has no name"),
        (["--questions", "q.jsonl", "--setting", "a: mod=vector"], "did you mean 'mode'?"),
        (["--questions", "q.jsonl", "--setting", "a: top_k=many"], "top_k has to be a number"),
        (["--questions", "q.jsonl", "--setting", "a:", "--setting", "a:"], "two settings with the name 'a'"),
        (["--questions", "q.jsonl", "--floor", "f1=0.5"], "is no floor"),
        (["--questions", "q.jsonl", "--floor", "mrr=nan"], "a number from 0 to 1"),
        (["--questions", "q.jsonl", "--floor", "b:mrr=0.5"], "a setting that is not compared"),
    ],
)
def test_what_cannot_be_measured_is_said(girih: Girih, tmp_path: Path, args: list[str], words: str) -> None:
    Path("q.jsonl").write_text(QUESTIONS)
    Path("topics.xml").write_text(TOPICS)
    done = girih("eval", "retrieval", "shelf", *args)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_what_the_server_refuses_names_the_setting(girih: Girih, shelf: Path) -> None:
    for setting, words in (
        ("a: mode=best", "setting 'a': "),
        ("a: filter='metadata.'", "setting 'a': `filter`, column"),
    ):
        done = girih("eval", "retrieval", "shelf", "--questions", "q.jsonl", "--setting", setting)
        assert done.code == 1
        assert words in done.err
    Path("q.jsonl").write_text('{"query": "a", "relevant": ["nowhere.md"]}')
    done = girih("eval", "retrieval", "shelf", "--questions", "q.jsonl")
    assert (done.code, "has none of the relevant documents, such as 'nowhere.md'" in done.err) == (1, True)


def test_collections_and_their_indexes(girih: Girih, shelf: Path) -> None:
    assert "shelf                          3 documents" in girih("collections").out
    assert json.loads(girih("collections", "show", "shelf").out)["by_status"]["ready"] == 3
    assert "no former index" in girih("collections", "rollback", "shelf").err
    assert girih("collections", "reindex", "shelf").code == 0
    for _ in _until_active(girih, "2"):
        pass
    assert girih("collections", "rollback", "shelf").code == 0
    for _ in _until_active(girih, "1"):
        pass
    assert json.loads(girih("collections", "activate", "shelf", "2", "--format", "json").out)["number"] == 2
    assert girih("collections", "activate", "shelf").code == 2
    assert girih("collections", "show").code == 2
    assert girih("collections", "delete", "shelf", "--yes").code == 0
    assert "there are no collections" in girih("collections").err


def _until_active(girih: Girih, number: str) -> Iterator[None]:
    """Look until the index of that number is the one that is searched."""
    while not any(
        line.split()[:3:2] == [number, "active"] for line in girih("collections", "indexes", "shelf").out.splitlines()
    ):
        yield


def test_pipelines_are_listed_and_shown(girih: Girih, shelf: Path) -> None:
    assert "there are no pipelines" in girih("pipelines").err
    assert girih("apply", str(shelf / "specs")).code == 0
    assert girih("pipelines").out.split()[:1] == ["steps"]
    shown = girih("pipelines", "show", "steps")
    assert "embedder:" in shown.out
    assert "version 1" in shown.err
    assert json.loads(girih("pipelines", "show", "steps", "--format", "json").out)["number"] == 1
    assert "has no version 9" in girih("pipelines", "show", "steps", "--version", "9").err
    assert girih("pipelines", "show").code == 2
