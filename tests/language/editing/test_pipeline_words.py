"""What an editor offers at the head of a document."""

from __future__ import annotations

import pytest
from tests.language.editing.workspace import labels

FILES = {
    "careful.yaml": "kind: pipeline/v1\nname: careful\n",
    "small.yaml": "kind: model/v1\nname: small\n",
}
COLLECTION = "kind: collection/v1\nname: books\n"
PIPELINE = "kind: pipeline/v1\nname: other\n"
GRAPH = "kind: graph/v1\nname: other\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (COLLECTION + "pipeline: ¦", {"pipeline://careful"}),
        (COLLECTION + "language: ¦", {"german", "simple", "japanese"}),
        (COLLECTION + "¦", {"pipeline", "metadata", "language"}),
        (GRAPH + "¦", {"version", "inputs", "nodes"}),
        (PIPELINE + "¦", {"version", "loader", "parser", "cleaner", "splitter", "enricher", "embedder", "store"}),
        (PIPELINE + "enricher: { model: ¦", {"model://small", "model://default"}),
        (PIPELINE + "cleaner: { unicode: ¦", {"NFC", "NFKC"}),
        (PIPELINE + "store: { type: ¦", {"pgvector", "qdrant", "pinecone"}),
    ],
)
def test_words_of_pipelines_and_collections(text: str, expected: set[str]) -> None:
    assert expected <= set(labels(text, FILES))


def test_a_reference_is_offered_only_where_it_belongs() -> None:
    assert "pipeline://careful" not in labels("kind: graph/v1\nname: g\nuse: { x: ¦", FILES)
    assert "model://small" not in labels(COLLECTION + "pipeline: ¦", FILES)
