"""What checkpoints of long runs say: no more in the last one than in the first, and all of it is found again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.plans import World, node, plan

from girih.engine.checkpoints import RunSaver
from girih.engine.memory_store import MemoryCheckpointStore
from girih.engine.parts import EMPTY
from girih.engine.serializer import unpack
from girih.engine.stored_state import read_stored
from girih.engine.versions import GOES_TO, Kept, versions_of
from girih.errors import LeaseLost

CHAIN = plan(*(node(f"n{i}", f"n{i + 1}" if i < 39 else "$end") for i in range(40)))


@dataclass
class Forgetful(MemoryCheckpointStore):
    """Loses its run with a certain checkpoint."""

    left: int = 1_000
    said: list[dict[str, Any]] = field(default_factory=list)
    blobs: int = 0

    async def put(self, *arguments: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise LeaseLost("gone")
        self.said.append(unpack(arguments[3]))
        self.blobs += len(arguments[5])
        await super().put(*arguments)


async def test_a_checkpoint_does_not_name_the_nodes_that_are_done() -> None:
    world = World(store=Forgetful())
    assert (await world.run(CHAIN)).status == "succeeded"
    said = world.store.said
    assert len(said) == 40
    assert {len(one["channel_versions"]) for one in said[1:-1]} == {len(said[1]["channel_versions"])}
    assert max(len(one["versions_seen"]) for one in said) <= len(said[1]["versions_seen"])
    assert world.store.blobs <= 3 * 40 + 2, "a node's result, the tally and the way on"


@pytest.mark.parametrize("kept", [1, 2, 20, 39])
async def test_every_result_is_found_again(kept: int) -> None:
    world = World(store=Forgetful(left=kept))
    with pytest.raises(LeaseLost):
        await world.run(CHAIN)
    world.store.left = 1_000
    done = [f"n{i}" for i in range(kept)]
    for stored in await world.store.list("", None, None):
        state = read_stored(stored)
        assert set(state.results) == set(done[: len(state.results)])
        assert state.next == (f"n{len(state.results)}",)
    found = await RunSaver(world.store).aget_tuple({"configurable": {"thread_id": "run-1"}})
    assert found is not None
    assert {name for name in found.checkpoint["channel_values"] if name.startswith("out.")} == {
        f"out.{name}" for name in done
    }
    assert (await world.run(CHAIN, resume=True)).status == "succeeded"
    assert world.probe.ran.count(f"n{kept - 1}") == 1
    assert world.probe.ran.count(f"n{kept}") == 2, "its checkpoint was lost"
    assert world.probe.ran[-1] == "n39"


CHANNELS = st.sampled_from(["out.a", "out.b", "$tally", "state.x", f"{GOES_TO}a", f"{GOES_TO}b"])


@given(st.lists(st.dictionaries(CHANNELS, st.booleans(), min_size=1), min_size=1, max_size=12))
def test_what_is_left_out_is_what_is_found_again(steps: list[dict[str, bool]]) -> None:
    kept, versions, values = Kept(), dict[str, str](), dict[str, int]()
    blobs: list[tuple[str, str, str, bytes]] = []
    stored = []
    for number, step in enumerate(steps):
        version = f"{number:010d}"
        new = []
        for channel, holds in step.items():
            versions[channel] = version
            if holds or channel.startswith("out."):
                values[channel] = number
                new.append((channel, version, "m1", b""))
            else:
                values.pop(channel, None)
                new += [] if channel.startswith(GOES_TO) else [(channel, version, EMPTY, b"")]
        kept.note(new)
        blobs += new
        checkpoint = {"id": version, "channel_versions": dict(versions), "versions_seen": {}}
        kept.slim(checkpoint, values, f"{number - 1:010d}", list(step))
        stored.append((checkpoint, {name: v for name, v in versions.items() if name in values or name[0] != "b"}))
    for checkpoint, expected in stored:
        assert versions_of(checkpoint, blobs) == expected


@given(
    st.lists(st.tuples(st.booleans(), st.dictionaries(CHANNELS, st.booleans(), min_size=1)), min_size=1, max_size=12)
)
def test_what_is_known_from_the_step_before_changes_nothing(steps: list[tuple[bool, dict[str, bool]]]) -> None:
    kept, versions, values = Kept(), dict[str, str](), dict[str, int]()
    seen: dict[str, dict[str, str]] = {}
    blobs: list[tuple[str, str, str, bytes]] = []
    for number, (is_stored, step) in enumerate(steps):
        version = f"{number:010d}"
        for channel, holds in step.items():
            if channel.startswith(GOES_TO) and channel in values and not holds:
                seen[channel.removeprefix(GOES_TO)] = {channel: versions[channel]}
            versions[channel] = version
            if holds:
                values[channel] = number
            else:
                values.pop(channel, None)
        if is_stored:
            new = [(channel, version, "m1", b"") for channel in step]
            kept.note(new)
            blobs += new
        if number == 5:
            seen["__interrupt__"] = dict(versions)
        once, again = (
            {"id": version, "channel_versions": dict(versions), "versions_seen": dict(seen)} for _ in range(2)
        )
        kept.slim(once, values, f"{number - 1:010d}", list(step))
        forgetful = Kept()
        forgetful.note(blobs)
        forgetful.slim(again, values, None, ())
        assert once["versions_seen"] == again["versions_seen"]
        assert once["channel_versions"].items() >= again["channel_versions"].items()
