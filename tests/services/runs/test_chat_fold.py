"""What a chat is told of a run: in sum always its output, whatever its nodes, models, failures and restarts do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.plans import World

from girih.engine.context import Outcome, Spent
from girih.engine.events import NewEvent, RunEvent
from girih.engine.shared_state import MESSAGES
from girih.errors import NodeError
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.plan import Plan
from girih.language.compiler.workspace import Workspace
from girih.language.nodes.pausing import Reply
from girih.language.nodes.ports import (
    AppGiven,
    ModelDone,
    ModelEvent,
    ModelRequest,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolSpec,
    Usage,
)
from girih.services.runs.chat_fold import DIVERGED, ChatFold
from girih.services.runs.chat_steps import (
    END_OF_TURN,
    CallStep,
    ChatStep,
    DoneStep,
    DroppedStep,
    FailedStep,
    SaidStep,
    TextStep,
    ToolStep,
    WaitStep,
)

HEAD = """
kind: graph/v1
name: {name}
inputs: {{ q: string }}
chat: {{ input: q, output: text }}
use: {{ m: model://default }}
"""

GRAPHS = {
    "direct": """
nodes:
  a: { llm: m, prompt: "${ inputs.q }", next: $end }
outputs: { text: "${ a.text }" }
""",
    "retried": """
nodes:
  a: { llm: m, prompt: "${ inputs.q }", retry: { max: 2, wait: 1ms }, next: b }
  b: { set: { n: 1 }, next: $end }
outputs: { text: "${ a.text }" }
""",
    "caught": """
nodes:
  a: { llm: m, prompt: "${ inputs.q }", on_error: { value: { text: sorry, usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0.0 } } }, next: $end }
outputs: { text: "${ a.text }" }
""",
    "elsewhere": """
nodes:
  a: { llm: m, prompt: "${ inputs.q }", on_error: { to: b }, next: $end }
  b: { llm: m, prompt: "${ inputs.q }", next: $end }
outputs: { text: { from: [a.text, b.text] } }
""",
    "either": """
nodes:
  r:
    llm: m
    prompt: "${ inputs.q }"
    next:
      - { if: "r.text.contains('x')", to: a }
      - b
  a: { llm: m, prompt: "${ inputs.q }", next: $end }
  b: { llm: m, prompt: "${ inputs.q }", next: $end }
outputs: { text: { from: [a.text, b.text] } }
""",
    "first of two": """
nodes:
  b: { llm: m, prompt: "${ inputs.q }", next: a }
  a:
    llm: m
    prompt: "${ inputs.q }"
    when: "b.text.contains('x')"
    next: $end
outputs: { text: { from: [a.text, b.text] } }
""",
    "loop": """
nodes:
  a:
    llm: m
    prompt: "${ inputs.q }"
    next:
      - { if: "a.text.contains('x')", to: a, max_visits: 3 }
      - $end
outputs: { text: "${ a.text }" }
""",
    "framed": """
nodes:
  a: { llm: m, prompt: "${ inputs.q }", next: $end }
outputs: { text: "<${ a.text }>" }
""",
    "agent": """
nodes:
  a: { agent: m, prompt: "${ inputs.q }", next: $end }
outputs: { text: "${ a.text }" }
""",
    "agent with the app's tools": """
nodes:
  a: { agent: m, prompt: "${ inputs.q }", accepts: [tools], next: $end }
outputs: { text: "${ a.text }" }
""",
    "tried again, with the app's tools": """
nodes:
  a: { agent: m, prompt: "${ inputs.q }", accepts: [tools], retry: { max: 2, wait: 1ms }, next: $end }
outputs: { text: "${ a.text }" }
""",
    "two branches": """
nodes:
  f: { parallel: [a, b], join: any, next: $end }
  a: { llm: m, prompt: "${ inputs.q }" }
  b: { llm: m, prompt: "${ inputs.q }" }
outputs: { text: { from: [a.text, b.text] } }
""",
    "asked between": """
nodes:
  a: { llm: m, prompt: "${ inputs.q }", next: b }
  b: { ask: { message: "Sure?", choices: ["yes", "no"] }, next: $end }
outputs: { text: "${ a.text }" }
""",
    "refusing": """
nodes:
  a:
    llm: m
    prompt: "${ inputs.q }"
    next:
      - { if: "a.text.contains('x')", to: no }
      - b
  b: { llm: m, prompt: "${ inputs.q }", next: $end }
  no: { end: { status: failed, reason: "Not today." } }
outputs: { text: "${ b.text }" }
""",
}  # fmt: skip


def _plans() -> dict[str, Plan]:
    names = {f"g{number}": title for number, title in enumerate(GRAPHS)}
    files = {f"{name}.yaml": HEAD.format(name=name) + GRAPHS[title] for name, title in names.items()}
    compiled = compile_workspace(Workspace(files))
    missing = [d for d in compiled.diagnostics if d.code.startswith("E")]
    assert not missing, missing
    return {names[plan.name]: plan for plan in compiled.plans.values()}


PLANS = _plans()
WEATHER: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
APP = AppGiven((ToolSpec("weather", "Tells the weather.", WEATHER),))


@dataclass(frozen=True)
class Said:
    """One answer of a model: its pieces, the calls, whether it breaks off in the end, and how it writes JSON."""

    pieces: tuple[str, ...]
    calls: tuple[ToolCall, ...] = ()
    breaks: bool = False
    indent: int | None = None
    width: int = 5
    """Characters of arguments in a piece."""

    def calling(self) -> list[ToolCallDelta]:
        """The calls in pieces, some of which come before the tool is named."""
        deltas = []
        for index, call in enumerate(self.calls):
            text = json.dumps(call.arguments, indent=self.indent)
            deltas.append(ToolCallDelta(index, "", call.id))
            named = [call.name, *[None] * len(text)]
            starts = range(0, len(text), self.width)
            deltas += [ToolCallDelta(index, text[at : at + self.width], None, named[at]) for at in starts]
        return deltas


@dataclass
class Moody:
    """Models that say one thing after another, then the last one again."""

    answers: list[Said]
    asked: int = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        said = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        for piece in said.pieces:
            await asyncio.sleep(0)
            yield TextDelta(piece)
        for delta in said.calling() if request.tools else ():
            await asyncio.sleep(0)
            yield delta
        if said.breaks:
            raise NodeError("unavailable", "it broke off")
        yield ModelDone(Usage(3, 2), "moody", "test", said.calls if request.tools else ())


@dataclass
class Log:
    """A run's events, and the moment at which its process goes away."""

    dies_at: int | None = None
    events: list[RunEvent] = field(default_factory=list)
    task: asyncio.Task[Outcome] | None = None

    def append(self, event: NewEvent) -> None:
        """Take an event of the engine's."""
        self._add(event)
        if len(self.events) == self.dies_at:
            assert self.task is not None
            self.task.cancel()

    def tell(self, type: str, **data: Any) -> None:
        """Add one that the run's own service would."""
        self._add(NewEvent(type, data, datetime.now(UTC)))

    def _add(self, event: NewEvent) -> None:
        self.events.append(RunEvent("run-1", len(self.events) + 1, 1, event))


async def lived(plan: Plan, answers: list[Said], dies_at: int | None) -> tuple[Log, Outcome]:
    """A whole run on the real engine, through a restart and every wait."""
    log = Log(dies_at)
    world = World(models=Moody(answers), events=log)  # type: ignore[arg-type]
    world.given = APP if "accepts" in str(plan.nodes) else world.given
    log.tell("run.started")
    resume = False
    while True:
        try:
            log.task = asyncio.create_task(world.run(plan, {"q": "?"}, resume=resume))
            outcome = await log.task
        except asyncio.CancelledError:
            log.dies_at, resume = None, True
            log.tell("run.resumed", attempt=2)
            continue
        if outcome.status != "interrupted":
            break
        shown = [
            {"id": one.id, "node": one.node, "kind": one.request.kind, "message": one.request.message,
             "schema": one.request.schema, "details": one.request.details} for one in outcome.pauses
        ]  # fmt: skip
        log.tell("run.interrupted", interrupts=shown)
        world.replies |= {one.id: Reply("answered", _answer(one.request.kind)) for one in outcome.pauses}
        log.tell("run.resumed", attempt=2)
        world.spent, resume = Spent(Usage(**outcome.usage)), True
    if outcome.status == "succeeded":
        log.tell("run.finished", outputs=outcome.outputs, usage=outcome.usage)
    else:
        log.tell("run.failed", error=outcome.error, usage=outcome.usage)
    return log, outcome


def _answer(kind: str) -> Any:
    return "18 degrees" if kind == "tool" else {"choice": "yes"}


def folded(plan: Plan, log: Log, *, aloud: bool = False) -> list[ChatStep]:
    fold = ChatFold(plan, "run-1", aloud=aloud)
    return [step for event in log.events for step in fold.take(event)]


texts = st.lists(st.sampled_from(["x", "a", "b", " ", "é", ""]), max_size=4).map(tuple)
FITS, MISFITS, UNKNOWN = (
    ToolCall("c1", "weather", {"city": "Bern"}),
    ToolCall("c1", "weather", {"city": 1}),
    ToolCall("c1", "fly", {}),
)
calls = st.lists(st.sampled_from([FITS, FITS, MISFITS, UNKNOWN]), max_size=2).map(tuple)
broken = st.sampled_from([False, False, True])
answers = st.lists(
    st.builds(Said, texts, calls, broken, st.sampled_from([None, None, 1]), st.integers(1, 9)), min_size=1, max_size=5
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(PLANS)), answers, st.none() | st.integers(2, 30), st.booleans())
def test_what_is_told_adds_up_to_the_output(name: str, said: list[Said], dies_at: int | None, aloud: bool) -> None:
    plan = PLANS[name]
    log, outcome = asyncio.run(lived(plan, said, dies_at))
    steps = folded(plan, log, aloud=aloud)
    taken_back = [at for at, step in enumerate(steps) if isinstance(step, SaidStep)]
    told = "".join(step.text for step in steps[taken_back[-1] if taken_back else 0 :] if isinstance(step, TextStep))
    end = steps[-1]
    assert isinstance(end, DoneStep | FailedStep)
    assert not [step for step in steps[:-1] if isinstance(step, DoneStep)]
    ends = [step for step in steps if isinstance(step, FailedStep)]
    assert len(ends) < 2 or {step.kind for step in ends[:-1]} == {DIVERGED}
    assert aloud or not taken_back
    require_sound_calls(steps, log)
    if isinstance(end, DoneStep):
        assert told == end.text
        if end.refused:
            assert end.text == (outcome.error or {})["message"] == "Not today."
        else:
            assert end.text == (outcome.outputs or {})["text"]
            assert outcome.state[MESSAGES][-1] == {"id": end.message_id, "role": "assistant", "content": end.text}
            assert all(step.message_id == end.message_id for step in steps if isinstance(step, TextStep))
    elif end.kind == DIVERGED:
        # Only where a node that was heard has been begun anew, and said something else.
        assert dies_at is not None or "node.retried" in {event.event.type for event in log.events}
        has_calls = any(isinstance(step, CallStep) for step in steps)
        assert not (outcome.outputs or {}).get("text", "").startswith(told) or not told or has_calls
    else:
        assert outcome.status == "failed"
        assert end.kind == (outcome.error or {})["kind"]
    assert len([step for step in steps if isinstance(step, END_OF_TURN)]) == 1 + len(
        [event for event in log.events if event.event.type == "run.interrupted"]
    )


