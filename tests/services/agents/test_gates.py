"""The tests of graphs as a gate: what fails refuses the whole apply, at its line; nothing is asked and nothing kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.services.agents.workspaces import BOOK, HELLO, LOOKUP, SMALL

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, SpecInvalid
from girih.language.compiler.plan import Plan
from girih.language.spec.tree import JsonObject
from girih.providers.outbound import OutboundClient
from girih.services.agents.schemas import ApplyOut, Change
from girih.services.agents.service import AgentService
from girih.services.agents.terms import Terms
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService
from girih.settings import Settings
from girih.wiring.facilities import InstalledFacilities
from girih.wiring.gating import ServerBench, ServerTrials

GREETS = """\
tests:
  - name: it greets
    given: { name: Ada }
    expect: { path: [a], outputs: { text: "Hello Ada" } }
"""
SHOUTS = """\
  - name: it shouts
    given: { name: Ada }
    expect:
      output: text.endsWith('!')
"""
TESTED = HELLO + GREETS
SHOUTED = TESTED + SHOUTS


@pytest.fixture
def gated(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService) -> AgentService:
    return make(uow, registry, knowledge)


def make(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService, **settings: Any) -> AgentService:
    chosen = Settings.model_validate({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", **settings})
    return AgentService(uow, registry, knowledge, InstalledFacilities(), trials=ServerTrials(chosen))


def change(out: ApplyOut, name: str) -> Change:
    return next(one for one in out.changes if one.name == name)


async def refused(service: AgentService, scope: OrgScope, files: Mapping[str, str]) -> SpecInvalid:
    with pytest.raises(SpecInvalid) as caught:
        await apply(service, scope, files)
    return caught.value


async def apply(service: AgentService, scope: OrgScope, files: Mapping[str, str], **terms: bool) -> ApplyOut:
    return await service.applying.apply(scope, files, Terms(**terms))


async def test_what_passes_is_published_with_its_report(gated: AgentService, scope: OrgScope) -> None:
    out = await apply(gated, scope, {"hello.yaml": TESTED, "small.yaml": SMALL})
    report = change(out, "hello").report
    assert report is not None
    assert (report.outcome, report.counts) == ("passed", {"passed": 1})
    assert [(test.name, test.outcome, test.message) for test in report.tests] == [("it greets", "passed", None)]
    (listed,) = await gated.versions(scope, "hello")
    assert listed.report is not None
    assert (listed.report.outcome, listed.report.counts, listed.forced) == ("passed", {"passed": 1}, False)


async def test_a_graph_without_tests_says_so_and_is_published(gated: AgentService, scope: OrgScope) -> None:
    report = change(await apply(gated, scope, {"hello.yaml": HELLO}), "hello").report
    assert report is not None
    assert (report.outcome, report.counts, report.tests) == ("none", {}, [])


async def test_one_failing_test_refuses_all_of_it_at_its_line(gated: AgentService, scope: OrgScope) -> None:
    fault = await refused(gated, scope, {"hello.yaml": SHOUTED, "small.yaml": SMALL, "book.yaml": BOOK})
    (found,) = fault.diagnostics
    assert (found["code"], found["severity"], found["file"]) == ("failed_test", "error", "hello.yaml")
    assert SHOUTED.splitlines()[int(str(found["line"])) - 1].strip() == "output: text.endsWith('!')"
    assert "test 'it shouts' of 'hello': expect.output: `text.endsWith('!')` does not hold" in str(found["message"])
    assert "--force-tests" in str(found["help"])
    assert await gated.agents(scope) == []


async def test_a_dry_run_tells_of_it(gated: AgentService, scope: OrgScope) -> None:
    out = await apply(gated, scope, {"hello.yaml": SHOUTED}, dry_run=True)
    report = change(out, "hello").report
    assert report is not None
    assert (report.outcome, report.counts) == ("failed", {"passed": 1, "failed": 1})
    assert [found["code"] for found in out.diagnostics] == ["failed_test"]
    assert await gated.agents(scope) == []


async def test_what_is_forced_is_kept_with_its_report(gated: AgentService, scope: OrgScope) -> None:
    out = await apply(gated, scope, {"hello.yaml": SHOUTED}, force_tests=True)
    assert change(out, "hello").forced
    (listed,) = await gated.versions(scope, "hello")
    assert listed.forced
    assert listed.report is not None
    assert listed.report.outcome == "failed"
    passing = await apply(gated, scope, {"hello.yaml": TESTED.replace("title: Greeter", "title: G")}, force_tests=True)
    assert not change(passing, "hello").forced, "nothing failed, so nothing was passed over"


async def test_what_means_the_same_is_not_tested_again(gated: AgentService, scope: OrgScope) -> None:
    await apply(gated, scope, {"hello.yaml": HELLO})
    out = await apply(gated, scope, {"hello.yaml": SHOUTED})
    assert (change(out, "hello").action, change(out, "hello").report) == ("unchanged", None)


REACHING = """\
kind: graph/v1
name: reaching
inputs: { id: string }
use: { lookup: tool://crm.lookup, big: model://big, book: knowledge://book, small: model://small }
nodes:
  find: { call: lookup, with: { customer_id: "${ inputs.id }" }, next: look }
  look: { retrieve: book, query: "${ inputs.id }", next: think }
  think: { llm: big, prompt: "${ find.name }", next: say }
  say: { llm: small, prompt: "${ think.text }", next: keep }
  keep: { remember: "${ say.text }", scope: project, next: tell }
  tell: { emit: order.seen, with: { id: "${ inputs.id }" }, next: add }
  add: { code: '{ "n": 1 + 1 }', returns: { n: integer }, next: $end }
outputs: { text: "${ say.text }", n: "${ add.n }" }
tests:
"""
FOUND = "find: { name: Ada, tier: gold }"
AROUND = {
    "crm.yaml": LOOKUP,
    "big.yaml": "kind: model/v1\nname: big\nprovider: openai\nmodel: gpt-5\n",
    "book.yaml": BOOK,
    "small.yaml": SMALL,
}


def reaching(*mocks: str) -> dict[str, str]:
    tests = "".join(
        f"  - {{ name: t{n}, given: {{ id: A-1 }}, mock: {{ {mock} }}, expect: {{ outputs: {{ n: 2 }} }} }}\n"
        for n, mock in enumerate(mocks)
    )
    return {"reaching.yaml": REACHING + tests, **AROUND}


async def test_nothing_outside_is_asked_and_nothing_is_kept(
    uow: UnitOfWork,
    registry: RegistryService,
    knowledge: KnowledgeService,
    scope: OrgScope,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    async def request(self: object, method: str, url: str, **more: object) -> None:
        del self, method, more
        asked.append(url)

    monkeypatch.setattr(OutboundClient, "request", request)
    service = make(uow, registry, knowledge, OPENAI_API_KEY="sk-of-nobody")
    looked = "look: { hits: [] }"
    files = reaching("", FOUND, f"{FOUND}, {looked}", f"{FOUND}, {looked}, think: {{ text: Hi }}")
    fault = await refused(service, scope, files)
    told = [str(found["message"]) for found in fault.diagnostics]
    said = [one for one in told if "the run failed" in one]
    assert "calls no service when something is published, and this node calls 'crm.lookup'" in said[0]
    assert "a test reaches no documents" in said[1]
    assert "asks no provider when something is published, and this node asks the model 'big'" in said[2]
    assert len(said) == 3
    assert not any("test 't3'" in one for one in told), told
    out = await apply(service, scope, files, dry_run=True)
    report = change(out, "reaching").report
    assert report is not None
    assert report.counts == {"unavailable": 3, "passed": 1}
    assert asked == []


async def test_a_server_with_a_key_asks_its_default_model_nothing_either(
    uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService, scope: OrgScope
) -> None:
    text = (
        "kind: graph/v1\nname: talk\ninputs: { q: string }\nuse: { m: model://default }\nnodes:\n"
        '  a: { llm: m, prompt: "${ inputs.q }", next: $end }\noutputs: { text: "${ a.text }" }\n'
        "tests:\n  - { name: t, given: { q: hi }, expect: { path: [a] } }\n"
    )
    fault = await refused(make(uow, registry, knowledge, OPENAI_API_KEY="sk-x"), scope, {"talk.yaml": text})
    assert "asks the model 'default'" in str(fault.diagnostics[0]["message"])
    # Without a key the demo model is what the name means, here and in a run.
    out = await apply(make(uow, registry, knowledge), scope, {"talk.yaml": text})
    assert change(out, "talk").report is not None


async def test_the_tests_of_an_apply_have_an_end(
    uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService, scope: OrgScope
) -> None:
    slow = (
        "kind: graph/v1\nname: slow\nuse: { m: model://crawling }\nnodes:\n"
        '  a: { llm: m, prompt: "hi", next: $end }\n'
        "tests:\n  - { name: never, expect: { path: [a] } }\n  - { name: nor this, expect: { path: [a] } }\n"
    )
    model = "kind: model/v1\nname: crawling\nprovider: demo\nparams: { delay_ms: 5000, tokens: 1000 }\n"
    service = make(uow, registry, knowledge, gate_seconds=1)
    async with asyncio.timeout(20):
        fault = await refused(service, scope, {"slow.yaml": slow, "crawling.yaml": model, "hello.yaml": TESTED})
    assert [str(found["message"]).partition(":")[0] for found in fault.diagnostics] == [
        "test 'never' of 'slow'",
        "test 'nor this' of 'slow'",
    ]
    assert "may take 1 s in all" in str(fault.diagnostics[0]["message"])


CALLER = """\
kind: graph/v1
name: caller
use: { hello: "graph://hello" }
nodes:
  a: { graph: hello, with: { name: Ada }, next: $end }
outputs: { text: "${ a.text }" }
tests:
  - { name: t, expect: { outputs: { text: "Hello Ada" } } }
"""


async def test_a_graph_that_was_published_before_runs_in_a_test(gated: AgentService, scope: OrgScope) -> None:
    await apply(gated, scope, {"hello.yaml": HELLO})
    report = change(await apply(gated, scope, {"caller.yaml": CALLER}), "caller").report
    assert report is not None
    assert report.outcome == "passed"


class Interrupted(ServerTrials):
    """Somebody publishes while the tests run."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(Settings.model_validate({"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}))
        self._meanwhile = meanwhile

    @asynccontextmanager
    async def opened(
        self, models: Mapping[str, JsonObject], plans: Callable[[str], Awaitable[Plan]]
    ) -> AsyncIterator[ServerBench]:
        async with super().opened(models, plans) as bench:
            yield bench
        await self._meanwhile()


