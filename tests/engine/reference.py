"""A reference interpreter of plans: plain recursion, no LangGraph, no concurrency, no durability.

It knows `set`, `call`, `graph`, `parallel`, `each` and `end`, and the policies `when`, `on_error` and `write`. It says what
a plan means; the engine must come to the same. A branch that fails keeps nothing, and the order in which branches run
cannot matter to what they give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from girih.language.compiler.plan import Plan, PlanNode
from girih.language.expressions.cel import Condition, ExpressionError
from girih.language.expressions.values import evaluate

TAKES: dict[str, Callable[[Any, Any], Any]] = {
    "last": lambda old, new: new,
    "append": lambda old, new: (old or []) + new,
    "sum": lambda old, new: new if old is None else old + new,
    "max": lambda old, new: new if old is None else max(old, new),
}


class Failed(Exception):
    """A node failed for good."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass
class Env:
    """What is in sight in one region, and what the region itself has brought about."""

    names: dict[str, Any]
    state: dict[str, Any]
    errors: dict[str, Any]
    visits: Counter[str]
    routes: Counter[str]
    results: dict[str, Any] = field(default_factory=dict)
    writes: list[tuple[str, Any]] = field(default_factory=list)
    before: Counter[str] = field(default_factory=Counter)
    """The counts at its beginning."""

    def branch(self, binds: dict[str, Any]) -> Env:
        return Env(
            {**self.names, **binds},
            deepcopy(self.state),
            dict(self.errors),
            Counter(self.visits),
            Counter(self.routes),
            before=self.visits + self.routes,
        )

    def data(self) -> dict[str, Any]:
        errors = {node: failure for node, failure in self.errors.items() if failure is not None}
        return {**self.names, "state": self.state, "errors": errors, "visits": dict(self.visits)}


