"""Where events happened: a task for each visit of a node, the same for whoever asks and however often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from girih.api.compat.langgraph.places import Places, Where

PATHS = ("a", "b", "a/x", "a/y", "b[0]/x", "b[1]/x", "a/x/deep")
STEPS = st.lists(st.tuples(st.sampled_from(("begin", "end", "of")), st.sampled_from(PATHS)), max_size=40)


class Forgetful(Places):
    """The same, working each place out anew."""

    def of(self, path: str) -> Where:
        self._known.clear()
        return super().of(path)


@given(STEPS)
def test_what_is_remembered_is_what_would_be_worked_out(steps: list[tuple[str, str]]) -> None:
    remembering, forgetful = Places("run"), Forgetful("run")
    for what, path in steps:
        assert getattr(remembering, what)(path) == getattr(forgetful, what)(path)


def test_each_visit_is_a_task_of_its_own() -> None:
    places = Places("run")
    first = places.begin("a")
    assert places.begin("a") == first
    places.end("a")
    second = places.begin("a")
    assert (first.node, second.node, first.step, second.step) == ("a", "a", 1, 2)
    assert first.task != second.task


def test_what_is_within_a_node_moves_with_its_visits() -> None:
    places = Places("run")
    places.begin("a")
    inner = places.begin("a/x")
    assert inner.ns == (f"a:{places.of('a').task}",)
    for path in ("a/x", "a"):
        places.end(path)
    places.begin("a")
    assert places.of("a/x").ns == (f"a:{places.of('a').task}",) != inner.ns
