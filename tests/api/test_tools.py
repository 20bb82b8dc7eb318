"""Tools over HTTP: published from an API description, listed, tried in earnest, bounded, and allowed by people."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import Client, ClientMaker, is_problem, settings_for
from tests.providers.servers import Asked, Server, says, serving
from tests.providers.tools.plugin_package import install

from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih, open_girih

SHOP = """\
openapi: 3.0.3
info: { title: Shop, version: "1" }
paths:
  /orders/{orderId}:
    get:
      operationId: getOrder
      parameters: [{ name: orderId, in: path, required: true, schema: { type: string } }]
      responses:
        "200": { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } }
components:
  schemas:
    Order: { type: object, required: [orderId], properties: { orderId: { type: string }, total: { type: number } } }
"""
FIND = """\
kind: tool/v1
name: shop.find
openapi:
  document: shop.yaml
  operation: getOrder
  endpoint: shop
  auth: { bearer: secret://shop.key }
idempotent: true
"""
REFUND = """\
kind: tool/v1
name: shop.refund
description: Pays back.
http: { endpoint: shop, method: POST, path: "/orders/{order_id}/refunds" }
parameters: { order_id: string, amount: number }
returns: { refunded: number }
approval: args.amount > 10.0
"""
OFTEN = """\
kind: tool/v1
name: shop.often
description: May be called twice a minute.
http: { endpoint: shop, path: /often }
idempotent: true
rate: 2
"""
DESK = """\
kind: graph/v1
name: tools-desk
inputs: { amount: number }
use: { refund: tool://shop.refund }
nodes:
  pay:
    call: refund
    with: { order_id: A-1, amount: "${ inputs.amount }" }
    next: $end
outputs: { refunded: "${ pay.refunded }" }
"""
FILES = {"shop.yaml": SHOP, "find.yaml": FIND, "refund.yaml": REFUND, "often.yaml": OFTEN, "desk.yaml": DESK}


async def shop(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Finds orders, pays back what it is told to."""
    if asked.method == "POST":
        await says(200, {"refunded": asked.json()["amount"]})(asked, writer)
    elif asked.path.endswith("odd"):
        await says(200, {"total": "much"})(asked, writer)
    else:
        await says(200, {"orderId": asked.path.rpartition("/")[2], "total": 12.5})(asked, writer)


@pytest.fixture(scope="module")
async def there() -> AsyncIterator[Server]:
    async with serving(shop) as server:
        yield server


@pytest.fixture(scope="module")
async def girih(database_url: str, tmp_path_factory: pytest.TempPathFactory, there: Server) -> AsyncIterator[Girih]:
    folder: Path = tmp_path_factory.mktemp("girih")
    async with open_girih(settings_for(database_url, folder, endpoints={"shop": there.url})) as girih:
        yield girih


@pytest.fixture
async def desk(client: Client, girih: Girih, scope: OrgScope, there: Server) -> Client:
    """The client of an organization that has the shop's tools."""
    answer = await client.post("/v1/workspace/apply", json={"files": FILES})
    assert answer.status_code == 200, answer.text
    await girih.secrets.put(scope, "shop.key", "s3cr3t")
    there.asked.clear()
    return client


async def tried(client: Client, name: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/tools/{name}/test", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_tools_are_listed_with_their_contracts(desk: Client) -> None:
    page = (await desk.get("/v1/tools", params={"limit": 2})).json()
    assert [one["name"] for one in page["items"]] == ["shop.find", "shop.often"]
    rest = (await desk.get("/v1/tools", params={"cursor": page["next"]})).json()
    assert ([one["name"] for one in rest["items"]], rest["next"]) == (["shop.refund"], None)
    found = (await desk.get("/v1/tools/shop.find")).json()
    assert (found["way"], found["where"], found["idempotent"]) == ("http", "shop", True)
    assert found["returns"]["required"] == ["order_id"]
    assert "did you mean 'shop.find'" in str(is_problem(await desk.get("/v1/tools/shop.fnd"), 404)["help"])


async def test_a_try_is_a_real_call_and_shows_no_secret(desk: Client, there: Server) -> None:
    found = await tried(desk, "shop.find", arguments={"order_id": "A/1"})
    assert (found["ok"], found["status"], found["result"]) == (True, 200, {"order_id": "A%2F1", "total": 12.5})
    assert there.asked[-1].headers["authorization"] == "Bearer s3cr3t"
    assert found["request"]["headers"]["authorization"] == "(hidden)"
    assert "s3cr3t" not in json.dumps(found)
    odd = await tried(desk, "shop.find", arguments={"order_id": "odd"})
    assert (odd["ok"], odd["error"], odd["status"]) == (False, "tool_error", 200)
    assert [fault["path"] for fault in odd["faults"]] == ["", "total"]
    assert odd["answer"] == '{"total": "much"}'
    wrong = await tried(desk, "shop.find", arguments={"order": "A"})
    assert (wrong["error"], wrong["request"]) == ("invalid_output", None)


async def test_what_cannot_be_undone_needs_a_word(desk: Client, there: Server) -> None:
    arguments = {"order_id": "A-1", "amount": 2}
    answer = await desk.post("/v1/tools/shop.refund/test", json={"arguments": arguments})
    assert "is not idempotent" in str(is_problem(answer, 422)["detail"])
    assert there.asked == []
    done = await tried(desk, "shop.refund", arguments=arguments, confirm=True)
    assert done["result"] == {"refunded": 2}


async def test_a_rate_is_one_for_all(desk: Client, there: Server) -> None:
    found = await asyncio.gather(*(tried(desk, "shop.often") for _ in range(5)))
    assert sorted(one["error"] or "" for one in found) == ["", "", *["rate_limit"] * 3]
    assert len(there.asked) == 2


async def test_nobody_tries_what_is_not_theirs(
    desk: Client, client_for: ClientMaker, scope: OrgScope, other_scope: OrgScope
) -> None:
    stranger = await client_for(other_scope)
    for answer in (
        await stranger.get("/v1/tools/shop.find"),
        await stranger.post("/v1/tools/shop.find/test", json={"arguments": {"order_id": "A"}}),
    ):
        is_problem(answer, 404)
    reader = await client_for(scope, PERMISSIONS - {"tools:test"})
    is_problem(await reader.post("/v1/tools/shop.find/test", json={}), 403)


async def test_a_tool_that_wants_a_person_has_one_asked(desk: Client, there: Server) -> None:
    small = (await desk.post("/v1/runs/wait", json={"agent": "tools-desk", "inputs": {"amount": 3}})).json()
    assert small["outputs"] == {"refunded": 3}
    run = (await desk.post("/v1/runs/wait", json={"agent": "tools-desk", "inputs": {"amount": 30}})).json()
    assert run["status"] == "interrupted"
    assert len(there.asked) == 1, "nothing was paid back before somebody allowed it"
    (waits,) = (await desk.get(f"/v1/runs/{run['id']}/interrupts")).json()["items"]
    assert (waits["kind"], waits["message"]) == ("approve", "May the run call 'shop.refund'?")
    value = {"approved": True, "arguments": {"order_id": "A-1", "amount": 20}}
    answer = await desk.post(f"/v1/interrupts/{waits['id']}/answer", json={"answer": value})
    assert answer.status_code in (200, 202), answer.text
    done = await settled(desk, run["id"])
    assert (done["status"], done["outputs"]) == ("succeeded", {"refunded": 20})
    run = (await desk.post("/v1/runs/wait", json={"agent": "tools-desk", "inputs": {"amount": 40}})).json()
    (waits,) = (await desk.get(f"/v1/runs/{run['id']}/interrupts")).json()["items"]
    await desk.post(f"/v1/interrupts/{waits['id']}/answer", json={"answer": {"approved": False, "reason": "no"}})
    done = await settled(desk, run["id"])
    assert (done["status"], done["error"]["kind"]) == ("failed", "refused")
    assert "a person refused this call: no" in done["error"]["message"]


async def settled(client: Client, run: str) -> dict[str, Any]:
    """The run, once it has ended."""
    for _ in range(200):
        found: dict[str, Any] = (await client.get(f"/v1/runs/{run}")).json()
        if found["status"] in ("succeeded", "failed"):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)


async def test_a_node_may_not_ask_less(desk: Client) -> None:
    loose = DESK.replace("    next: $end\n", "    approval: never\n    next: $end\n")
    answer = await desk.post("/v1/workspace/apply", json={"files": {"desk.yaml": loose}})
    (found,) = is_problem(answer, 422)["diagnostics"]  # type: ignore[misc]
    assert (found["code"], found["line"]) == ("E402", 9)
    assert "a node may ask more often, but not less" in found["message"]


@pytest.fixture
def shop_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    install(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("shop_plugins", None)


PRICE = """\
kind: tool/v1
name: shop.price
description: What it costs.
python: { plugin: shop.price }
parameters: { article: string, pieces: integer? }
returns: { amount: number, currency: string? }
idempotent: true
"""


async def test_a_plug_in_is_published_only_where_it_is(client: Client, request: pytest.FixtureRequest) -> None:
    refused = is_problem(await client.post("/v1/workspace/apply", json={"files": {"p.yaml": PRICE}}), 409)
    assert "the plug-in 'shop.price' is not installed on this server" in str(refused["detail"])
    request.getfixturevalue("shop_plugins")
    other = PRICE.replace("pieces: integer?", "pieces: string?")
    refused = is_problem(await client.post("/v1/workspace/apply", json={"files": {"p.yaml": other}}), 409)
    assert "'pieces' is of another type there" in str(refused["detail"])
    assert refused["diagnostics"][0]["line"] == 4  # type: ignore[index]
    answer = await client.post("/v1/workspace/apply", json={"files": {"p.yaml": PRICE}})
    assert answer.status_code == 200, answer.text
    assert (await tried(client, "shop.price", arguments={"article": "A"}))["result"]["amount"] == 2.5