class Interpreter:
    """Runs one graph; `path` collects the nodes that finished, by their paths."""

    def __init__(self, plan: Plan, plans: dict[str, Plan], tool: Callable[[Any], Any], path: str = "") -> None:
        self.plan = plan
        self.plans = plans
        self.tool = tool
        self.prefix = path
        self.nodes = {node.name: node for node in plan.nodes}
        self.path: list[str] = []

    def run(self, inputs: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        state = {name: deepcopy(value.default) for name, value in self.plan.state.items()}
        env = Env({"inputs": inputs}, state, {}, Counter(), Counter())
        self.region(self.plan.start, env, self.prefix)
        return self.outputs(env), env.state

    def outputs(self, env: Env) -> dict[str, Any]:
        outputs = {}
        for name, output in self.plan.results.items():
            for value in output.values:
                try:
                    outputs[name] = evaluate(value, env.data())
                    break
                except ExpressionError:
                    continue
        return outputs

    def region(self, entry: str, env: Env, prefix: str) -> None:
        name: str | None = entry
        while name is not None:
            name = self.step(self.nodes[name], env, prefix)

    def step(self, node: PlanNode, env: Env, prefix: str) -> str | None:
        if node.when is not None and not Condition(node.when).holds(env.data()):
            return self.next(node, env)
        to, result = None, None
        try:
            result = self.work(node, env, prefix)
            if env.errors.get(node.name) is not None:
                env.errors[node.name] = None
        except Failed as failure:
            handling = node.on_error
            if handling is None or failure.kind not in handling.on:
                raise
            env.errors[node.name] = {"kind": failure.kind, "message": failure.message}
            if handling.to is not None:
                to = handling.to
            else:
                result = evaluate(handling.value, env.data())
        env.visits[node.name] += 1
        if result is not None:
            env.names[node.name] = env.results[node.name] = result
            self.path.append(f"{prefix}{node.name}")
            written = [(name, evaluate(value, env.data())) for name, value in node.writes.items()]
            self.write(env, written)
        return self.target(to) if to is not None else self.next(node, env)

    def write(self, env: Env, writes: list[tuple[str, Any]]) -> None:
        for name, value in writes:
            env.state[name] = TAKES[self.plan.state[name].merge](env.state[name], value)
            env.writes.append((name, value))

    def next(self, node: PlanNode, env: Env) -> str | None:
        if not node.routes:
            return None
        for index, route in enumerate(node.routes):
            key = f"{node.name}>{index}"
            if route.max_visits is not None and env.routes[key] >= route.max_visits:
                continue
            if route.condition is None or Condition(route.condition).holds(env.data()):
                env.routes[key] += route.max_visits is not None
                return self.target(route.to)
        raise Failed("invalid_output", "no route")

    def target(self, to: str) -> str | None:
        if to == "$fail":
            raise Failed("refused", "")
        return None if to == "$end" else to

    def work(self, node: PlanNode, env: Env, prefix: str) -> dict[str, Any]:
        values = {name: evaluate(value, env.data()) for name, value in node.values.items()}
        result: dict[str, Any] = getattr(self, f"do_{node.verb}")(node, values, env, prefix)
        return result

    def do_set(self, node: PlanNode, values: Any, env: Env, prefix: str) -> Any:
        return values["set"]

    def do_call(self, node: PlanNode, values: Any, env: Env, prefix: str) -> Any:
        return self.tool(values["with"])

    def do_graph(self, node: PlanNode, values: Any, env: Env, prefix: str) -> Any:
        inner = Interpreter(self.plans[node.settings["digest"]], self.plans, self.tool, f"{prefix}{node.name}/")
        outputs, _ = inner.run(values["with"])
        self.path += inner.path
        return outputs

    def do_parallel(self, node: PlanNode, values: Any, env: Env, prefix: str) -> Any:
        ended: dict[str, Env | Failed] = {}
        for branch in node.branches:
            inner, mark = env.branch({}), len(self.path)
            try:
                self.region(branch.entry, inner, prefix)
                ended[branch.entry] = inner
            except Failed as failure:
                ended[branch.entry] = failure
                if node.settings["join"] == "any":
                    del self.path[mark:]
        good = {entry: end for entry, end in ended.items() if isinstance(end, Env)}
        bad = {entry: end for entry, end in ended.items() if isinstance(end, Failed)}
        if node.settings["join"] == "all" and bad:
            raise next(iter(bad.values()))
        for end in good.values():
            self.keep(env, end)
        if node.settings["join"] == "any":
            (winner,) = good
            return {"winner": winner}
        if node.settings["join"] == "all":
            return {}
        told = {entry: {"ok": False, "error": {"kind": f.kind, "message": f.message}} for entry, f in bad.items()}
        return {branch.entry: told.get(branch.entry, {"ok": True}) for branch in node.branches}

    def keep(self, env: Env, end: Env) -> None:
        env.names.update(end.results)
        env.results.update(end.results)
        # Each branch began with the counts of before: only what it added itself may be added.
        env.visits.update({name: count - end.before[name] for name, count in end.visits.items()})
        env.routes.update({key: count - end.before[key] for key, count in end.routes.items()})
        env.errors.update(end.errors)
        self.write(env, end.writes)

    def do_each(self, node: PlanNode, values: Any, env: Env, prefix: str) -> Any:
        (branch,) = node.branches
        items, failed, written = [], 0, list[Any]()
        for index, item in enumerate(values["over"]):
            inner = env.branch({node.settings["as"]: item, "index": index})
            try:
                self.region(branch.entry, inner, f"{prefix}{node.name}[{index}]/")
            except Failed:
                if node.settings["on_item_error"] == "fail":
                    raise
                failed += 1
                items += [None] if node.settings["on_item_error"] == "null" else []
                continue
            items.append(evaluate(branch.gives[0], inner.data()) if branch.gives else None)
            written += inner.writes
        self.write(env, written)
        return {"items": items, "failed": failed}
