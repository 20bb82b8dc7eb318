"""A run's events as a waterfall, and what of it is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from girih.cli.waterfall import chart
from girih.engine.events import NewEvent, RunEvent
from girih.providers.pii.scanner import PiiScanner
from girih.providers.telemetry.context import TraceContext, of_run, read_traceparent
from girih.providers.telemetry.secret_texts import HIDDEN
from girih.services.runs.redaction import Redaction
from girih.services.runs.spans import Span, TraceOut, walk
from girih.services.runs.waterfall import spans_of

RUN = "0190b0a0-0000-7000-8000-000000000000"
BEGAN = datetime(2026, 5, 1, tzinfo=UTC)


class Log:
    """Events of a run, each ten milliseconds after the one before."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []
        self.attempt = 1

    def add(self, type: str, node: str | None = None, **data: Any) -> Log:
        number = len(self.events)
        at = BEGAN + timedelta(milliseconds=10 * number)
        self.events.append(RunEvent(RUN, number + 1, self.attempt, NewEvent(type, data, at, node)))
        return self

    def root(self) -> Span:
        root = spans_of(RUN, self.events)
        assert root is not None
        return root


def tree(span: Span) -> Any:
    """Names, kinds and statuses only."""
    return [f"{span.kind} {span.name} {span.status}", *([[tree(part) for part in span.spans]] if span.spans else [])]


def usage(given: int, taken: int) -> dict[str, Any]:
    return {"input_tokens": given, "output_tokens": taken, "cost_usd": 0.25}


def test_nodes_models_tools_and_searches_are_spans() -> None:
    log = Log().add("run.started", agent="desk", version="1.0.0", digest="d", inputs={"q": "x"})
    log.add("node.started", "help", verb="agent", title=None, fork=None)
    log.add("retrieval.finished", "help", collection="shelf", query="q", hits=[{"text": "t"}])
    log.add("model.finished", "help", model="m", provider="p", usage=usage(3, 2), duration_ms=8.0, first_token_ms=2.0)
    log.add("message.completed", "help", text="", calls=[{"id": "c1"}])
    log.add("tool.started", "help", tool="crm", call_id="c1", arguments={"id": 7})
    log.add("tool.finished", "help", tool="crm", call_id="c1", result={"ok": True})
    log.add("model.finished", "help", model="m", provider="", usage=usage(0, 0), duration_ms=4.0, error="timeout")
    log.add("node.failed", "help", kind="timeout", message="too slow", help=None)
    log.add("run.failed", error={"kind": "timeout", "message": "too slow", "node": "help"}, usage=usage(3, 2))
    root = log.root()
    assert tree(root) == [
        "run desk failed",
        [[
            "attempt attempt 1 failed",
            [[
                "node help failed",
                [["retrieval shelf ok"], ["model m ok"], ["tool crm ok"], ["model m failed"]],
            ]],
        ]],
    ]  # fmt: skip
    node = root.spans[0].spans[0]
    model, tool = node.spans[1], node.spans[2]
    assert (model.offset_ms, model.duration_ms, model.attributes["first_token_ms"]) == (22.0, 8.0, 2.0)
    assert model.content == {"text": "", "calls": [{"id": "c1"}]}
    assert (tool.offset_ms, tool.duration_ms) == (50.0, 10.0)
    assert tool.content == {"arguments": {"id": 7}, "result": {"ok": True}}
    assert (root.duration_ms, root.attributes["failed_node"]) == (90.0, "help")
    assert len({span.id for span in walk(root)}) == len(list(walk(root)))


def test_waits_and_attempts_are_stretches_of_their_own() -> None:
    log = Log().add("run.started", agent="desk").add("node.started", "ask", verb="ask")
    log.add("run.interrupted", interrupts=[{"id": "i1", "node": "ask", "kind": "ask", "message": "Well?"}])
    waiting = log.root()
    assert tree(waiting)[1] == [["attempt attempt 1 waiting", [["node ask waiting"]]], ["wait ask waiting"]]
    log.attempt = 2
    log.add("run.resumed", attempt=2, answers={"i1": {"answer": "yes"}})
    log.add("node.started", "ask", verb="ask").add("node.finished", "ask", output={"answer": "yes"})
    log.add("run.finished", outputs={"a": 1}, usage=usage(0, 0))
    root = log.root()
    assert tree(root)[1] == [
        ["attempt attempt 1 waiting", [["node ask cancelled"]]],
        ["wait ask ok"],
        ["attempt attempt 2 ok", [["node ask ok"]]],
    ]
    assert root.spans[1].content == {"message": "Well?", "details": None, "answer": {"answer": "yes"}}
    assert (root.spans[1].offset_ms, root.spans[1].duration_ms) == (20.0, 10.0)


