"""What is loaded ahead, in the background, and what is said when that fails."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from girih.errors import Unavailable
from girih.providers.embeddings.ladder import Embedders
from girih.providers.embeddings.minilm import MiniLM
from girih.wiring.knowledge import warm_up


def wait_for_it() -> None:
    for thread in threading.enumerate():
        if thread.name == "girih-warm-up":
            thread.join(20)


def test_the_default_embedder_is_loaded_before_its_first_text() -> None:
    embedders = Embedders("minilm")
    warm_up(embedders.load_default)
    wait_for_it()
    loaded = embedders.get("default")
    assert isinstance(loaded, MiniLM)
    assert loaded._session is not None


def test_a_failure_is_one_sentence_and_the_next_is_loaded_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    broken = MiniLM(Path("/nowhere/model.onnx"))
    with caplog.at_level(logging.WARNING, "girih.wiring.knowledge"):
        warm_up(broken.load, lambda: done.append("next"))
        wait_for_it()
    [record] = caplog.records
    assert "the embedding model /nowhere/model.onnx cannot be read" in record.getMessage()
    assert record.exc_info is None
    assert done == ["next"]
    with pytest.raises(Unavailable):
        broken.load()
