"""Which events a commit is written with: a node has finished when its result is kept, not when another's is."""

from __future__ import annotations

from datetime import UTC, datetime

from girih.engine.events import NewEvent
from girih.services.runs.backlog import Backlog, Covers, everything, nothing, of_records, within


def filled(*events: tuple[str, str, str]) -> Backlog:
    backlog = Backlog()
    for name, node, ns in events:
        backlog.add(NewEvent(name, {}, datetime.now(UTC), node, ns))
    return backlog


def taken(backlog: Backlog, covers: Covers) -> list[str]:
    return [f"{entry.event.type.partition('.')[2]} {entry.event.node}" for entry in backlog.take(covers)]


def test_news_goes_out_with_any_commit_and_results_with_their_own() -> None:
    backlog = filled(
        ("node.started", "left", "both#1.left[]/"),
        ("node.finished", "left", "both#1.left[]/"),
        ("state.updated", "left", "both#1.left[]/"),
        ("message.delta", "right", "both#1.right[]/"),
        ("node.finished", "right", "both#1.right[]/"),
    )
    assert backlog.ready == 2
    assert taken(backlog, nothing) == ["started left", "delta right"]
    assert taken(backlog, within("both#1.right[]/")) == ["finished right"]
    assert taken(backlog, nothing) == []
    assert taken(backlog, within("")) == ["finished left", "updated left"]


def test_records_keep_the_items_they_name_and_what_ran_within_them() -> None:
    backlog = filled(
        ("node.finished", "1", "all#1.weigh[1]/"),
        ("node.finished", "12", "all#1.weigh[12]/"),
        ("node.finished", "2", "all#1.weigh[2]/inner#1.1/"),
        ("node.finished", "other", "all#11.weigh[2]/"),
    )
    assert taken(backlog, of_records("all#1/", frozenset({"2"}))) == ["finished 2"]
    assert taken(backlog, of_records("all#1/", frozenset({"1"}))) == ["finished 1"]
    assert taken(backlog, of_records("all#1/", frozenset())) == []
    assert taken(backlog, everything) == ["finished 12", "finished other"]


def test_the_record_of_a_branch_that_is_one_node_keeps_that_node() -> None:
    backlog = filled(("node.finished", "left", "both#1.left[]/"), ("node.finished", "right", "both#1.right[]/"))
    assert taken(backlog, of_records("both#1.left[]/", frozenset({"end"}))) == ["finished left"]
    assert taken(backlog, of_records("both#1.right[]/", frozenset())) == []


def test_what_is_said_around_a_branch_comes_after_what_was_done_in_it() -> None:
    backlog = filled(
        ("node.finished", "left", "both#1.left[]/"),
        ("node.failed", "both", ""),
        ("node.started", "next", ""),
    )
    assert taken(backlog, nothing) == []
    entries = backlog.take(everything)
    backlog.put_back(entries)
    assert taken(backlog, within("both#1.left[]/")) == ["finished left"]
    assert backlog.ready == 2
    assert taken(backlog, nothing) == ["failed both", "started next"]
