"""Bundles, keys and gates over HTTP: problems in words, bytes that stay the same, and nothing of anybody else's."""

from __future__ import annotations

import base64

from tests.api.conftest import Client, ClientMaker, is_problem
from tests.language.bundles.bundling import BUNDLE, KEY

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.bundles.archive import MAX_BYTES
from girih.services.identity.service import IdentityService

TESTED = """\
kind: graph/v1
name: tested
nodes:
  a: { set: { n: 1 }, next: $end }
outputs: { n: "${ a.n }" }
tests:
  - { name: one, expect: { outputs: { n: 2 } } }
"""


def sent(data: bytes, **more: object) -> dict[str, object]:
    return {"bundle": base64.b64encode(data).decode(), **more}


async def test_a_failing_test_is_a_finding_and_can_be_passed_over(client: Client) -> None:
    body = {"files": {"tested.yaml": TESTED}}
    refused = is_problem(await client.post("/v1/workspace/apply", json=body), 422, "spec_invalid")
    assert refused["detail"] == "tests failed (1 expectation); nothing was published"
    (found,) = refused["diagnostics"]  # type: ignore[misc] - a list of one
    assert (found["code"], found["file"], found["line"]) == ("failed_test", "tested.yaml", 7)
    told = (await client.post("/v1/workspace/apply", json={**body, "dry_run": True})).json()
    assert told["changes"][0]["report"]["counts"] == {"failed": 1}
    done = (await client.post("/v1/workspace/apply", json={**body, "force_tests": True})).json()
    assert done["changes"][0]["forced"] is True
    detail = (await client.get("/v1/agents/tested/versions/1.0.0")).json()
    assert (detail["forced"], detail["report"]["outcome"], detail["signature"]) == (True, "failed", None)
    assert detail["report"]["tests"][0]["message"] == "expect.outputs.n is 1, expected 2"


async def test_a_bundle_comes_out_and_goes_in_elsewhere(
    published: Client, client_for: ClientMaker, uow: UnitOfWork
) -> None:
    answer = await published.get("/v1/agents/hello/versions/prod/bundle")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith('attachment; filename="hello-1.0.0.girih"')
    assert (await published.get("/v1/agents/hello/versions/1.0.0/bundle")).content == answer.content
    away: OrgScope = (await IdentityService(uow).bootstrap("a-place-for-bundles", "main")).scope
    other = await client_for(away)
    is_problem(await other.get("/v1/agents/hello/versions/1.0.0/bundle"), 404, "not_found")
    refused = is_problem(await other.post("/v1/bundles", json=sent(answer.content)), 422, "invalid_input")
    assert refused["detail"] == "hello@1.0.0 is not signed; nothing was imported"
    done = await other.post("/v1/bundles", json=sent(answer.content, allow_unsigned=True))
    assert [(item["name"], item["action"]) for item in done.json()["items"]] == [("hello", "create")]
    reader = await client_for(away, frozenset({"agents:read"}))
    is_problem(await reader.post("/v1/bundles", json=sent(BUNDLE)), 403, "forbidden")


async def test_a_key_that_is_named_is_trusted_and_then_known(client: Client) -> None:
    assert (await client.get("/v1/signing-keys")).json() == {"keys": [], "current": None}
    is_problem(await client.post("/v1/bundles", json=sent(BUNDLE)), 422)
    keys = {"keys": [KEY.public.jwk(), {"kty": "RSA", "n": "x", "e": "AQAB"}]}
    done = await client.post("/v1/bundles", json=sent(BUNDLE, trust=keys))
    assert done.status_code == 200, done.text
    (known,) = (await client.get("/v1/signing-keys")).json()["keys"]
    assert (known["kid"], known["x"], known["origin"]) == (KEY.public.kid, KEY.public.x, "imported")


async def test_what_is_no_bundle_is_said_to_be_none(client: Client) -> None:
    is_problem(await client.post("/v1/bundles", json={"bundle": "%%%"}), 422, "invalid_input")
    for trust in ({"keys": 1}, {"kty": "OKP", "crv": "Ed25519", "x": "short"}):
        is_problem(await client.post("/v1/bundles", json=sent(BUNDLE, trust=trust)), 422, "invalid_input")
    is_problem(await client.post("/v1/bundles", json=sent(BUNDLE[:-7])), 422, "invalid_input")
    is_problem(await client.post("/v1/bundles", json=sent(b"\0" * (MAX_BYTES + 1))), 413, "too_large")
