"""`girih search COLLECTION QUERY`: the passages that answer best, and how they were found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Literal

import typer

from girih.cli.client import open_server, segment
from girih.cli.output import harmless, note
from girih.language.spec.tree import JsonObject

SNIPPET = 300
"""Characters of a passage that are shown."""
_PARTS = (("vector", "vector"), ("keyword", "words"))


def search(
    collection: Annotated[str, typer.Argument(help="The collection.")],
    query: Annotated[str, typer.Argument(help="What to look for.")],
    mode: Annotated[
        Literal["hybrid", "vector", "keyword"], typer.Option("--mode", help="By meaning, by words, or both.")
    ] = "hybrid",
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=1000, help="How many passages at the most.")] = 8,
    filter: Annotated[str | None, typer.Option("--filter", help="As `metadata.year >= 2020`.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="For whom: documents with readers are theirs.")] = None,
    group: Annotated[list[str] | None, typer.Option("--group", help="A group of that user; may be repeated.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show how the hits were found.")] = False,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print them.")] = "text",
) -> None:
    """Search in a collection, and show each hit with its document, place, scores and text."""
    asker = {"user": user, "groups": group or []}
    body = {"query": query, "mode": mode, "top_k": top_k, "filter": filter, "asker": asker, "explain": explain}
    with open_server() as server:
        answer = server.call("POST", f"/v1/collections/{segment(collection)}/search", json=body)
    if format == "json":
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for place, hit in enumerate(answer["hits"], start=1):
        typer.echo(harmless("\n".join(_hit(place, hit))))
    if not answer["hits"]:
        note("nothing was found")
    if answer.get("explanation"):
        typer.echo(harmless("\n".join(_explained(answer["explanation"]))))


def _hit(rank: int, hit: JsonObject) -> Iterator[str]:
    yield f"{rank}. {hit['document']}{_place(hit['place'])}"
    scores = hit["scores"]
    parts = [
        f"{name} {scores[f'{leg}_score']:.4f} (rank {scores[f'{leg}_rank']})"
        for leg, name in _PARTS
        if scores.get(f"{leg}_rank") is not None
    ]
    if scores.get("rerank") is not None:
        parts.append(f"rerank {scores['rerank']:.4f}")
    yield f"   {hit['score']:.4f}{' = ' if parts else ''}{', '.join(parts)}"
    text = " ".join(hit["text"].split())
    yield f"   {text if len(text) <= SNIPPET else text[: SNIPPET - 1] + '…'}\n"


def _place(place: JsonObject) -> str:
    page = f", page {place['page']}" if place.get("page") else ""
    heading = f", {' > '.join(place['heading'])}" if place.get("heading") else ""
    return f"{page}{heading} ({place['start']}-{place['end']})"


def _explained(told: JsonObject) -> Iterator[str]:
    embedder = f", embedder {told['embedder']}" if told["embedder"] else ""
    yield f"mode {told['mode']}, language {told['language']}{embedder}"
    for name in ("filter", "readers"):
        if told[name] is not None:
            yield f"{name}: {told[name] if name == 'filter' else ', '.join(told[name]) or 'nobody in particular'}"
    for question in told["questions"][1:]:
        yield f"asked as well: {question}"
    for part in ("rewrite", "rerank"):
        if model := told.get(part):
            failed = f", failed: {model['failed']}" if model["failed"] else ""
            tokens = model["input_tokens"] + model["output_tokens"]
            yield f"{part}: {model['by']}, {tokens} tokens, {model['cost_usd']:.4f} USD{failed}"
    for leg in told["legs"]:
        yield f"{leg['by']}: {leg['found']} passages, weight {leg['weight']:g}, for: {leg['question']}"
    for left in told["left_out"]:
        yield f"left out: {left['document']}: {left['reason']}"
    yield from told["remarks"]
    yield ", ".join(f"{part} {milliseconds:.1f} ms" for part, milliseconds in told["milliseconds"].items())
