"""How every operation of the description is called, and that its owner gets through: `tests/security` refuses others."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from tests.api.conftest import CURIOUS, WORKSPACE, Client, ClientMaker, client_of, is_problem, upload
from tests.api.test_openapi import operations
from tests.language.bundles.bundling import BUNDLE
from tests.providers.oidc.issuing import known_already

from girih.db.tenancy import OrgScope
from girih.services.identity.schemas import PERMISSIONS
from girih.wiring.server import Girih

CAREFUL = "kind: pipeline/v1\nname: careful\nsplitter: { size: 100 }\n"
LOOKUP = "kind: tool/v1\nname: lookup\ndescription: Looks up.\nhttp: { endpoint: nowhere }\n"
TUS = {"tus-resumable": "1.0.0"}
PIECE = {**TUS, "upload-offset": "0", "content-type": "application/offset+octet-stream"}
BEGUN = {**TUS, "upload-length": "5", "upload-metadata": "collection c2hlbGY=,filename YS5tZA=="}  # shelf, a.md
PAGE = {"kind": "web", "urls": ["https://pages.example/a"]}
ISSUER = "https://issuer.example"
BODIES: dict[str, dict[str, Any]] = {
    "validate_workspace": {"json": {"files": WORKSPACE}},
    "apply_workspace": {"json": {"files": WORKSPACE, "dry_run": True}},
    "plan_workspace": {"json": {"files": WORKSPACE}},
    "import_bundle": {"json": {"bundle": base64.b64encode(BUNDLE).decode(), "allow_unsigned": True, "dry_run": True}},
    "diff_agents": {"json": {"old": "curious", "new": {"files": {"curious.yaml": CURIOUS}, "name": "curious"}}},
    "set_alias": {"json": {"version": "1.0.0"}},
    "split_alias": {"json": {"weights": {"1.0.0": 50, "1.0.1": 50}}},
    "approve_alias_proposal": {"json": {}},
    "refuse_alias_proposal": {"json": {}},
    "run_and_wait": {"json": {"agent": "hello", "inputs": {"question": "x"}}},
    "create_thread_run": {"json": {"agent": "hello", "inputs": {"question": "x"}, "multitask": "enqueue"}},
    "set_retention": {"json": {"checkpoints_days": 7}},
    "test_tool": {"json": {"confirm": True}},
    "bind_model": {"json": {"provider": "demo"}},
    "create_run": {"json": {"agent": "hello", "inputs": {"question": "x"}}},
    "stream_run": {"json": {"agent": "hello", "inputs": {"question": "x"}}},
    "search_collection": {"json": {"query": "x"}},
    "upload_document": {"files": upload("# Text\n\nWords.")},
    "create_key": {"json": {"name": "x", "permissions": ["agents:read"]}},
    "trust_issuer": {"json": {"issuer": ISSUER, "audience": "girih", "role": "viewer"}},
    "exchange_sign_in_code": {"json": {"code": "x"}},
    "join_by_invitation": {"json": {"token": "x"}},
    "link_identity": {"json": {"code": "x"}},
    "set_budget": {"json": {"target": "project", "period": "month", "tokens": 1_000_000_000}},
    "answer_interrupt": {"json": {"answer": {"answer": "x"}}},
    "resume_run": {"json": {"answer": {"answer": "x"}}},
    "deprecate_version": {"json": {"reason": "it is slow"}},
    "yank_version": {"json": {"reason": "it is wrong", "force": True}},
    "restore_version": {"json": {"reason": "it was right"}},
    "collect_versions": {"json": {"dry_run": True}},
    "set_secret": {"json": {"value": "canary"}},
    "create_schedule": {"json": {"name": "nightly", "cron": "0 3 * * *", "run": {"agent": "curious"}}},
    "change_schedule": {"json": {"cron": "0 4 * * *"}},
    "create_thread": {"json": {}},
    "change_thread": {"json": {"metadata": {"x": 1}}},
    "edit_thread_state": {"json": {"state": {}}},
    "fork_thread": {"json": {}},
    "copy_thread": {"json": {}},
    "create_runs": {"json": {"runs": [{"agent": "nothing"}]}},
    "change_run": {"json": {"tags": ["x"]}},
    "retry_run": {"json": {}},
    "put_item": {"json": {"namespace": ["a"], "key": "k", "value": {"x": 1}}},
    "search_items": {"json": {}},
    "list_namespaces": {"json": {}},
    "publish_event": {"json": {"type": "order.paid", "data": {"id": 1}}},
    "change_document": {"json": {"metadata": {}}},
    "restore_document": {"json": {"version": 1}},
    "delete_documents": {"json": {"collection": "shelf", "name_contains": "nobody has this name"}},
    "retry_documents": {"json": {}},
    "upload_documents": {"files": upload("# Other text\n\nWords.")},
    "continue_upload": {"headers": PIECE, "content": b"Wo"},
    "create_data_store": {"json": {"name": "other", "collection": "shelf", "source": PAGE}},
    "change_data_store": {"json": {"most_removed": 10}},
    "start_sync": {"json": {}},
    "create_invitation": {"json": {"email": "somebody@example.com", "role": "viewer"}},
    "set_member_roles": {"json": {"roles": [{"role": "editor"}]}},
    "put_role": {"json": {"permissions": ["runs:create"]}},
    "rotate_key": {"json": {}},
    "create_project": {"json": {"name": "attic"}},
    "rename_project": {"json": {"name": "cellar"}},
    "create_unit": {"json": {"name": "a unit"}},
    "rename_unit": {"json": {"name": "another unit"}},
    "move_unit": {"json": {"unit": None}},
    "assign_project": {"json": {"unit": None}},
    "create_service_account": {"json": {"name": "a program", "roles": [{"role": "viewer"}]}},
    "set_service_account_roles": {"json": {"roles": [{"role": "editor"}]}},
    "create_service_account_key": {"json": {"name": "a key"}},
    "change_organization": {"json": {"name": f"organization {uuid4()}"}},
    "offer_organization": {"json": {"member": str(uuid4())}},
    "restore_organization": {"json": {}},
    "sign_in": {"json": {"email": "nobody@example.com", "password": "seven green umbrellas"}},
    "refresh_session": {"json": {"refresh_token": "x"}},
    "accept_invitation": {"json": {"token": "x", "name": "Ann", "password": "seven green umbrellas"}},
    "forgot_password": {"json": {"email": "nobody@example.com"}},
    "reset_password": {"json": {"token": "x", "password": "nine yellow bicycles"}},
    "confirm_email": {"json": {"token": "x"}},
    "change_email": {"json": {"email": "else@example.com", "password": "seven green umbrellas"}},
    "set_up": {
        "json": {
            "token": "x",
            "organization": "Acme",
            "email": "nobody@example.com",
            "name": "Ann",
            "password": "seven green umbrellas",
        }
    },
    "change_password": {"json": {"current": "seven green umbrellas", "new": "nine yellow bicycles"}},
}
"""What each operation with a body takes: a new one has to be added here."""

PARAMETERS: dict[str, dict[str, Any]] = {
    "delete_memories": {"params": {"user": "x"}},
    "get_item": {"params": {"namespace": "a", "key": "k"}},
    "delete_item": {"params": {"namespace": "a", "key": "k"}},
    "create_upload": {"headers": BEGUN},
    "end_upload": {"headers": TUS},
    "delete_organization": {"params": {"name": "not its name"}},
}
"""What an operation needs that takes no body."""

MAY_CONFLICT = {
    "redeliver_webhook",
    "retry_run",
    "retry_document",
    "cancel_document",
    "cancel_index",
    "delete_index",
} | {"roll_back_alias", "refuse_alias_proposal", "withdraw_alias_proposal"}
MAY_CONFLICT |= {"export_organization", "download_organization_export"}
"""What is refused to its owner where the thing is in a state that does not allow it: the run ended well, say."""

OF_NO_THING = {
    "list_alias_proposals",
    "list_alias_protections",
    "protect_aliases",
    "list_memories",
    "delete_memories",
    "list_agents",
    "list_runs",
    "list_collections",
    "list_models",
    "list_tools",
    "bind_model",
    "list_keys",
    "create_key",
    "list_secrets",
    "set_secret",
} | {
    "validate_workspace",
    "apply_workspace",
    "import_bundle",
    "list_signing_keys",
    "plan_workspace",
    "read_workspace",
    "get_workspace_base",
    "collect_versions",
    "list_interrupts",
    "list_events",
    "get_usage",
    "list_budgets",
    "set_budget",
    "list_trusted_issuers",
    "trust_issuer",
    "publish_event",
    "create_schedule",
    "list_schedules",
    "list_data_stores",
    "list_pipelines",
    "list_ingestion_jobs",
    "create_thread",
    "list_threads",
    "create_runs",
    "get_retention",
    "get_webhook_secret",
    "rotate_webhook_secret",
    "set_retention",
    "run_and_wait",
    "put_item",
    "delete_item",
    "search_items",
    "list_namespaces",
    "list_members",
    "list_invitations",
    "create_invitation",
    "list_roles",
    "put_role",
    "list_projects",
    "create_project",
    "list_units",
    "create_unit",
    "list_service_accounts",
    "create_service_account",
    "get_organization",
    "change_organization",
    "delete_organization",
    "offer_organization",
    "withdraw_organization",
    "export_organization",
    "list_organization_exports",
    "list_audit_entries",
    "export_audit_log",
    "verify_audit_log",
}
"""Operations that name no thing, so that nothing foreign can be named."""


Case = tuple[str, str, dict[str, Any]]


def cases(app: FastAPI) -> list[Case]:
    """The operations that take a permission."""
    return [case for case in operations(app.openapi()) if case[2].get("x-permission") in PERMISSIONS]


ANYBODYS = {"forgot_password", "set_up"} | {
    "list_identity_providers",
    "start_outside_sign_in",
    "finish_outside_sign_in",
}
"""What is answered to everybody alike, whoever calls: `test_recovery` and `test_outside` ask it."""


def personal(app: FastAPI) -> list[Case]:
    """The operations below `/v1` that are about whoever calls: signing in, and looking after one's own account."""
    return [
        case
        for case in operations(app.openapi())
        if case[0].startswith("/v1/") and case[2].get("x-permission") not in PERMISSIONS
        if case[2]["operationId"] not in ANYBODYS
    ]


