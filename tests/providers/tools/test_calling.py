"""What a tool's own policies do: its time, its rate, its retry, alone and beside those of a node."""

from __future__ import annotations

from typing import Any

import pytest

from girih.errors import NodeError
from girih.providers.tools.calling import ProcessRates, ProjectTools

TOOL: dict[str, Any] = {"name": "t", "http": {}, "idempotent": True}


class Way:
    """Fails as often as it is told to, then succeeds."""

    def __init__(self, *failures: NodeError) -> None:
        self.failures = list(failures)
        self.timeouts: list[float] = []

    async def call(self, *_: Any, timeout: float, **__: Any) -> Any:
        self.timeouts.append(timeout)
        if self.failures:
            raise self.failures.pop(0)
        return {"done": True}


async def call(way: Way, tool: dict[str, Any], rates: ProcessRates | None = None, timeout: float = 30) -> Any:
    tools = ProjectTools({"http": way}, rates or ProcessRates())
    return await tools.call(tool, {}, timeout=timeout, idempotency_key="k")


async def test_the_shorter_time_counts() -> None:
    way = Way()
    await call(way, TOOL)
    await call(way, {**TOOL, "timeout": 5.0})
    await call(way, {**TOOL, "timeout": 5.0}, timeout=2)
    assert way.timeouts == [30, 5, 2]


QUICK = {"max": 2, "wait": 0.001, "longest": 0.01}


async def test_a_retry_repeats_what_may_pass_and_keeps_to_its_bound() -> None:
    def failures(*kinds: Any, can_pass: bool = True) -> list[NodeError]:
        return [NodeError(kind, "x", can_pass=can_pass) for kind in kinds]

    assert await call(Way(*failures("timeout", "unavailable")), {**TOOL, "retry": QUICK}) == {"done": True}
    for way, calls in (
        (Way(*failures("timeout", "timeout", "timeout")), 3),
        (Way(*failures("tool_error")), 1),
        (Way(*failures("unavailable", can_pass=False)), 1),
    ):
        with pytest.raises(NodeError):
            await call(way, {**TOOL, "retry": QUICK})
        assert len(way.timeouts) == calls
    alone = Way(*failures("timeout"))
    with pytest.raises(NodeError):
        await call(alone, TOOL)


async def test_a_rate_refuses_and_refills() -> None:
    time = [0.0]
    rates = ProcessRates(now=lambda: time[0])
    tool = {**TOOL, "rate": 2}
    way = Way()
    for _ in range(2):
        await call(way, tool, rates)
    with pytest.raises(NodeError, match="may be called 2 times a minute") as caught:
        await call(way, tool, rates)
    assert (caught.value.kind, caught.value.details) == ("rate_limit", {"retry_after": 30.0})
    time[0] += 30
    await call(way, tool, rates)
    await call(way, {**tool, "name": "other"}, rates)
    assert len(way.timeouts) == 4


async def test_a_way_that_is_not_here_is_said() -> None:
    with pytest.raises(NodeError, match="in a way that this process does not have") as caught:
        await call(Way(), {"name": "t", "smoke": {}})
    assert caught.value.kind == "unavailable"
