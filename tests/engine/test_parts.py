"""Values that grow step by step: what is stored stays small, and every version of them is found again."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.plans import World, node, plan
from tests.engine.test_versions import Forgetful

from girih.engine.channels import TALLY, shared
from girih.engine.parts import PART, Blob, Growing, beneath, by_version, values_of
from girih.engine.stored_state import read_stored
from girih.errors import LeaseLost
from girih.language.compiler.plan import Plan, PlanState

ITEMS = st.one_of(st.integers(0, 3), st.text(max_size=2), st.just({"a": [1]}), st.none())
CHANGES = st.one_of(
    st.tuples(st.just("append"), st.lists(ITEMS, max_size=6)),
    st.tuples(st.just("replace"), st.one_of(st.lists(ITEMS, max_size=12), ITEMS)),
    st.tuples(st.just("change"), st.dictionaries(st.sampled_from("abcdefghijklmnop"), ITEMS, max_size=9)),
    st.tuples(st.just("remove"), st.integers(0, 20)),
)


def after(value: Any, how: str, by: Any) -> Any:
    if how == "append":
        return [*value, *by] if isinstance(value, list) else list(by)
    if how == "change":
        return {**value, **by} if isinstance(value, dict) else dict(by)
    if how == "remove" and isinstance(value, dict | list):
        left = list(value)[:by] + list(value)[by + 1 :]
        return {key: value[key] for key in left} if isinstance(value, dict) else left
    return deepcopy(by)


@given(st.lists(st.tuples(CHANGES, st.booleans()), min_size=1, max_size=40))
def test_every_version_is_found_again_whoever_goes_on_from_it(steps: list[tuple[Any, bool]]) -> None:
    growing, value, channel = Growing(), list[Any](), shared("x")
    blobs: list[Blob] = []
    wanted: dict[str, Any] = {}
    for number, ((how, by), elsewhere) in enumerate(steps, start=1):
        version = f"{number:010d}"
        if elsewhere and blobs:
            growing = Growing()
            value = growing.read(by_version(blobs), {channel: blobs[-1][1]})[channel]
        value = after(value, how, by)
        blobs.append(growing.blob(channel, version, value))
        wanted[version] = deepcopy(value)
    for version, expected in wanted.items():
        assert values_of(by_version(blobs), {channel: version}) == {channel: expected}
        (own,) = (blob for blob in blobs if blob[1] == version)
        alone = by_version(blob for blob in blobs if blob is own or blob[:2] in beneath([own]))
        assert values_of(alone, {channel: version}) == {channel: expected}, "it rests on more than it says"


def test_what_is_stored_of_a_long_list_grows_with_its_logarithm() -> None:
    growing, value, blobs = Growing(), list[Any](), list[Blob]()
    for number in range(1, 2049):
        value = [*value, f"item {number:06d}"]
        blobs.append(growing.blob(shared("x"), f"{number:010d}", value))
    assert max(len(beneath([blob])) for blob in blobs) <= 12
    whole = sum(13 * number for number in range(1, 2049))
    assert sum(len(blob[3]) for blob in blobs) < whole / 50


def test_what_does_not_grow_is_stored_whole() -> None:
    growing = Growing()
    for channel in ("out.a", "$inputs"):
        growing.blob(channel, f"{1:010d}", list(range(20)))
        assert growing.blob(channel, f"{2:010d}", list(range(21)))[2] != PART


def collecting(length: int) -> Plan:
    """A node that comes round so often and adds to a list and a mapping each time."""
    made = plan(
        node("a", ("a", f"visits('a') < {length}"), "$end").model_copy(
            update={"writes": {"all": ["${ visits('a') }"]}, "reads": ("state", "visits")}
        ),
        outputs={"all": "${ state.all }"},
        steps=10 * length,
    )
    return made.model_copy(update={"state": {"all": PlanState(type={"type": "array"}, merge="append", default=[])}})


@pytest.mark.parametrize("kept", [1, 9, 20, 39])
async def test_a_run_goes_on_from_parts(kept: int) -> None:
    whole = World(store=Forgetful())
    expected = await whole.run(collecting(40))
    assert expected.outputs is not None
    assert len(expected.outputs["all"]) == 40
    world = World(store=Forgetful(left=kept))
    with pytest.raises(LeaseLost):
        await world.run(collecting(40))
    world.store.left = 1_000
    for number, stored in enumerate(reversed(await world.store.list("", None, None)), start=1):
        assert read_stored(stored).state["all"] == expected.outputs["all"][:number]
    assert (await world.run(collecting(40), resume=True)).outputs == expected.outputs
    parts = [name for (_, name, _), (form, _) in world.store._blobs.items() if form == PART]
    assert {*parts} == {shared("all")} and TALLY not in parts
