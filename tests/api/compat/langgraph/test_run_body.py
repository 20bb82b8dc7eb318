"""What clients send to start or resume a run."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from girih.api.compat.langgraph.run_body import RunBody, check
from girih.errors import InvalidInput


def body(**given: Any) -> RunBody:
    return RunBody.model_validate({"assistant_id": "a", **given})


@pytest.mark.parametrize(
    "given",
    [
        {"checkpoint_id": "c-1"},
        {"checkpoint": {"checkpoint_id": "c-1", "checkpoint_ns": ""}},
        {"config": {"configurable": {"checkpoint_id": "c-1"}}},
        {"checkpoint_id": "c-1", "config": {"configurable": {"checkpoint_id": "c-2"}}},
    ],
)
def test_a_checkpoint_is_named_in_one_of_three_places(given: Any) -> None:
    assert body(**given).checkpoint_named == "c-1"


def test_no_checkpoint_is_named() -> None:
    assert body(checkpoint={"checkpoint_id": None}).checkpoint_named is None
    assert body(config={"configurable": {"checkpoint_id": ""}}).checkpoint_named is None


@pytest.mark.parametrize("given", [None, {}])
def test_an_answer_comes_with_an_empty_input_or_with_none(given: Any) -> None:
    check(body(input=given, command={"resume": "yes"}), uuid4())
    check(body(input=given, command={"goto": "__end__"}), uuid4())


def test_an_answer_comes_with_nothing_else() -> None:
    with pytest.raises(InvalidInput, match="`input` and `command`"):
        check(body(input={"a": 1}, command={"resume": "yes"}), uuid4())


def test_a_run_is_sent_to_its_end_only() -> None:
    assert body(command={"goto": ["__end__"]}).is_end
    assert not body(command={"resume": 1}).is_end
    with pytest.raises(InvalidInput, match=r"command\.goto"):
        check(body(command={"goto": "rest"}), uuid4())
    with pytest.raises(InvalidInput, match=r"command\.goto"):
        check(body(command={"goto": ["__end__", "rest"]}), uuid4())