async def call(client: Client, path: str, method: str, operation: dict[str, Any], ids: dict[str, str]) -> Any:
    arguments = (
        BODIES[operation["operationId"]] if "requestBody" in operation else PARAMETERS.get(operation["operationId"], {})
    )
    return await client.request(method, path.format(**ids), **arguments)


async def things(client: Client, work: Callable[[], Awaitable[None]]) -> dict[str, str]:
    """Things of an organization by the parameter that names them."""
    files = {"curious.yaml": CURIOUS, "careful.yaml": CAREFUL, "lookup.yaml": LOOKUP}
    assert (await client.post("/v1/workspace/apply", json={"files": files})).is_success
    run = (await client.post("/v1/runs", json={"agent": "curious", "webhook": "https://hooks.example/x"})).json()
    while not (open_now := (await client.get(f"/v1/runs/{run['id']}/interrupts")).json()["items"]):
        await asyncio.sleep(0.01)
    told = (await client.get(f"/v1/runs/{run['id']}/webhook")).json()["deliveries"]
    document = (await client.post("/v1/collections/shelf/documents", files=upload("# Lamps\n\nLight."))).json()
    key = (await client.post("/v1/keys", json={"name": "k", "permissions": ["agents:read"]})).json()
    await work()
    night = {"name": "by day", "cron": "0 3 1 1 *", "run": {"agent": "curious"}}
    schedule = (await client.post("/v1/schedules", json=night)).json()
    thread = (await client.post("/v1/threads", json={"state": {"x": 1}})).json()
    assert (await client.put("/v1/models/writer/binding", **BODIES["bind_model"])).is_success
    assert (await client.put("/v1/secrets/crm.key", **BODIES["set_secret"])).is_success
    assert (await client.put("/v1/store/items", **BODIES["put_item"])).is_success
    store = {"name": "pages", "collection": "shelf", "source": PAGE}
    store = (await client.post("/v1/data-stores", json=store)).json()
    sync = (await client.post(f"/v1/data-stores/{store['id']}/syncs")).json()
    job = (await client.get("/v1/jobs")).json()["items"][0]
    index = (await client.get("/v1/collections/shelf/indexes")).json()["items"][0]
    begun = (await client.post("/v1/uploads", headers=BEGUN)).json()
    ids = {
        "job_id": job["id"],
        "index_id": index["id"],
        "upload_id": begun["id"],
        "data_store_id": store["id"],
        "sync_id": sync["id"],
        "run_id": run["id"],
        "delivery_id": told[0]["id"],
        "thread_id": thread["id"],
        "schedule_id": schedule["id"],
        "interrupt_id": open_now[0]["id"],
        "document_id": document["id"],
        "key_id": key["id"],
        "secret": "crm.key",
    }
    budget = (await client.put("/v1/budgets", **BODIES["set_budget"])).json()
    proposal = {"proposal_id": await proposed(client), "issuer_id": await trusted(client)}
    return {**ids, **await people(client), **proposal, "alias": "prod", "version": "1.0.0", "budget_id": budget["id"]}


