"""Who gets in: nobody without a good key, and a good key no further than its permissions."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, FastAPI
from tests.api.conftest import Client, ClientMaker, is_problem

from girih.api.deps import ACCOUNT, PUBLIC, GuardedRoute, check_permissions, declarations
from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS

FORGED = "girih_live_" + "0" * 32 + "_" + "A" * 43 + "000000"


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic Z2lyaWg6", "girih_live_x", f"Bearer {FORGED}", "Bearer \xff\xfe", "Bearer a b c"],
)
async def test_no_good_key_is_401(anonymous: Client, header: str) -> None:
    answer = await anonymous.get("/v1/agents", headers={"authorization": header.encode("latin-1")} if header else {})
    is_problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_two_keys_at_once_are_none(client: Client) -> None:
    key = client.headers["authorization"]
    answer = await client.get("/v1/agents", headers=[("authorization", key), ("authorization", key)])
    is_problem(answer, 401)


async def test_the_scheme_is_known_in_any_case(client: Client) -> None:
    key = client.headers["authorization"].split(" ")[1]
    assert (await client.get("/v1/agents", headers={"authorization": f"bearer {key}"})).status_code == 200


async def test_a_revoked_key_opens_nothing(client: Client, client_for: ClientMaker, scope: OrgScope) -> None:
    made = (await client.post("/v1/keys", json={"name": "short", "permissions": ["agents:read"]})).json()
    other = {"authorization": f"Bearer {made['key']}"}
    assert (await client.get("/v1/agents", headers=other)).status_code == 200
    assert (await client.delete(f"/v1/keys/{made['id']}")).status_code == 204
    is_problem(await client.get("/v1/agents", headers=other), 401)


async def test_a_lacking_permission_is_named(client_for: ClientMaker, scope: OrgScope) -> None:
    client = await client_for(scope, PERMISSIONS - {"runs:create"})
    body = is_problem(await client.post("/v1/runs", json={"agent": "hello"}), 403, "forbidden")
    assert "runs:create" in str(body["detail"])


async def test_nothing_of_the_body_is_read_before_the_key_is(anonymous: Client) -> None:
    asked = False

    async def body() -> object:
        nonlocal asked
        asked = True
        yield b"{"

    is_problem(await anonymous.post("/v1/runs", content=body(), headers={"content-type": "application/json"}), 401)
    assert not asked


def test_every_route_declares_what_it_needs(app: FastAPI) -> None:
    declared = dict(declarations(app))
    assert len(declared) > 25
    public = {route for route, permission in declared.items() if permission == PUBLIC}
    door = {"GET /langgraph/ok", "GET /langgraph/info", "POST /feedback/{token}", "OPTIONS /v1/uploads"}
    paths = ("sign-in", "refresh", "accept", "password/forgot", "password/reset", "email/confirm", "oidc/token")
    elsewhere = {f"GET /v1/auth/oidc{path}" for path in ("", "/{provider}/start", "/{provider}/callback")}
    people = {f"POST /v1/auth/{path}" for path in paths} | elsewhere | {"GET /.well-known/jwks.json", "POST /v1/setup"}
    system = {"GET /healthz", "GET /readyz", "GET /version", "GET /openapi.json"}
    assert public == system | door | people
    assert {permission for route, permission in declared.items() if route not in public} <= PERMISSIONS | {ACCOUNT}


@pytest.mark.parametrize("route_class", [GuardedRoute, None])
def test_a_route_that_forgot_fails_the_start(route_class: type[GuardedRoute] | None) -> None:
    app = FastAPI(openapi_url=None)
    router = APIRouter(route_class=route_class) if route_class else APIRouter()

    @router.get("/forgotten")
    async def forgotten() -> None:
        return None

    app.include_router(router)
    with pytest.raises(RuntimeError, match="GET /forgotten"):
        check_permissions(app)