def require_sound_calls(steps: list[ChatStep], log: Log) -> None:
    """Each call that was told ends once, and is in sum what the run waited for; nothing comes behind its end."""
    wanted = {
        one["details"]["call_id"]: one["details"]["arguments"]
        for event in log.events
        if event.event.type == "run.interrupted"
        for one in event.event.data["interrupts"]
        if one["kind"] == "tool"
    }
    pieces: dict[str, list[str]] = {}
    over: set[str] = set()
    for step in steps:
        if isinstance(step, CallStep | DroppedStep):
            assert step.call_id not in over
            if isinstance(step, DroppedStep) or step.done:
                over.add(step.call_id)
                assert "".join(pieces.get(step.call_id, [step.arguments])) == step.arguments
            else:
                pieces.setdefault(step.call_id, []).append(step.arguments)
        if isinstance(step, CallStep) and step.done:
            assert json.loads(step.arguments) == wanted[step.call_id]
        elif isinstance(step, DroppedStep):
            assert step.call_id not in wanted
        elif isinstance(step, WaitStep):
            assert {call.call_id for call in step.calls} <= over
    assert pieces.keys() <= over or isinstance(steps[-1], FailedStep)


HELLO = [Said(("Hel", "lo"))]


@pytest.mark.parametrize("name", ["direct", "retried", "agent", "either", "asked between"])
def test_a_node_that_is_the_answer_is_heard_as_it_speaks(name: str) -> None:
    log, _ = asyncio.run(lived(PLANS[name], HELLO, None))
    assert [step.text for step in folded(PLANS[name], log) if isinstance(step, TextStep)] == ["Hel", "lo"]


