"""A run's events as a waterfall of spans: computed when it is asked for, stored nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

from girih.engine.events import RunEvent
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.telemetry.context import span_id_of
from girih.services.runs.spans import Span, SpanKind, SpanStatus, measure
from girih.services.runs.withheld import told


def spans_of(run_id: str, events: Iterable[RunEvent]) -> Span | None:
    """The run's spans; `None` before its first event. What has not ended yet is `running`."""
    waterfall = Waterfall(run_id)
    for event in events:
        waterfall.take(event)
    return waterfall.measured()


class Waterfall:
    """A run's spans as far as its events have been read. Events of an earlier part may be left out."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self.root: Span | None = None
        self._attempt: Span | None = None
        self._nodes: dict[str, Span] = {}
        """The latest execution of each node, by path."""
        self._tools: dict[tuple[str, str], Span] = {}
        self._waits: dict[str, Span] = {}
        self._items: dict[str, Span] = {}

    def measured(self) -> Span | None:
        """The spans with their places in time."""
        if self.root is not None:
            measure(self.root, self.root.started_at)
        return self.root

    def take(self, event: RunEvent) -> None:
        """One event, in order."""
        event = told(event)
        if self.root is None:
            self.root = self._new("run", "run", event)
        if self._attempt is None:
            self._attempt = self._new("attempt", f"attempt {event.attempt}", event)
            self.root.spans.append(self._attempt)
        kind = event.event.type
        part = kind.partition(".")[0]
        if part == "run":
            self._run(event)
        elif event.event.node is not None:
            take = _TAKERS.get(kind)
            if take is not None:
                take(self, event, event.event.node)

    def _run(self, event: RunEvent) -> None:
        new, root, attempt = event.event, self.root, self._attempt
        assert root is not None and attempt is not None  # noqa: S101 - made by `take`
        if new.type == "run.started":
            root.name = str(new.data.get("agent", "run"))
            root.attributes = {name: new.data[name] for name in ("agent", "version", "digest") if name in new.data}
            root.add(inputs=new.data.get("inputs"))
        elif new.type == "run.interrupted":
            attempt.end(new.at, "waiting")
            root.status = "waiting"
            for one in new.data.get("interrupts") or []:
                self._wait(one, event)
        elif new.type == "run.resumed":
            self._resume(event)
        else:
            self._end(event)

    def _wait(self, one: JsonObject, event: RunEvent) -> None:
        span = self._new("wait", str(one.get("kind", "wait")), event, str(one.get("node", "")))
        span.status = "waiting"
        span.attributes = {name: one[name] for name in ("id", "kind", "expires_at") if one.get(name) is not None}
        span.add(message=one.get("message"), details=one.get("details"))
        if self.root is not None and str(one.get("id")) not in self._waits:
            self._waits[str(one.get("id"))] = span
            self.root.spans.append(span)
        node = self._nodes.get(str(one.get("node")))
        if node is not None:
            node.status = "waiting"

    def _resume(self, event: RunEvent) -> None:
        new, root = event.event, self.root
        answers, over = new.data.get("answers") or {}, new.data.get("timed_out") or []
        for one in [*answers, *over]:
            if (wait := self._waits.pop(one, None)) is not None:
                wait.end(new.at, "ok" if one in answers else "cancelled")
                if one in answers:
                    wait.add(answer=answers[one])
        self._cut_off(new.at)
        if root is not None:
            if self._attempt is not None:
                self._attempt.end(new.at, "cancelled")
            root.status = "running"
            self._attempt = self._new("attempt", f"attempt {event.attempt}", event)
            root.spans.append(self._attempt)

    def _end(self, event: RunEvent) -> None:
        new = event.event
        ends: dict[str, SpanStatus] = {"run.finished": "ok", "run.failed": "failed"}
        status = ends.get(new.type, "cancelled")
        self._cut_off(new.at)
        for wait in self._waits.values():
            wait.end(new.at, "cancelled")
        if self.root is None or self._attempt is None:
            return
        error = new.data.get("error")
        self.root.attributes |= {"usage": new.data["usage"]} if "usage" in new.data else {}
        if error:
            self.root.attributes |= {"error": error.get("kind"), "failed_node": error.get("node")}
            self.root.add(error=error.get("message"))
        if "outputs" in new.data:
            self.root.add(outputs=new.data["outputs"])
        self._attempt.end(new.at, status)
        self.root.end(new.at, status)

    def _cut_off(self, at: datetime) -> None:
        """What was under way is not any more."""
        for span in [*self._nodes.values(), *self._tools.values()]:
            span.end(at, "cancelled")

    def node_started(self, event: RunEvent, path: str) -> None:
        """A node begins, or one that waited goes on."""
        data = event.event.data
        span = self._new("node", path.rpartition("/")[2], event, path)
        span.attributes = {name: data[name] for name in ("verb", "title") if data.get(name)}
        self._above(path, data.get("fork")).spans.append(span)
        self._nodes[path] = span

    def node_ended(self, event: RunEvent, path: str) -> None:
        """A node is done, in whatever way."""
        new = event.event
        if new.type == "node.skipped":
            self.node_started(event, path)
        span, data = self._node(event, path), new.data
        statuses: dict[str, SpanStatus] = {
            "node.finished": "ok", "node.failed": "failed", "node.skipped": "skipped", "node.cancelled": "cancelled",
        }  # fmt: skip
        span.attributes |= {name: data[name] for name in ("usage", "cached", "exit", "kind", "handled") if name in data}
        if "output" in data:
            span.add(output=data["output"])
        if "message" in data:
            span.add(error=data["message"])
        span.end(new.at, statuses[new.type])

    def node_retried(self, event: RunEvent, path: str) -> None:
        """An attempt of a node failed, and another one begins."""
        data = event.event.data
        span = self._node(event, path)
        told = {name: data[name] for name in ("attempt", "kind", "wait_s") if name in data}
        span.attributes["retries"] = [*span.attributes.get("retries", []), told]

    def model(self, event: RunEvent, path: str) -> None:
        """A model was called."""
        new = event.event
        span = self._new("model", str(new.data.get("model", "")), event, path)
        span.started_at = new.at - timedelta(milliseconds=float(new.data.get("duration_ms", 0)))
        span.attributes = {name: value for name, value in new.data.items() if name != "duration_ms"}
        span.end(new.at, "failed" if "error" in new.data else "ok")
        self._node(event, path).spans.append(span)

    def answered(self, event: RunEvent, path: str) -> None:
        """The text of the last model call of the node."""
        calls = [span for span in self._node(event, path).spans if span.kind == "model"]
        if calls:
            calls[-1].add(text=event.event.data.get("text"), calls=event.event.data.get("calls"))

    def tool_started(self, event: RunEvent, path: str) -> None:
        """A tool is called."""
        data = event.event.data
        span = self._new("tool", str(data.get("tool", "")), event, path)
        if data.get("call_id"):
            span.attributes["call_id"] = data["call_id"]
        span.add(arguments=data.get("arguments"))
        self._node(event, path).spans.append(span)
        self._tools[path, str(data.get("call_id", ""))] = span

    def tool_finished(self, event: RunEvent, path: str) -> None:
        """A tool has answered."""
        data = event.event.data
        span = self._tools.pop((path, str(data.get("call_id", ""))), None)
        if span is None:  # it never began: its arguments did not fit
            self.tool_started(event, path)
            span = self._tools.pop((path, str(data.get("call_id", ""))))
        span.add(**{name: data[name] for name in ("result", "error") if name in data})
        span.end(event.event.at, "failed" if data.get("error") else "ok")

    def retrieved(self, event: RunEvent, path: str) -> None:
        """A collection was searched."""
        data, node = event.event.data, self._node(event, path)
        hits = data.get("hits") or []
        span = self._new("retrieval", str(data.get("collection", "")), event, path)
        span.started_at = max((one.ended_at or one.started_at for one in node.spans), default=node.started_at)
        span.attributes = {"hits": len(hits)}
        span.add(query=data.get("query"), hits=hits)
        span.end(event.event.at, "ok")
        node.spans.append(span)

    def _node(self, event: RunEvent, path: str) -> Span:
        if path not in self._nodes:
            self.node_started(event, path)
        return self._nodes[path]

    def _above(self, path: str, fork: JsonValue) -> Span:
        """The span a node belongs below: its graph's node, its fork, or its item of one."""
        graph, slash, _ = path.rpartition("/")
        for above in (f"{graph}{slash}{fork}" if fork else graph, graph):
            if above in self._nodes:
                return self._nodes[above]
        base, bracket, item = graph.rpartition("[")
        outer = self._nodes.get(base) if bracket else None
        if outer is None:
            return self._attempt or self._root()
        name = span_id_of(outer.id, graph)
        if name not in self._items:
            span = Span(id=name, kind="item", name=f"[{item}", node=graph, started_at=outer.started_at)
            self._items[name] = span
            outer.spans.append(span)
        return self._items[name]

    def _root(self) -> Span:
        assert self.root is not None  # noqa: S101 - made by `take`
        return self.root

    def _new(self, kind: SpanKind, name: str, event: RunEvent, node: str | None = None) -> Span:
        parts = ("run",) if kind == "run" else (kind, event.seq, node)
        return Span(id=span_id_of(self._run_id, *parts), kind=kind, name=name, node=node, started_at=event.event.at)


_Take: TypeAlias = Callable[[Waterfall, RunEvent, str], None]
_TAKERS: dict[str, _Take] = {
    "node.started": Waterfall.node_started,
    "node.finished": Waterfall.node_ended,
    "node.failed": Waterfall.node_ended,
    "node.skipped": Waterfall.node_ended,
    "node.cancelled": Waterfall.node_ended,
    "node.retried": Waterfall.node_retried,
    "model.finished": Waterfall.model,
    "message.completed": Waterfall.answered,
    "tool.started": Waterfall.tool_started,
    "tool.finished": Waterfall.tool_finished,
    "retrieval.finished": Waterfall.retrieved,
}
