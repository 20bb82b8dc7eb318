"""`trace: { redact: … }`: what a graph wants left out is kept nowhere in the record of its runs, and the runs work."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, collect, ended

from girih.db.tenancy import OrgScope
from girih.engine.events import NewEvent
from girih.language.compiler.plan import Plan
from girih.language.nodes.ports import NodeContext
from girih.language.spec.tree import JsonObject
from girih.providers.telemetry.spans import TracedSpan
from girih.services.identity.schemas import PERMISSIONS
from girih.services.runs.redaction import Redaction
from girih.services.runs.replay_schemas import RetryIn
from girih.services.runs.schemas import RunIn
from girih.services.runs.spans import walk
from girih.services.runs.traces import Traces
from girih.services.runs.tracing import RunTracing
from girih.services.runs.watch import Watch
from girih.services.runs.withheld import GONE, withheld

ASKED, SAID = "where-is-the-otter", "in-the-river"


def redacting(*parts: Any, **more: Any) -> Plan:
    made = plan(
        node("first", "second", q="${ inputs.q }"),
        node("second", "$end", said="${ first.said }"),
        outputs={"said": "${ second.said }"},
        **more,
    )
    return made.model_copy(update={"redact": parts})


def act(ctx: NodeContext, values: JsonObject) -> JsonObject:
    """Does all that has contents."""
    ctx.emit("retrieval.finished", {"collection": "c", "query": ASKED, "hits": [{"text": ASKED, "score": 1.0}]})
    ctx.emit("message.delta", {"text": SAID})
    ctx.emit("message.completed", {"text": SAID, "model": "m", "provider": "p", "usage": {}, "calls": [{"x": SAID}]})
    ctx.emit("tool.started", {"tool": "t", "call_id": "1", "arguments": {"q": ASKED}})
    ctx.emit("tool.finished", {"tool": "t", "call_id": "1", "result": {"text": SAID}})
    ctx.emit("custom", {"name": "note", "text": f"{ASKED} {SAID}"})
    return {"said": values.get("said", SAID)}


async def kept(office: Office, run_id: str) -> str:
    """All that the record of the run says."""
    rows = await office.sql(
        "SELECT data::text AS data FROM run_events WHERE run_id = :id ORDER BY seq", id=UUID(run_id)
    )
    return "\n".join(row.data for row in rows)


async def trace(office: Office, run_id: str) -> Any:
    scope = OrgScope(office.scope.org_id, office.scope.project_id, permissions=PERMISSIONS)
    return await Traces(office.uow, Redaction("full")).trace(scope, UUID(run_id))


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("parts", [(), ("prompts",), ("outputs",), ("outputs", "prompts")])
async def test_what_is_left_out_is_not_recorded(office: Office, parts: tuple[str, ...], background: bool) -> None:
    office.probe.act = act
    service = office.service()
    body = RunIn(agent=await office.publish(redacting(*parts)), inputs={"q": ASKED}, background=background)
    made = await service.create(office.scope, body)
    if background:
        await service.take(made.id)
    run = await ended(service, office.scope, made.id)
    assert (run.status, run.inputs, run.outputs) == ("succeeded", {"q": ASKED}, {"said": SAID})
    text = await kept(office, run.id)
    assert (ASKED in text) is ("prompts" not in parts)
    assert (SAID in text) is ("outputs" not in parts)
    shown = await trace(office, run.id)
    assert shown.content == ("redacted" if parts else "full")
    contents = [span.content for span in walk(shown.root) if span.content]
    assert (GONE in json.dumps(contents)) is bool(parts)
    assert shown.root.content["inputs"] == (GONE if "prompts" in parts else {"q": ASKED})
    assert shown.root.content["outputs"] == (GONE if "outputs" in parts else {"said": SAID})


async def test_whoever_reads_along_where_it_runs_sees_all(office: Office) -> None:
    office.probe.act = act
    service = office.service()
    await office.publish(redacting("outputs", "prompts"))
    run = await service.create(office.scope, ask(q=ASKED))
    live = json.dumps([event.event.data for event in await collect(service, office.scope, run.id)])
    assert ASKED in live
    assert SAID in live
    later = json.dumps([event.event.data for event in await collect(office.service(), office.scope, run.id)])
    assert ASKED not in later
    assert SAID not in later


async def test_a_run_goes_on_elsewhere_from_its_checkpoints(office: Office) -> None:
    office.probe.act = act
    lost: list[str] = []
    service = office.service()

    async def vanish(ctx: NodeContext, values: JsonObject) -> JsonObject:
        lost.append(str(values["said"]))
        raise RuntimeError

    office.probe.acts["second"] = vanish
    name = await office.publish(redacting("outputs", "prompts"))
    office.agents.by_name[f"{name}@1.0.0"] = office.agents.by_name[name]
    run = await ended(service, office.scope, (await service.create(office.scope, ask(q=ASKED))).id)
    assert run.status == "failed"
    office.probe.acts["second"] = act
    again = await service.replays.retry(office.scope, UUID(run.id), RetryIn())
    over = await ended(service, office.scope, again.id)
    assert (over.status, over.outputs) == ("succeeded", {"said": SAID})
    assert lost == [SAID]
    assert SAID not in await kept(office, over.id)


async def test_a_graph_that_another_one_runs_keeps_to_its_own_rule(office: Office) -> None:
    office.probe.act = act
    inner = redacting("outputs", "prompts", name="inner")
    await office.publish(inner, "inner")
    call = node("call", "last", verb="graph", **{"with": {"q": "${ inputs.q }"}}).model_copy(
        update={"settings": {"digest": inner.digest}}
    )
    outer = plan(call, node("last", "$end"), name="outer")
    await office.publish(outer, "outer")
    office.probe.acts["last"] = lambda ctx, values: {"said": "nothing"}
    service = office.service()
    run = await ended(service, office.scope, (await service.create(office.scope, ask("outer", q="x"))).id)
    assert run.status == "succeeded", run.error
    rows = await office.sql(
        "SELECT data::text AS data FROM run_events WHERE run_id = :id AND node LIKE 'call/%'", id=UUID(run.id)
    )
    assert len(rows) > 8
    assert not [row.data for row in rows if SAID in row.data or ASKED in row.data]


async def test_spans_that_are_sent_elsewhere_have_no_contents(office: Office) -> None:
    class Sink:
        told: list[TracedSpan]

        def tell(self, span: TracedSpan) -> None:
            self.told.append(span)

    sink = Sink()
    sink.told = []
    office.probe.act = act
    await office.publish(redacting("outputs", "prompts"))
    service = office.service(watch=Watch(None, (RunTracing(sink),)))
    await ended(service, office.scope, (await service.create(office.scope, ask(q=ASKED))).id)
    await service.stop()
    assert len(sink.told) >= 4
    assert ASKED not in repr(sink.told)
    assert SAID not in repr(sink.told)


def test_what_is_kept_has_the_form_it_had() -> None:
    one = {"id": "i", "message": ASKED, "details": {"q": ASKED}, "node": "a", "kind": "form"}
    event = NewEvent("run.interrupted", {"interrupts": [one]}, None)  # type: ignore[arg-type]
    assert withheld(event, ("outputs",)) == event.data
    assert withheld(event, ("prompts",)) == {
        "interrupts": [{"id": "i", "message": GONE, "details": {}, "node": "a", "kind": "form"}],
        "redacted": ["interrupts"],
    }
    answered = NewEvent("run.resumed", {"attempt": 2, "answers": {"i": {"ok": True}}}, None)  # type: ignore[arg-type]
    assert withheld(answered, ("prompts",))["answers"] == {"i": GONE}