@pytest.mark.parametrize("name", ["caught", "first of two", "loop", "framed", "two branches"])
def test_a_node_that_may_not_be_the_answer_is_not(name: str) -> None:
    log, _ = asyncio.run(lived(PLANS[name], HELLO, None))
    pieces = [step.text for step in folded(PLANS[name], log) if isinstance(step, TextStep)]
    assert pieces == ["<Hello>" if name == "framed" else "Hello"]


def test_a_node_that_is_tried_again_goes_on_where_it_says_the_same() -> None:
    same = [Said(("Hel",), breaks=True), Said(("He", "llo"))]
    log, _ = asyncio.run(lived(PLANS["retried"], same, None))
    assert [step.text for step in folded(PLANS["retried"], log) if isinstance(step, TextStep)] == ["Hel", "lo"]
    other = [Said(("Hel",), breaks=True), Said(("Good day",))]
    log, outcome = asyncio.run(lived(PLANS["retried"], other, None))
    assert outcome.outputs == {"text": "Good day"}
    end = folded(PLANS["retried"], log)[-1]
    assert isinstance(end, FailedStep)
    assert end.kind == DIVERGED


def test_calls_of_the_apps_tools_come_whole_before_the_wait() -> None:
    wants = ToolCall("c1", "weather", {"city": "Bern"})
    said = [Said(("Let me look.",), (wants, wants)), Said(("It is 18 degrees.",))]
    plan = PLANS["agent with the app's tools"]
    log, _ = asyncio.run(lived(plan, said, None))
    steps = [
        step for step in folded(plan, log) if isinstance(step, TextStep | CallStep | WaitStep | DoneStep | ToolStep)
    ]
    first, second, wait, text, done = steps
    assert isinstance(first, CallStep)
    assert isinstance(second, CallStep)
    assert isinstance(wait, WaitStep)
    assert isinstance(done, DoneStep)
    assert wait.calls == (first, second)
    assert (first.name, first.arguments, first.done) == ("weather", '{"city": "Bern"}', True)
    assert first.call_id != second.call_id
    assert wait.said == "Let me look."
    assert wait.usage == {"input_tokens": 3, "output_tokens": 2, "cost_usd": 0.0}
    assert text == TextStep(done.message_id, "It is 18 degrees.")
    assert done.usage["input_tokens"] == 6