async def trusted(client: Client) -> str:
    """An issuer that the project trusts; nobody has to be asked what it says of itself."""
    known_already(client, ISSUER)
    body = {**BODIES["trust_issuer"]["json"], "audience": "others"}
    return str((await client.post("/v1/trusted-issuers", json=body)).json()["id"])


async def proposed(client: Client) -> str:
    """A move of a protected alias that somebody else asked for, of an agent with a second version."""
    second = {"hello.yaml": WORKSPACE["hello.yaml"].replace("inputs.question }", "inputs.question }!")}
    assert (await client.post("/v1/workspace/apply", json={"files": second})).is_success
    assert (await client.put("/v1/agents/hello/aliases/staging/protection")).is_success
    other = await of_somebody_else(client, ["agents:publish"])
    answer = await client.put(
        "/v1/agents/hello/aliases/staging",
        json={"version": "1.0.1"},
        headers={"authorization": f"Bearer {other}"},
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def of_somebody_else(client: Client, permissions: list[str]) -> str:
    """A key of the client's project that was not made with the client's own."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    girih: Girih = transport.app.state.girih  # type: ignore[attr-defined] - it is a FastAPI
    scope = await girih.identity.authenticate(client.headers["authorization"].removeprefix("Bearer "))
    somebody = OrgScope(scope.org_id, scope.project_id, "somebody else", scope.permissions)
    return (await girih.identity.create_key(somebody, "other", permissions)).key


async def people(client: Client) -> dict[str, str]:
    """A member, an open invitation, and a role, of an organization."""
    assert (await client.put("/v1/roles/caller", **BODIES["put_role"])).is_success
    invited = {"email": f"{uuid4()}@example.com", "role": "viewer"}
    used = (await client.post("/v1/invitations", json=invited)).json()
    accepted = {**BODIES["accept_invitation"]["json"], "token": used["token"]}
    assert (await client.post("/v1/auth/accept", json=accepted)).is_success
    members = {one["email"]: one["id"] for one in (await client.get("/v1/members")).json()["items"]}
    begun = (await client.post("/v1/invitations", json=invited)).json()
    (project,) = [one["id"] for one in (await client.get("/v1/projects")).json()["items"] if one["current"]]
    named = {"project_id": project, "member_id": members[invited["email"]]}
    return {**named, **await whole(client), "invitation_id": begun["id"], "role": "caller"}


async def whole(client: Client) -> dict[str, str]:
    """A unit, a service account and an export of an organization, which may have some of each already."""
    unit = (await client.post("/v1/units", json={"name": f"unit {uuid4()}"})).json()
    robot = {"name": f"program {uuid4()}", "roles": [{"role": "viewer"}]}
    account = (await client.post("/v1/service-accounts", json=robot)).json()
    await client.post("/v1/organization/export")
    export = (await client.get("/v1/organization/exports")).json()["items"][0]
    return {"unit_id": unit["id"], "service_account_id": account["id"], "export_id": export["id"]}


NAMES = {"collections": "shelf", "pipelines": "careful", "models": "writer", "tools": "lookup"}
"""What things of other kinds than agents are called."""

IDS = (
    "job_id",
    "index_id",
    "upload_id",
    "data_store_id",
    "sync_id",
    "run_id",
    "delivery_id",
    "thread_id",
    "schedule_id",
    "interrupt_id",
    "document_id",
    "key_id",
    "secret",
    "budget_id",
    "proposal_id",
    "member_id",
    "invitation_id",
    "session_id",
    "issuer_id",
    "identity_id",
    "project_id",
    "unit_id",
    "service_account_id",
    "export_id",
    "transfer_id",
)


@pytest.mark.parametrize("key", [None, "garbage", "girih_live_" + "0" * 32 + "_" + "A" * 49])
async def test_strangers_have_no_account(app: FastAPI, key: str | None) -> None:
    ids = dict.fromkeys(IDS, str(uuid4()))
    client = client_of(app, key)
    for path, method, operation in personal(app):
        is_problem(await call(client, path, method, operation, ids), 401, "unauthorized")


async def test_a_key_is_nobody(app: FastAPI, client: Client) -> None:
    ids = dict.fromkeys(IDS, str(uuid4()))
    assert {operation["x-permission"] for _, _, operation in personal(app)} == {"account", "public"}
    for path, method, operation in personal(app):
        is_problem(await call(client, path, method, operation, ids), 401, "unauthorized")


async def test_lists_and_publishing_show_nothing_foreign(
    published: Client, client_for: ClientMaker, other_scope: OrgScope, work: Callable[[], Awaitable[None]]
) -> None:
    await things(published, work)
    stranger = await client_for(other_scope)
    for path in ("/v1/agents", "/v1/runs", "/v1/collections"):
        assert (await stranger.get(path)).json()["items"] == []
    assert len((await stranger.get("/v1/keys")).json()["items"]) == 1
    plan = (await stranger.post("/v1/workspace/apply", json={"files": WORKSPACE, "dry_run": True})).json()
    assert {change["action"] for change in plan["changes"]} == {"create"}


async def test_the_owner_gets_through(app: FastAPI, published: Client, work: Callable[[], Awaitable[None]]) -> None:
    """The matrix would prove nothing if its calls were refused to everybody."""
    mine = await things(published, work)
    last = [
        "cancel_run",
        "retry_run",
        "delete_thread",
        "delete_schedule",
        "cancel_sync",
        "start_sync",
        "delete_data_store",
        "follow_run",
        "delete_document",
        "end_upload",
        "delete_collection",
        "unbind_model",
        "delete_alias",
        "withdraw_alias_proposal",
        "revoke_key",
        "remove_member",
        "revoke_invitation",
        "delete_unit",
        "delete_service_account",
    ]
    for path, method, operation in sorted(cases(app), key=lambda case: turn(case[2]["operationId"], last)):
        if operation["operationId"] in ("follow_collection", "follow_document", "follow_sync"):
            continue  # they go on for as long as there is work; `test_jobs` and `test_data_stores` read them
        if operation["operationId"] in ("offer_organization", "withdraw_organization", "delete_organization"):
            continue  # the first two are of people, the last ends everything: `test_organizations` tries them
        name = named_in(path)
        answer = await call(published, path, method, operation, {"name": name, **mine})
        passes = answer.is_success or (operation["operationId"] in MAY_CONFLICT and answer.status_code == 409)
        assert passes, f"{method} {path}: {answer.text}"


def named_in(path: str) -> str:
    """The name of what a path is about."""
    return next((name for kind, name in NAMES.items() if f"/{kind}/" in path), "hello")


def turn(name: str, last: list[str]) -> int:
    """Where an operation stands in the order of calls: what ends things comes last."""
    return last.index(name) + 1 if name in last else 0
