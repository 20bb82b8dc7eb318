"""What model calls cost is counted once, shown by what it was for, and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, ended

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.errors import BadCursor, BudgetExceeded, InvalidInput, NodeError, NotFound
from girih.language.nodes.ports import ModelDone, ModelEvent, ModelRequest, TextDelta, Usage
from girih.services.events.service import EventService
from girih.services.runs.schemas import RunOut
from girih.services.runs.watch import Watch
from girih.services.usage.allowances import Allowances
from girih.services.usage.run_allowance import RunAllowance
from girih.services.usage.schemas import BudgetIn
from girih.services.usage.service import UsageService


@dataclass
class Priced:
    """Models that cost something; a text answers, an error fails after its tokens were used."""

    answers: list[Any] = field(default_factory=lambda: ["yes"])
    calls: int = 0
    gate: asyncio.Event | None = None

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if not isinstance(answer, NodeError):
            yield TextDelta(answer)
        yield ModelDone(Usage(30, 20, 0.5), "gpt-x", "test")
        if isinstance(answer, NodeError):
            raise answer


async def call(ctx: Any, values: Any) -> dict[str, Any]:
    async for _ in ctx.ports.models.stream(ModelRequest(("small",), ())):
        pass
    return {"value": "called"}


TWO = plan(node("a", "b"), node("b", "$end"))


@dataclass
class Desk:
    """An office whose runs are watched by budgets, as one key sees it."""

    office: Office
    scope: OrgScope
    usage: UsageService
    models: Priced

    def another(self) -> UsageService:
        """Budgets as another process sees them."""
        return UsageService(self.office.uow, Allowances(self.office.uow, fresh=0.0))

    async def run(self) -> RunOut:
        service = self.office.opened[0]
        made = await service.create(self.scope, ask())
        return await ended(service, self.scope, made.id)


@pytest.fixture
async def desk(office: Office) -> Desk:
    key = new_id()
    await office.sql(
        "INSERT INTO api_keys (id, org_id, project_id, name, hash, permissions, created_by)"
        " VALUES (:id, :org, :project, 'k', :hash, '{}', 'test')",
        id=key, org=office.scope.org_id, project=office.scope.project_id, hash=key.bytes,
    )  # fmt: skip
    scope = replace(office.scope, actor=f"key:{key}")
    events = EventService(office.uow)

    async def tell(scope: OrgScope, type: str, data: Any, key: str) -> None:
        await events.publish(scope, type, data, key=key, source="budget")

    models = office.models = Priced()  # type: ignore[assignment]
    usage = UsageService(office.uow, Allowances(office.uow, tell))
    office.probe.acts |= {"a": call, "b": call}
    await office.publish(TWO)
    office.service(watch=Watch(usage.allowances))
    return Desk(office, scope, usage, models)


async def test_usage_is_counted_by_whatever_it_is_asked_for(desk: Desk) -> None:
    desk.models.answers = ["yes", "yes", NodeError("unavailable", "it broke off")]
    assert (await desk.run()).status == "succeeded"
    failed = await desk.run()
    assert failed.status == "failed"
    counts = {"calls": 1, "errors": 1, "input_tokens": 30, "output_tokens": 20, "cost_usd": 0.5}
    assert failed.usage.model_dump()["models"] == {"gpt-x": counts}
    whole = await desk.usage.usage(desk.scope)
    (row,) = whole.items
    assert (row.calls, row.errors, row.input_tokens, row.output_tokens, row.cost_usd) == (3, 1, 90, 60, 1.5)
    assert whole.to == datetime.now(UTC).date()
    by_node = await desk.usage.usage(desk.scope, group_by=["agent", "node"])
    assert [(r.agent, r.node, r.calls) for r in by_node.items] == [("test", "a", 2), ("test", "b", 1)]
    by_rest = await desk.usage.usage(desk.scope, group_by=["key", "model", "day"])
    assert [(r.key, r.model, r.day) for r in by_rest.items] == [(desk.scope.actor[4:], "gpt-x", whole.to)]
    yesterday = whole.to - timedelta(days=1)
    none = await desk.usage.usage(desk.scope, first=yesterday, last=yesterday, group_by=["agent"])
    assert none.items == []


async def test_pages_of_usage_are_read_one_after_the_other(desk: Desk) -> None:
    await desk.run()
    first = await desk.usage.usage(desk.scope, group_by=["node"], limit=1)
    second = await desk.usage.usage(desk.scope, group_by=["node"], limit=1, cursor=first.next)
    assert [r.node for r in [*first.items, *second.items]] == ["a", "b"]
    assert second.next is None
    for cursor in ("x", "é", first.next):
        with pytest.raises(BadCursor):
            await desk.usage.usage(desk.scope, group_by=["node", "day"], cursor=cursor)
    with pytest.raises(InvalidInput):
        await desk.usage.usage(desk.scope, group_by=["colour"])


async def test_a_repeated_write_counts_nothing_twice(desk: Desk) -> None:
    made = await desk.run()
    before = (await desk.usage.usage(desk.scope)).items[0]
    now = datetime.now(UTC)
    for _ in range(2):
        async with desk.office.uow(desk.scope) as work:
            connection = await work.session.connection()
            await connection.exec_driver_sql(
                "SELECT add_run_events($1, $2, 1, 900, ARRAY[$3::timestamptz], ARRAY['model.finished'],"
                " ARRAY['fork[3]/n'], ARRAY[$4])",
                (desk.scope.org_id, made.id, now, '{"model": "m", "provider": "p", "usage": {"input_tokens": 1}}'),
            )
    after = (await desk.usage.usage(desk.scope)).items[0]
    assert (after.calls - before.calls, after.input_tokens - before.input_tokens) == (1, 1)
    items = await desk.usage.usage(desk.scope, group_by=["node"])
    assert "fork/n" in [row.node for row in items.items]


@pytest.mark.parametrize("target", ["organization", "project", "key"])
async def test_a_budget_that_is_used_up_refuses_runs_and_says_when_it_frees(desk: Desk, target: Any) -> None:
    key = desk.scope.actor[4:] if target == "key" else None
    body = BudgetIn.model_validate({"target": target, "key_id": key, "period": "day", "cost_usd": 1.0})
    made = await desk.usage.set_budget(desk.scope, body)
    assert (made.spent_usd, made.spent_tokens) == (0, 0)
    assert (await desk.run()).status == "succeeded"
    with pytest.raises(BudgetExceeded) as caught:
        await desk.run()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert str(caught.value.details["frees_at"]).startswith(tomorrow.isoformat())
    assert 1 <= int(str(caught.value.details["retry_after"])) <= 86_400
    with pytest.raises(BudgetExceeded):
        await desk.another().allowances.require(desk.scope)
    (state,) = await desk.usage.budgets(desk.scope)
    assert (state.spent_usd, state.spent_tokens) == (1.0, 100)
    raised = await desk.usage.set_budget(desk.scope, body.model_copy(update={"cost_usd": 9.0}))
    assert raised.id == made.id
    assert (await desk.run()).status == "succeeded"
    await desk.usage.delete_budget(desk.scope, made.id)
    with pytest.raises(NotFound):
        await desk.usage.delete_budget(desk.scope, made.id)


async def test_a_run_stops_at_the_call_that_nothing_is_left_for(desk: Desk) -> None:
    await desk.usage.set_budget(desk.scope, BudgetIn(target="project", period="month", tokens=50))
    run = await desk.run()
    assert run.status == "failed"
    assert run.error is not None
    assert (run.error["kind"], run.error["node"]) == ("budget", "b")
    assert desk.models.calls == 1


@pytest.mark.parametrize("limit", [{"cost_usd": 1.0}, {"tokens": 100}], ids=["usd", "tokens"])
@pytest.mark.parametrize("target", ["organization", "project", "key"])
async def test_runs_at_once_in_several_processes_do_not_overspend_together(
    desk: Desk, target: Any, limit: dict[str, Any]
) -> None:
    """Two calls use the budget up: no third one begins, however many runs there are and wherever they run."""
    key = desk.scope.actor.removeprefix("key:")
    await desk.usage.set_budget(
        desk.scope, BudgetIn(target=target, period="day", **limit, **({"key_id": key} if target == "key" else {}))
    )
    others = [desk.another() for _ in range(2)]
    services = [desk.office.opened[0], *(desk.office.service(watch=Watch(one.allowances)) for one in others)]
    desk.models.gate = asyncio.Event()
    made = [(service, await service.create(desk.scope, ask())) for service in services for _ in range(4)]
    desk.models.gate.set()
    runs = [await ended(service, desk.scope, one.id) for service, one in made]
    assert desk.models.calls == 2
    assert {run.error["kind"] for run in runs if run.error} == {"budget"}
    assert await held(desk, *others) == []


async def test_calls_that_fit_together_are_under_way_together(desk: Desk) -> None:
    await desk.usage.set_budget(desk.scope, BudgetIn(target="project", period="day", tokens=1_000_000))
    desk.models.gate = asyncio.Event()
    service = desk.office.opened[0]
    made = [await service.create(desk.scope, ask()) for _ in range(6)]
    while desk.models.calls < 6:
        await asyncio.sleep(0)
    assert len(await held(desk)) == 6
    desk.models.gate.set()
    runs = [await ended(service, desk.scope, one.id) for one in made]
    assert {run.status for run in runs} == {"succeeded"}
    assert await held(desk) == []


async def test_what_a_lost_process_held_is_free_after_a_while(desk: Desk) -> None:
    await desk.usage.set_budget(desk.scope, BudgetIn(target="project", period="day", tokens=100))
    assert await desk.usage.allowances.hold(desk.scope, 80, 0.0) is not None
    waiting = asyncio.create_task(desk.another().allowances.hold(desk.scope, 80, 0.0))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    await desk.office.sql("UPDATE spending_holds SET until = now() - interval '1 second'")
    assert await waiting is not None


async def held(desk: Desk, *others: UsageService) -> list[Any]:
    for usage in (desk.usage, *others):
        await usage.allowances.close()
    return await desk.office.sql("SELECT * FROM spending_holds")


async def test_alerts_are_published_once(desk: Desk) -> None:
    budget = await desk.usage.set_budget(desk.scope, BudgetIn(target="project", period="day", tokens=125))
    await desk.run()
    await desk.usage.allowances.close()
    published = await desk.office.sql("SELECT type, data FROM domain_events ORDER BY at")
    assert [row.type for row in published] == ["budget.warning", "budget.warning"]
    assert [(row.data["budget_id"], row.data["percent"]) for row in published] == [
        (str(budget.id), 50),
        (str(budget.id), 80),
    ]
    await desk.run()
    with pytest.raises(BudgetExceeded):
        await desk.run()
    await desk.usage.allowances.close()
    published = await desk.office.sql("SELECT type FROM domain_events ORDER BY at")
    assert [row.type for row in published] == ["budget.warning", "budget.warning", "budget.exceeded"]


async def test_a_budget_says_when_it_wants_to_be_heard_of(desk: Desk) -> None:
    asked = BudgetIn(target="project", period="day", tokens=125, alerts=[70, 100, 70])
    assert (await desk.usage.set_budget(desk.scope, asked)).alerts == [70, 100]
    await desk.run()
    await desk.usage.allowances.close()
    published = await desk.office.sql("SELECT data FROM domain_events ORDER BY at")
    assert [row.data["percent"] for row in published] == [70]
    quiet = await desk.usage.set_budget(desk.scope, BudgetIn(target="project", period="day", tokens=210, alerts=[]))
    assert quiet.alerts == []
    await desk.run()
    await desk.usage.allowances.close()
    assert len(await desk.office.sql("SELECT data FROM domain_events")) == 1


async def test_what_is_never_recorded_is_not_held_against_a_budget(desk: Desk) -> None:
    await desk.usage.set_budget(desk.scope, BudgetIn(target="project", period="day", tokens=100))
    allowance = RunAllowance(desk.usage.allowances, desk.scope)
    async with allowance.call(10, None) as call:
        call.used(Usage(90, 20))
    with pytest.raises(NodeError):
        async with allowance.call(10, None):
            raise AssertionError("it began")
    allowance.close()
    await desk.usage.allowances.close()
    desk.usage.allowances.forget(desk.scope)
    async with allowance.call(10, None):
        pass


async def test_another_projects_budgets_and_keys_are_not_there(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.usage.set_budget(desk.scope, BudgetIn(target="key", key_id=new_id(), period="day", tokens=1))
    made = await desk.usage.set_budget(desk.scope, BudgetIn(target="project", period="day", tokens=1))
    elsewhere = replace(desk.scope, project_id=new_id())
    assert await desk.usage.budgets(elsewhere) == []
    with pytest.raises(NotFound):
        await desk.usage.delete_budget(elsewhere, made.id)
    await desk.usage.delete_budget(desk.scope, made.id)
