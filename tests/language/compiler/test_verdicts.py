"""What may be relied on over several versions: verdicts add up, and numbers never promise more than is so."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from girih.language.compiler.diff import breaks, gains, verdict
from girih.language.compiler.plan import Plan
from girih.language.spec.semantic import Weight, next_version, numbers_of, parse_range
from girih.language.spec.types import object_schema

ORDER: list[Weight] = ["patch", "minor", "major"]
TYPES = st.sampled_from(
    [
        "string",
        "string?",
        "integer",
        "integer?",
        {"enum": ["a"]},
        {"enum": ["a", "b"]},
        {"type": "string", "maxLength": 5},
    ]
)
FIELDS = st.dictionaries(st.sampled_from(["one", "two", "three"]), TYPES, max_size=3)


def plan(inputs: dict[str, object], outputs: dict[str, object]) -> Plan:
    return Plan(
        name="some", inputs=object_schema(inputs), outputs=object_schema(outputs), start="a", nodes=(), results={}
    )


PLANS = st.builds(plan, FIELDS, FIELDS)


@given(PLANS)
def test_what_is_the_same_breaks_nothing_and_adds_nothing(one: Plan) -> None:
    assert verdict(one, one) == "patch"
    assert not list(breaks(one, one))
    assert not list(gains(one, one))


@given(PLANS, PLANS)
def test_a_verdict_says_what_was_found(old: Plan, new: Plan) -> None:
    found = verdict(old, new)
    assert (found == "major") is bool(list(breaks(old, new)))
    if found == "patch":
        assert (old.inputs, old.outputs) == (new.inputs, new.outputs)
    else:
        assert list(breaks(old, new)) or list(gains(old, new))


@given(PLANS, PLANS, PLANS)
def test_what_breaks_nothing_twice_breaks_nothing_at_all(first: Plan, second: Plan, third: Plan) -> None:
    if "major" not in (verdict(first, second), verdict(second, third)):
        assert verdict(first, third) != "major"


@given(PLANS, st.sampled_from(["one", "two", "three", "four"]))
def test_more_outputs_never_break_and_more_demands_always_do(old: Plan, name: str) -> None:
    added = {**old.outputs["properties"], name: old.outputs["properties"].get(name, {"type": "string"})}
    more = old.model_copy(update={"outputs": {**old.outputs, "properties": added}})
    assert verdict(old, more) == ("patch" if name in old.outputs["properties"] else "minor")
    demanded = {**old.inputs, "properties": {**old.inputs["properties"], "new": {"type": "string"}}}
    demanded["required"] = [*old.inputs.get("required", []), "new"]
    assert verdict(old, old.model_copy(update={"inputs": demanded})) == "major"


@given(st.lists(PLANS, min_size=2, max_size=5))
def test_whoever_asks_for_what_is_compatible_never_gets_a_break(plans: list[Plan]) -> None:
    """Versions are counted along a history; of any two within one caret's range the later one breaks nothing."""
    versions = ["1.0.0"]
    for before, after in pairwise(plans):
        versions.append(next_version(versions[-1], verdict(before, after)))
    assert [numbers_of(one) for one in versions] == sorted({numbers_of(one) for one in versions})
    for i, version in enumerate(versions):
        asked = parse_range(f"^{version}")
        assert asked is not None
        for j in range(i, len(versions)):
            if asked.takes(versions[j]):
                assert ORDER.index(verdict(plans[i], plans[j])) < ORDER.index("major")