def aloud(name: str, *said: Said) -> list[ChatStep]:
    log, _ = asyncio.run(lived(PLANS[name], list(said), None))
    kinds = TextStep | SaidStep | CallStep | DroppedStep | WaitStep | DoneStep | FailedStep
    return [step for step in folded(PLANS[name], log, aloud=True) if isinstance(step, kinds)]


def test_aloud_a_turn_is_told_as_it_comes_and_what_went_with_calls_is_taken_back() -> None:
    said = Said(("Let ", "me."), (FITS,), width=8), Said(("18 ", "degrees."))
    steps = aloud("agent with the app's tools", *said)
    let, me, begun, last, back, call, wait, eighteen, degrees, done = steps
    assert isinstance(done, DoneStep)
    assert isinstance(wait, WaitStep)
    number = done.message_id
    assert (let, me, back) == (TextStep(number, "Let "), TextStep(number, "me."), SaidStep(number))
    assert isinstance(call, CallStep)
    assert (begun, last) == (
        CallStep(call.call_id, "weather", '{"city":'),
        CallStep(call.call_id, "weather", ' "Bern"}'),
    )
    assert call == CallStep(call.call_id, "weather", '{"city": "Bern"}', done=True)
    assert (wait.calls, wait.said) == ((call,), "")
    assert (eighteen, degrees) == (TextStep(number, "18 "), TextStep(number, "degrees."))
    assert done.text == "18 degrees."


