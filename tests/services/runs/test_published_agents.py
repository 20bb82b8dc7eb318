"""The whole way with nothing in place of anything: YAML, compiler, publishing, engine, demo model, database."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from tests.services.runs.office import PATIENT, ask, check_whole, collect, ended, small_world
from tests.services.runs.test_pauses import waits

from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.engine.engine import Engine
from girih.errors import InvalidInput
from girih.language.nodes.registry import kinds
from girih.providers.embeddings.ladder import Embedders
from girih.providers.models.chat import ModelOptions, make_models
from girih.services.agents.service import AgentService
from girih.services.events.service import EventService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.services.runs.conditions import Conditions
from girih.services.runs.schemas import ResumeIn, RunIn
from girih.services.runs.service import RunService
from girih.services.runs.thread_schemas import ThreadIn

ECHO = (Path(__file__).parents[3] / "agent_specs" / "bench" / "echo50.yaml").read_text()


@pytest.fixture
def knowledge(uow: UnitOfWork, tmp_path: Path) -> KnowledgeService:
    return KnowledgeService(uow, tmp_path, Embedders("hashing"))


@pytest.fixture
def agents(uow: UnitOfWork, knowledge: KnowledgeService) -> AgentService:
    return AgentService(uow, RegistryService(uow), knowledge)


@pytest.fixture
def service(uow: UnitOfWork, direct: DirectPool, agents: AgentService, knowledge: KnowledgeService) -> RunService:
    return RunService(
        uow,
        direct,
        agents,
        RegistryService(uow),
        knowledge,
        Engine(kinds()),
        make_models=lambda scope, documents: make_models(documents, ModelOptions()),
        events=EventService(uow),
        world=small_world(),
        conditions=Conditions(timing=PATIENT),
    )


async def test_a_published_agent_streams_its_fifty_tokens(
    agents: AgentService, service: RunService, scope: OrgScope
) -> None:
    await agents.apply(scope, {"echo50.yaml": ECHO})
    made = await service.create(scope, ask("echo50", question="go"))
    events = await collect(service, scope, made.id)
    check_whole(events)
    words = [event.event.data["text"] for event in events if event.event.type == "message.delta"]
    assert len(words) == 50
    run = await service.run(scope, made.id)
    assert run.outputs == {"text": "".join(words)}
    assert run.usage.output_tokens == 50
    with pytest.raises(InvalidInput, match="question"):
        await service.create(scope, ask("echo50@1.0.0", question=7))


async def test_a_run_finishes_on_the_version_it_began_with(
    agents: AgentService, service: RunService, scope: OrgScope
) -> None:
    await agents.apply(scope, {"echo50.yaml": ECHO})
    service._roster.closed = True
    waiting = await service.create(scope, ask("echo50"))
    await agents.apply(scope, {"echo50.yaml": ECHO.replace("tokens: 50", "tokens: 3")})
    service._roster.closed = False
    await service._reconciler.look()
    new = await service.create(scope, ask("echo50"))
    for run_id, words in ((waiting.id, 50), (new.id, 3)):
        events = await collect(service, scope, run_id)
        assert [event.event.type for event in events].count("message.delta") == words


async def test_a_changed_model_counts_for_the_next_run(
    agents: AgentService, service: RunService, scope: OrgScope
) -> None:
    graph = ECHO.replace("model://demo", "model://small").replace("    params: { tokens: 50, delay_ms: 0 }\n", "")
    for words in (4, 7, 4):
        model = f"kind: model/v1\nname: small\nprovider: demo\nparams: {{ tokens: {words} }}\n"
        await agents.apply(scope, {"echo50.yaml": graph, "small.yaml": model})
        for _ in range(2):
            made = await service.create(scope, ask("echo50"))
            events = await collect(service, scope, made.id)
            assert [event.event.type for event in events].count("message.delta") == words


async def test_inputs_are_judged_by_the_version_of_this_moment(
    agents: AgentService, service: RunService, scope: OrgScope
) -> None:
    asks_more = ECHO.replace("inputs:\n", "inputs:\n  tone: string\n")
    await agents.apply(scope, {"echo50.yaml": ECHO})
    await service.create(scope, ask("echo50"))
    await agents.apply(scope, {"echo50.yaml": asks_more})
    made = await service.create(scope, ask("echo50", tone="calm"))
    assert made.version == "2.0.0"
    with pytest.raises(InvalidInput, match="tone"):
        await service.create(scope, ask("echo50"))


DESK = """\
kind: graph/v1
name: desk
nodes:
  approval:
    ask: {{ message: Sure?, choices: ["yes", "no"] }}
    next: word
  word:
    set: {{ said: "{version}: ${{ approval.choice }}" }}
    next: $end
outputs: {{ said: "${{ word.said }}" }}
"""


async def test_a_run_that_waits_ends_on_the_version_it_began_with(
    agents: AgentService, service: RunService, scope: OrgScope
) -> None:
    await agents.apply(scope, {"desk.yaml": DESK.format(version="first")})
    old = [await service.create(scope, ask("desk")) for _ in range(3)]
    for made in old:
        await waits(service, scope, made.id)
    await agents.apply(scope, {"desk.yaml": DESK.format(version="second")})
    new = await service.create(scope, ask("desk"))
    await waits(service, scope, new.id)
    assert new.version != old[0].version
    for made in (*old, new):
        await service.resume(scope, made.id, ResumeIn(answer={"choice": "yes"}))
    await service._reconciler.look()
    for made in (*old, new):
        await collect(service, scope, made.id)
        run = await service.run(scope, made.id)
        assert (run.status, run.version, run.digest) == ("succeeded", made.version, made.digest)
        assert run.outputs == {"said": f"{'second' if made is new else 'first'}: yes"}


CHAT = """\
kind: graph/v1
name: talk
chat: { input: question, output: text }
inputs:
  question: { type: string }
use:
  model: model://default
nodes:
  answer:
    llm: model
    system: Be kind.
    messages: "${ state.messages }"
    next: $end
outputs:
  text: "${ answer.text }"
"""


def talk(thread_id: UUID, question: str) -> RunIn:
    return RunIn(agent="talk", inputs={"question": question}, thread_id=thread_id)


async def test_the_second_run_sees_what_was_said_in_the_first(
    agents: AgentService,
    service: RunService,
    scope: OrgScope,
) -> None:
    await agents.apply(scope, {"talk.yaml": CHAT})
    here = UUID((await service.threads.create(scope, ThreadIn())).id)
    first = await service.create(scope, talk(here, "My name is Ada."))
    assert (await ended(service, scope, first.id)).status == "succeeded"
    second = await service.create(scope, talk(here, "What is my name?"))
    assert (await ended(service, scope, second.id)).status == "succeeded"
    state = (await service.threads.state(scope, here)).state
    assert [message["role"] for message in state["messages"]] == ["user", "assistant"] * 2
    assert [message["content"] for message in state["messages"]][::2] == ["My name is Ada.", "What is my name?"]
    history = (await service.threads.history(scope, here)).items
    assert [(one.source, one.run_id) for one in history] == [("run", second.id), ("run", first.id)]
    assert history[0].parent_id == history[1].id
    assert len(history[1].state["messages"]) == 2
    shown = await service.threads.thread(scope, here)
    assert (shown.status, shown.agent, shown.version) == ("idle", "talk", 2)
