"""The checkpoint adapter against LangGraph's own conformance suite, and its serializer against hostile data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver

from girih.engine.checkpoints import CheckpointStore, RunSaver
from girih.engine.memory_store import MemoryCheckpointStore
from girih.engine.serializer import NotPlainError, NotReadableError, PlainSerializer

SERDE = PlainSerializer()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None, exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def same(left: Any, right: Any) -> bool:
    """Equality that knows NaN and does not take 1 for true or 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@given(JSON)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    assert same(SERDE.loads_typed(SERDE.dumps_typed(value)), value)


@pytest.mark.parametrize(
    "value",
    [
        {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "HumanMessage"], "kwargs": {"content": "x"}},
        {"lc": 2, "type": "constructor", "id": ["builtins", "eval"], "args": ["1"]},
        {"__class__": "os.system", "args": ["true"]},
        "\ud800",
        {"\udfff": float("nan")},
        10**40,
        -(2**63) - 1,
    ],
)
def test_envelopes_surrogates_and_odd_numbers_stay_plain(value: Any) -> None:
    assert same(SERDE.loads_typed(SERDE.dumps_typed(value)), value)


def test_a_barriers_set_comes_back() -> None:
    assert SERDE.loads_typed(SERDE.dumps_typed({"a", "b"})) == {"a", "b"}


@dataclasses.dataclass
class Thing:
    x: int = 1


class Text(str):
    """A string that is more than a string."""


@pytest.mark.parametrize(
    "value",
    [
        Thing(),
        HumanMessage("hi"),
        (1, 2),
        Text("x"),
        {1: "a"},
        {"a": [Thing()]},
        {1, 2},
        object(),
        "\ud800" + Text("y"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_anything_else_is_refused(value: Any) -> None:
    broken = ["\ud800", value]  # also on the way that takes broken Unicode
    for candidate in (value, broken) if not isinstance(value, str) or type(value) is Text else ():
        with pytest.raises(NotPlainError):
            SERDE.dumps_typed(candidate)


def test_deep_data_is_refused_and_does_not_crash() -> None:
    value: Any = "\ud800"
    for _ in range(5000):
        value = [value]
    with pytest.raises(NotPlainError, match="deeper"):
        SERDE.dumps_typed(value)


@pytest.mark.parametrize("data", [("pickle", b"x"), ("msgpack", b"\x80"), ("m1", b"\xc7\x00\x09")])
def test_foreign_bytes_are_refused(data: tuple[str, bytes]) -> None:
    with pytest.raises(NotReadableError):
        SERDE.loads_typed(data)


class ManyThreads(RunSaver):
    """The adapter over one store per thread, as the conformance suite wants to use it."""

    def __init__(self) -> None:
        super().__init__(MemoryCheckpointStore())
        self.stores: dict[str, MemoryCheckpointStore] = {}

    def _store_of(self, config: RunnableConfig) -> CheckpointStore:
        return self.stores.setdefault(config["configurable"]["thread_id"], MemoryCheckpointStore())

    async def adelete_thread(self, thread_id: str) -> None:
        self.stores.pop(thread_id, None)


async def test_langgraphs_conformance_suite() -> None:
    conformance = pytest.importorskip("langgraph.checkpoint.conformance")

    @conformance.checkpointer_test(name="girih")
    async def saver() -> AsyncGenerator[BaseCheckpointSaver[str], None]:
        yield ManyThreads()

    report = await conformance.validate(saver)
    failures = {name: result.failures for name, result in report.results.items() if result.passed is False}
    assert not failures
    assert {name for name, result in report.results.items() if result.passed} >= {
        "put",
        "put_writes",
        "get_tuple",
        "list",
    }