def test_a_call_that_does_not_fit_is_dropped() -> None:
    begun, dropped, again, call, wait, *_ = aloud(
        "agent with the app's tools", Said((), (MISFITS,), width=99), Said((), (FITS,), width=99), Said(("Ok",))
    )
    assert isinstance(begun, CallStep)
    assert isinstance(dropped, DroppedStep)
    assert (dropped.call_id, dropped.arguments) == (begun.call_id, '{"city": 1}')
    assert isinstance(again, CallStep)
    assert again.call_id != begun.call_id
    assert isinstance(wait, WaitStep)
    assert wait.calls == (call,)


def test_a_call_that_is_written_again_goes_on_where_it_is_the_same() -> None:
    name = "tried again, with the app's tools"
    half, same = Said((), (FITS,), breaks=True, width=9), Said((), (FITS,))
    steps = aloud(name, half, same, Said(("Ok",)))
    assert "".join(s.arguments for s in steps if isinstance(s, CallStep) and not s.done) == '{"city": "Bern"}'
    other = Said((), (FITS,), indent=1)
    end = aloud(name, Said((), (ToolCall("c", "weather", {"city": "Rome"}),), breaks=True), other, Said(("Ok",)))[-1]
    assert isinstance(end, FailedStep)
    assert end.kind == DIVERGED


def test_a_question_to_people_ends_the_turn() -> None:
    log, _ = asyncio.run(lived(PLANS["asked between"], HELLO, None))
    (wait,) = [step for step in folded(PLANS["asked between"], log) if isinstance(step, WaitStep)]
    (question,) = wait.questions
    assert (question.kind, question.node, question.message) == ("ask", "b", "Sure?")
    assert question.details == {"choices": ["yes", "no"]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "the run was cancelled"),
        ({"reason": "expired"}, "the run has expired"),
        ({"reason": "superseded"}, "place"),
    ],
)
def test_a_run_that_was_stopped_says_why(data: dict[str, Any], words: str) -> None:
    fold = ChatFold(PLANS["direct"], "run-1")
    (step,) = fold.take(RunEvent("run-1", 1, 1, NewEvent("run.cancelled", data, datetime.now(UTC))))
    assert isinstance(step, FailedStep)
    assert step.cancelled
    assert words in step.message


def test_a_graph_without_chat_has_no_chat() -> None:
    with pytest.raises(ValueError, match="has no chat"):
        ChatFold(PLANS["direct"].model_copy(update={"chat": None}), "run-1")