def test_forks_items_and_graphs_nest() -> None:
    log = Log().add("run.started", agent="a").add("node.started", "all", verb="each")
    log.add("node.started", "all[0]/one", verb="set").add("node.started", "all[1]/one", verb="set")
    log.add("node.finished", "all[1]/one", output={}).add("node.cancelled", "all[0]/one", verb="set")
    log.add("node.finished", "all", output={}).add("node.started", "both", verb="parallel")
    log.add("node.started", "left", verb="graph", fork="both").add("node.started", "left/in", verb="set")
    log.add("node.skipped", "right", verb="set", fork="both")
    items, both = log.root().spans[0].spans
    assert tree(items)[1] == [
        ["item [0] ok", [["node one cancelled"]]],
        ["item [1] ok", [["node one ok"]]],
    ]
    assert tree(both) == [
        "node both running", [["node left running", [["node in running"]]], ["node right skipped"]],
    ]  # fmt: skip
    assert both.ended_at is None


def test_a_log_without_its_beginning_is_still_a_tree() -> None:
    assert spans_of(RUN, []) is None
    log = Log().add("tool.finished", "a", tool="t", call_id="x", error="no").add("node.retried", "a", attempt=1)
    log.add("custom", "b", name="x").add("run.cancelled")
    assert tree(log.root())[1] == [
        ["attempt attempt 1 cancelled", [["node a cancelled", [["tool t failed"]]]]],
    ]


SECRET = "girih_live_" + "0" * 32 + "_" + "A" * 49


def held(**content: Any) -> Span:
    return Span(id="1", kind="run", name="r", started_at=BEGAN, content=content)


def test_secrets_are_never_shown() -> None:
    span = held(
        inputs={"api_key": "abc", "userPassword": ["x"], "Authorization": "Bearer abcdefgh1234", "max_tokens": 5},
        text=f"the key is {SECRET} or Bearer abcdefghijkl or sk-abcdefghijklmnopqrstuv",
        list=[{"token": "t", "tokens": 3, "note": "x"}],
    )
    assert Redaction("full").apply(span) == "full"
    assert span.content == {
        "inputs": {"api_key": HIDDEN, "userPassword": HIDDEN, "Authorization": HIDDEN, "max_tokens": 5},
        "text": f"the key is {HIDDEN} or {HIDDEN} or {HIDDEN}",
        "list": [{"token": HIDDEN, "tokens": 3, "note": "x"}],
    }


def test_personal_data_is_masked_where_it_is_asked_for() -> None:
    span = held(text="write to ada@example.com", note="no")
    assert Redaction("redacted", PiiScanner()).apply(span) == "redacted"
    assert span.content == {"text": "write to [email]", "note": "no"}
    long = held(text="x" * 300_000)
    Redaction("redacted", PiiScanner()).apply(long)
    assert long.content == {"text": HIDDEN}


@pytest.mark.parametrize(("setting", "shown"), [("none", True), ("full", False)])
def test_contents_may_be_left_out(setting: Any, shown: bool) -> None:
    span = held(text="x")
    assert Redaction(setting).apply(span, shown=shown) == "none"
    assert span.content is None


def test_a_chart_shows_when_what_was() -> None:
    log = Log().add("run.started", agent="desk", version="1.0.0").add("node.started", "say", verb="llm")
    log.add("model.finished", "say", model="m", usage=usage(3, 2), duration_ms=5.0, first_token_ms=1.5)
    log.add("node.finished", "say", output={}).add("run.finished", outputs={}, usage=usage(3, 2))
    out = TraceOut(run_id=RUN, trace_id="t", content="none", root=log.root())
    trace = json.loads(out.model_dump_json())
    lines = list(chart(trace, 100))
    texts = [
        "✓  desk 1.0.0  3 → 2 tokens  $0.25",
        "└─ ✓  say  llm",
        "   └─ ✓  m  model  3 → 2 tokens  $0.25  first after 1.5 ms",
    ]
    assert [line.partition("│▒" if n == 0 else "│  ")[0].rstrip() for n, line in enumerate(lines)] == texts
    assert [line.rpartition("│")[2].strip() for line in lines] == ["40 ms", "20 ms", "5.0 ms"]
    bars = [line[-36:-10].strip("│") for line in lines]
    assert bars == ["▒" * 24, " " * 6 + "▒" * 12 + " " * 6, " " * 9 + "█" * 3 + " " * 12]
    assert all(len(line) <= 40 for line in chart(trace, 40))
    trace["root"]["name"] = "\x1b[2Jdesk"
    assert "\x1b" not in next(chart(trace, 100))


def test_a_trace_goes_on_where_its_caller_is() -> None:
    header = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    assert read_traceparent(header) == TraceContext("a" * 32, "b" * 16)
    assert of_run(RUN, header).trace_id == "a" * 32
    assert of_run(RUN, None).trace_id == RUN.replace("-", "")
    assert read_traceparent(of_run(RUN, None).header()) == of_run(RUN, None)
    for bad in (None, "", "x", header + "-x", "ff" + header[2:], "00-" + "0" * 32 + header[35:], header.upper()):
        assert read_traceparent(bad) is None
        assert of_run(RUN, bad) == of_run(RUN, None)
    assert read_traceparent("cc" + header[2:] + "-more") == TraceContext("a" * 32, "b" * 16)
