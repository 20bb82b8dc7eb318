"""Texts that name what another organization or project has: checked, planned, published and run as if it were not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.security.fields import REFERS
from tests.security.places import NOTHING, Place, World
from tests.security.test_foreign import _OWN

from girih.language.spec.uris import PIPELINE, SCHEMES

GRAPH = "kind: graph/v1\nname: taker\n"
TEXTS: dict[str, str] = {
    "graph": GRAPH
    + """\
use: { other: "graph://NAMED" }
nodes: { go: { graph: other, next: $end } }
outputs: {}
""",
    "tool": GRAPH
    + """\
use: { other: "tool://NAMED" }
nodes: { go: { call: other, next: $end } }
outputs: {}
""",
    "model": GRAPH
    + """\
use: { other: "model://NAMED" }
nodes: { go: { llm: other, prompt: Say., next: $end } }
outputs: { text: "${ go.text }" }
""",
    "knowledge": GRAPH
    + """\
use: { other: "knowledge://NAMED" }
nodes: { go: { retrieve: other, query: lamps, next: $end } }
outputs: {}
""",
    "pipeline": "kind: collection/v1\nname: taker\ndescription: Takes.\npipeline: pipeline://NAMED\n",
    "secret": """\
kind: tool/v1
name: taker
description: Takes.
http: { url: "https://taker.example", auth: { bearer: "secret://NAMED" } }
""",
    "fallback": "kind: model/v1\nname: taker\ndescription: Takes.\nprovider: demo\nfallbacks: [NAMED]\n",
}
"""Texts that name one thing, by what that is."""

NAMES = {
    "graph": "hello",
    "tool": "lookup",
    "model": "writer",
    "knowledge": "shelf",
    "pipeline": "careful",
    "secret": "crm.key",
    "fallback": "writer",
}


def test_every_kind_of_reference_is_tried() -> None:
    assert {*SCHEMES, PIPELINE, "secret"} <= TEXTS.keys() == NAMES.keys()
    assert REFERS


@pytest.mark.parametrize("kind", TEXTS)
async def test_what_others_have_is_not_there_for_texts(world: World, kind: str) -> None:
    for own, other in ((world.away, world.home), (world.cellar, world.home)):
        named = {"taker-a": other.words[NAMES[kind]], "taker-b": NOTHING}
        found = [await taken(own, kind, taker, name) for taker, name in named.items()]
        assert found[0] == found[1], f"{kind} of {other.name} for {own.name}"
        for place in (other, world.away, world.cellar):
            assert place is own or not place.says(str(found)), place.name
            assert place.secret not in str(found), place.name


async def taken(place: Place, kind: str, taker: str, name: str) -> list[Any]:
    """What comes of a text at each step, without its name and what every answer has of its own."""
    files = {f"{taker}.yaml": TEXTS[kind].replace("NAMED", name).replace("taker", taker)}
    said = []
    for path in ("validate", "plan", "apply"):
        answer = await place.owner.post(f"/v1/workspace/{path}", json={"files": files})
        said.append((path, answer.status_code, answer.text))
    if answer.is_success:
        said += await used(place, kind, taker)
    as_variable = name.upper().replace("-", "_")
    own = re.compile(rf"{taker}|{name}|{as_variable}|{_OWN.pattern}|(?<=seconds.:)[\d.]+")
    return [(step, status, own.sub("·", text)) for step, status, text in said]


async def used(place: Place, kind: str, taker: str) -> list[tuple[str, int, str]]:
    """What comes of using what was published: a run of a graph or model, a call of a tool, a search."""
    if kind == "secret":
        answer = await place.owner.post(f"/v1/tools/{taker}/test", json={"confirm": True})
        return [("test", answer.status_code, answer.text)]
    if kind == "fallback":
        answer = await place.owner.post(f"/v1/models/{taker}/test", json={})
        return [("test", answer.status_code, str(answer.is_success))]
    if kind == "pipeline":
        answer = await place.owner.post(f"/v1/collections/{taker}/search", json={"query": "lamps"})
        return [("search", answer.status_code, answer.text)]
    answer = await place.owner.post("/v1/runs/wait", json={"agent": taker})
    run = answer.json()
    events = await place.owner.get(f"/v1/runs/{run['id']}/trace") if "id" in run else answer
    return [("run", answer.status_code, str(run.get("error"))), ("trace", events.status_code, "")]
