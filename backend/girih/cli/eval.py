"""`girih eval retrieval`: how well searches in a collection answer questions whose answers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.eval_measuring import Names, Outcome, complain_of_models, measure
from girih.cli.eval_report import as_json, as_table
from girih.cli.eval_settings import Floor, floors_of, settings_of
from girih.cli.evaluation import relevant
from girih.cli.judgements import Judged, counted, joined, read_lines, read_qrels, read_topics
from girih.cli.output import FINDINGS, USAGE, complain, harmless, note
from girih.errors import InvalidInput

Questions = Annotated[
    Path | None, typer.Option("--questions", help='JSON lines of {"query": "…", "relevant": {"document": grade}}.')
]
Topics = Annotated[Path | None, typer.Option("--topics", help="Questions in TREC form, with --qrels.")]
Qrels = Annotated[Path | None, typer.Option("--qrels", help="Judgements in TREC form, with --topics.")]
ByPlace = Annotated[
    bool, typer.Option("--topics-by-place", help="The judgements count topics from 1 as they stand in the file.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="'NAME: KEY=VALUE …'",
        help="A way to search, as the API takes it (mode, top_k, filter, rerank, …; collection for another one); may be"
        " repeated. Default: each mode.",
    ),
]
Floors = Annotated[
    list[str] | None,
    typer.Option(
        "--floor",
        metavar="[SETTING:]METRIC=VALUE",
        help="Fail where the metric is lower: ndcg@10, recall@10, recall@100 or mrr; may be repeated.",
    ),
]
Worst = Annotated[
    int, typer.Option("--worst", min=0, help="Show so many questions that went worst in the first setting.")
]
Form = Annotated[Literal["table", "json", "markdown"], typer.Option("--format", help="How to print it.")]


def eval(  # noqa: A001 - the command is called so
    what: Annotated[Literal["retrieval"], typer.Argument(help="What to measure.")],  # noqa: ARG001 - there is one
    collection: Annotated[str, typer.Argument(help="The collection to search in.")],
    questions: Questions = None,
    topics: Topics = None,
    qrels: Qrels = None,
    by_place: ByPlace = False,
    setting: Settings = None,
    floor: Floors = None,
    worst: Worst = 0,
    format: Form = "table",
) -> None:
    """Measure searches by questions with known answers: nDCG@10, recall, MRR and time, of several settings.

    A document is called by its name, key or id, or by its name without folder and ending, and stands where its best
    passage does. Each further setting is compared with the first, question by question; p is of a paired randomization
    test, and * marks p < 0.05. Exit code 1 if a metric is below its floor.
    """
    settings = settings_of(setting or [], collection)
    floors = floors_of(floor or [], settings)
    judged = _judged(questions, topics, qrels, by_place=by_place)
    with open_server() as server:
        names = {name: Names(_documents(server, name)) for name in dict.fromkeys(one.collection for one in settings)}
        _check_names(judged, names)
        outcomes = measure(server, settings, judged, names)
    missed = [one for one in floors if _is_missed(one, outcomes)]
    if format == "json":
        typer.echo(as_json(outcomes, missed))
    else:
        for line in as_table(outcomes, worst, markdown=format == "markdown"):
            typer.echo(harmless(line))
    complain_of_models(outcomes)
    _conclude(missed, outcomes)


def _judged(questions: Path | None, topics: Path | None, qrels: Path | None, *, by_place: bool) -> list[Judged]:
    """The questions that something can be measured by; ends the command where the files have none."""
    if (questions is None) == (topics is None) or (topics is None) != (qrels is None):
        fail("questions are needed, with judgements", "--questions FILE, or --topics FILE --qrels FILE", code=USAGE)
    try:
        if questions is not None:
            found = read_lines(_text(questions), str(questions))
        else:
            asked = read_topics(_text(topics), str(topics), by_place=by_place)
            found = joined(asked, read_qrels(_text(qrels), str(qrels)), str(qrels))
        answered = counted(found)
    except InvalidInput as fault:
        fail(fault.message, fault.help, code=USAGE)
    if left := len(found) - len(answered):
        note(f"{left} of {len(found)} questions have no relevant document and are left out")
    return answered


def _text(file: Path | None) -> str:
    if file is None:
        raise TypeError("a file that was asked for before is missing")
    try:
        return file.read_bytes().decode()
    except OSError as fault:
        fail(f"{file} cannot be read: {fault.strerror}", code=USAGE)
    except UnicodeDecodeError as fault:
        fail(f"{file} is not UTF-8: byte {fault.start + 1}", code=USAGE)


def _documents(server: Server, collection: str) -> list[dict[str, str]]:
    rows = server.pages(f"/v1/collections/{segment(collection)}/documents", limit=200)
    return [{name: row[name] for name in ("id", "name", "key")} for row in rows]


def _check_names(judged: Sequence[Judged], names: Mapping[str, Names]) -> None:
    """Say which relevant documents a collection lacks: they count as not found."""
    wanted = dict.fromkeys(name for one in judged for name in sorted(relevant(one.grades)))
    for collection, known in names.items():
        lacking = [name for name in wanted if known.id(name) is None]
        if len(lacking) == len(wanted):
            fail(
                f"collection `{collection}` has none of the relevant documents, such as '{lacking[0]}'",
                f"judgements call documents by name, key or id: girih documents list {collection}",
            )
        if lacking:
            note(
                f"{len(lacking)} of {len(wanted)} relevant documents are not in `{collection}`, such as '{lacking[0]}'"
            )


def _is_missed(floor: Floor, outcomes: Sequence[Outcome]) -> bool:
    return any(outcome.means[floor.metric] < floor.least for outcome in _under(floor, outcomes))


def _under(floor: Floor, outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if floor.setting in (None, outcome.setting.name)]


def _conclude(missed: Sequence[Floor], outcomes: Sequence[Outcome]) -> None:
    for floor in missed:
        for outcome in _under(floor, outcomes):
            if (value := outcome.means[floor.metric]) < floor.least:
                complain(f"{outcome.setting.name}: {floor.metric} is {value:.4f}, below {floor.least:g}")
    if missed:
        raise typer.Exit(FINDINGS)