async def test_what_was_not_tested_is_not_published(
    uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService, agents: AgentService, scope: OrgScope
) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})

    async def meanwhile() -> None:
        await agents.apply(scope, {"hello.yaml": HELLO.replace("Hello", "Hullo")})

    late = AgentService(uow, registry, knowledge, trials=Interrupted(meanwhile))
    with pytest.raises(Conflict, match="somebody has published while the tests of `caller` ran; nothing was published"):
        await late.apply(scope, {"caller.yaml": CALLER})
    assert [agent.name for agent in await agents.agents(scope)] == ["hello"]


async def test_cases_fail_at_their_own_lines_and_tapes_answer(gated: AgentService, scope: OrgScope) -> None:
    cases = HELLO + (
        "tests:\n  - name: greetings\n    cases:\n"
        '      - { given: { name: Ada }, expect: { outputs: { text: "Hello Ada" } } }\n'
        '      - { given: { name: Bo }, expect: { outputs: { text: "Hallo Bo" } } }\n'
    )
    fault = await refused(gated, scope, {"hello.yaml": cases})
    assert "Hallo Bo" in cases.splitlines()[int(str(fault.diagnostics[0]["line"])) - 1]
    bad = {"hello.yaml": TESTED, "cassettes/hello/it-greets.json": "no tape"}
    assert "its cassette cannot be used" in str((await refused(gated, scope, bad)).diagnostics[0]["message"])
