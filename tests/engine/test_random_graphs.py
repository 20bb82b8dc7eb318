"""Random structured graphs: every node runs as often as its place says, whatever the shapes and speeds of branches."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.plans import World, fork, node, plan

from girih.language.compiler.plan import PlanNode

Block = Any
"""`"step"`, `("if", left, right)`, or `("fork", branches, loops)`; a sequence of blocks is a list."""

BLOCKS = st.recursive(
    st.just("step"),
    lambda inner: (
        st.tuples(st.just("if"), st.lists(inner, min_size=1, max_size=2), st.lists(inner, min_size=1, max_size=2))
        | st.tuples(
            st.just("fork"),
            st.lists(st.lists(inner, min_size=1, max_size=3), min_size=2, max_size=3),
            st.integers(0, 2),
        )
    ),
    max_leaves=12,
)


@dataclass
class Builder:
    """Lays blocks into plan nodes, back to front, and counts how often each has to run."""

    choices: list[bool]
    nodes: list[PlanNode] = field(default_factory=list)
    expected: Counter[str] = field(default_factory=Counter)

    def name(self) -> str:
        return f"n{len(self.nodes) + 1}_{sum(self.expected.values())}"

    def lay(self, blocks: list[Block], then: str | None, region: str | None, times: int) -> str:
        """The first node of the sequence; its last goes to `then` (`None`: it ends its branch)."""
        first = then
        for block in reversed(blocks):
            first = self.lay_one(block, first, region, times)
        assert first is not None
        return first

    def lay_one(self, block: Block, then: str | None, region: str | None, times: int) -> str:
        routes = [then] if then else []
        if block == "step":
            return self.add(node(self.name(), *routes, region=region), times)
        if block[0] == "if":
            left = self.choices[len(self.nodes) % len(self.choices)]
            first = self.lay(block[1], then, region, times if left else 0)
            second = self.lay(block[2], then, region, 0 if left else times)
            return self.add(node(self.name(), (first, str(left).lower()), second, region=region), times)
        _, branches, loops = block
        runs = times + loops if times else 0  # max_visits counts over the whole run
        if loops and then is None:
            routes = [self.add(node(self.name(), region=region), times)]
        after = node(self.name(), region=region)
        self.add(after, runs)
        heads = [self.branch(branch, runs) for branch in branches]
        forked = self.add(fork(self.name(), heads, after.name, region=region), runs)
        looped = node(after.name, *([(forked, None, loops)] if loops else []), *routes, region=region)
        self.nodes[self.nodes.index(after)] = looped
        return forked

    def branch(self, blocks: list[Block], times: int) -> str:
        mark = len(self.nodes)
        head = self.lay(blocks, None, "?", times)
        for index in range(mark, len(self.nodes)):
            if self.nodes[index].region == "?":
                self.nodes[index] = self.nodes[index].model_copy(update={"region": head})
        return head

    def add(self, made: PlanNode, times: int) -> str:
        self.nodes.append(made)
        self.expected[made.name] = times
        return made.name


@settings(max_examples=25, deadline=None)
@given(st.lists(BLOCKS, min_size=1, max_size=3), st.lists(st.booleans(), min_size=1, max_size=8), st.data())
def test_each_node_runs_as_often_as_it_should(blocks: list[Block], choices: list[bool], data: st.DataObject) -> None:
    builder = Builder(choices)
    start = builder.lay(blocks, "$end", None, 1)
    nodes = sorted(builder.nodes, key=lambda n: n.name != start)
    delays = data.draw(st.lists(st.sampled_from([0, 0, 0.001]), min_size=1, max_size=4))
    world = World()

    async def pause(ctx: Any, values: Any) -> None:
        await asyncio.sleep(delays[len(world.probe.ran) % len(delays)])

    world.probe.acts = {n.name: pause for n in nodes}
    total = sum(builder.expected.values())
    with asyncio.Runner() as runner:
        outcome = runner.run(world.run(plan(*nodes, steps=max(1, total))))
    assert outcome.status == "succeeded", outcome.error
    ran = Counter(event.node for event in world.events if event.type == "node.finished")
    assert ran == +builder.expected
