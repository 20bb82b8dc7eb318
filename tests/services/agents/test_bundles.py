"""Bundles between two projects: all of it or nothing, under their own numbers, and only from whom is trusted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text
from tests.services.agents.workspaces import ASKING, BOOK, HELLO, LOOKUP, SMALL

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound
from girih.language.bundles.manifest import read, write
from girih.providers.signing.checking import check
from girih.providers.signing.keys import KeyRing, SigningKey
from girih.services.agents.gate_schemas import ImportOut
from girih.services.agents.importing import Trust
from girih.services.agents.service import AgentService
from girih.services.agents.signing import Signing
from girih.services.identity.service import IdentityService
from girih.services.knowledge.service import KnowledgeService
from girih.services.registry.service import RegistryService

KEY = SigningKey.made()
RING = KeyRing([KEY.public])
CAREFUL = "kind: pipeline/v1\nname: careful\nversion: '1.2.0'\nsplitter: { size: 300 }\n"
DESK = """\
kind: graph/v1
name: desk
inputs: { name: string }
use: { asking: "graph://asking", small: model://small, lookup: tool://crm.lookup, book: knowledge://careful.book }
nodes:
  ask: { graph: asking, with: { name: "${ inputs.name }" }, next: find }
  find: { call: lookup, with: { customer_id: "1" }, next: look }
  look: { retrieve: book, query: "${ ask.text }", next: say }
  say: { llm: small, prompt: "${ find.name }", next: $end }
outputs: { text: "${ say.text }" }
"""
CAREFUL_BOOK = "kind: collection/v1\nname: careful.book\npipeline: pipeline://careful@1.2.0\n"
FILES = {
    "desk.yaml": DESK,
    "asking.yaml": ASKING,
    "hello.yaml": HELLO,
    "small.yaml": SMALL,
    "lookup.yaml": LOOKUP,
    "careful.yaml": CAREFUL,
    "book.yaml": CAREFUL_BOOK,
}

Elsewhere = Callable[[], Awaitable[OrgScope]]


@pytest.fixture
def signed(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService) -> AgentService:
    return AgentService(uow, registry, knowledge, signing=Signing(uow, KEY))


@pytest.fixture
def other(uow: UnitOfWork, registry: RegistryService, knowledge: KnowledgeService) -> AgentService:
    """A server with another key, which trusts nobody."""
    return AgentService(uow, registry, knowledge, signing=Signing(uow, SigningKey.made()))


@pytest.fixture
async def away(uow: UnitOfWork) -> OrgScope:
    """Another organization: it stands for another server."""
    return (await IdentityService(uow).bootstrap(f"away-{SigningKey.made().public.kid[:12]}", "main")).scope


async def exported(service: AgentService, scope: OrgScope, ref: str = "desk") -> bytes:
    await service.apply(scope, FILES)
    return (await service.exporting.export(scope, ref))[1]


def actions(out: ImportOut) -> dict[str, tuple[str, str | None]]:
    return {f"{one.kind} {one.name}": (one.action, one.version) for one in out.items}


async def count(uow: UnitOfWork, scope: OrgScope, table: str) -> int:
    async with uow(scope) as work:
        return (await work.session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()


async def test_a_bundle_makes_all_of_it_elsewhere_and_twice_makes_it_once(
    signed: AgentService, other: AgentService, scope: OrgScope, away: OrgScope, uow: UnitOfWork
) -> None:
    data = await exported(signed, scope)
    assert data == (await signed.exporting.export(scope, "desk@1.0.0"))[1], "the same bytes each time"
    out = await other.take(away, data, Trust(RING))
    assert out.root == "desk@1.0.0"
    assert actions(out) == {
        "model/v1 small": ("create", None),
        "tool/v1 crm.lookup": ("create", None),
        "collection/v1 careful.book": ("create", None),
        "pipeline/v1 careful": ("create", "1.2.0"),
        "graph/v1 hello": ("create", "1.0.0"),
        "graph/v1 asking": ("create", "1.0.0"),
        "graph/v1 desk": ("create", "1.0.0"),
    }
    before, after = await signed.resolve(scope, "desk"), await other.resolve(away, "desk@latest")
    assert (after.version, after.digest, after.plan) == (before.version, before.digest, before.plan)
    assert (await other.agent(away, "desk")).aliases == {"latest": "1.0.0"}
    again = await other.take(away, data, Trust(RING))
    assert {action for action, _ in actions(again).values()} == {"unchanged"}
    assert await count(uow, away, "agent_versions") == 3
    # What was taken in can be given on, and is still known by its first signature.
    onward = (await other.exporting.export(away, "desk"))[1]
    assert {one.standing for one in check(read(onward), RING)} == {"signed"}
    assert onward == data
    (listed,) = await other.versions(away, "desk")
    assert listed.imported is not None
    assert (listed.signed_by, listed.imported["signer"]) == (KEY.public.kid, KEY.public.kid)


async def test_what_nobody_trusted_has_signed_is_refused_unless_it_is_allowed(
    signed: AgentService, other: AgentService, agents: AgentService, scope: OrgScope, away: OrgScope
) -> None:
    data = await exported(signed, scope, "hello")
    with pytest.raises(InvalidInput, match="which is not among the trusted ones; nothing was imported"):
        await other.take(away, data, Trust())
    out = await other.take(away, data, Trust(allow_unsigned=True))
    assert actions(out) == {"graph/v1 hello": ("create", "1.0.0")}
    (listed,) = await other.versions(away, "hello")
    assert listed.imported is not None
    assert listed.imported["signer"] is None
    assert [key.origin for key in (await other.signing.keys(away)).keys] == ["own"], "an unknown key is not kept"
    await agents.apply(scope, {"plain.yaml": HELLO.replace("name: hello", "name: plain")})
    plain = (await agents.exporting.export(scope, "plain"))[1]
    with pytest.raises(InvalidInput, match="plain@1.0.0 is not signed"):
        await other.take(away, plain, Trust(RING))
    assert (await other.take(away, plain, Trust(allow_unsigned=True))).root == "plain@1.0.0"


def forged(data: bytes, **said: Any) -> bytes:
    """A bundle that fits together, but says something else than was signed."""
    bundle = read(data)
    (version,) = bundle.versions
    statement = version.entry.statement.model_copy(update=said)
    entry = version.entry.model_copy(update={"statement": statement})
    manifest = bundle.manifest.model_copy(update={"versions": [entry], "root": f"{statement.name}@{statement.version}"})
    files = {version.entry.source: version.source, version.entry.plan: plan_text(data)}
    return write(manifest, {name: content.encode() for name, content in files.items()})


def plan_text(data: bytes) -> str:
    (version,) = read(data).versions
    start = data.index(b'{"language":1')
    found, depth = start, 0
    for found in range(start, len(data)):
        depth += (data[found] == ord("{")) - (data[found] == ord("}"))
        if depth == 0:
            break
    assert version.plan["name"] == "hello"
    return data[start : found + 1].decode()


@pytest.mark.parametrize("said", [{"version": "9.0.0"}, {"created_by": "key:me"}, {"forced": True}, {"commit": "abc"}])
async def test_what_was_forged_is_refused_whatever_is_allowed(
    signed: AgentService, other: AgentService, scope: OrgScope, away: OrgScope, uow: UnitOfWork, said: dict[str, Any]
) -> None:
    data = forged(await exported(signed, scope, "hello"), **said)
    with pytest.raises(InvalidInput, match="it is not what the key .* has signed; nothing was imported"):
        await other.take(away, data, Trust(RING, allow_unsigned=True))
    assert await count(uow, away, "agents") == 0


async def test_a_name_or_a_number_that_means_something_else_here_is_said_and_nothing_is_made(
    signed: AgentService, other: AgentService, scope: OrgScope, away: OrgScope, uow: UnitOfWork
) -> None:
    data = await exported(signed, scope)
    await other.apply(
        away,
        {
            "hello.yaml": HELLO.replace("Hello", "Hallo"),
            "crm.yaml": LOOKUP.replace("Finds", "Looks up"),
            "small.yaml": SMALL + "title: Mine\n",
        },
    )
    with pytest.raises(Conflict) as caught:
        await other.take(away, data, Trust(RING))
    assert caught.value.details["conflicts"] == [
        "the tool `crm.lookup` is here already, and is another one",
        "`hello` 1.0.0 is here already, and is another one",
    ]
    assert [agent.name for agent in await other.agents(away)] == ["hello"]
    assert await count(uow, away, "collections") == 0
    assert await count(uow, away, "pipelines") == 0


async def test_an_older_version_does_not_become_the_latest(
    signed: AgentService, other: AgentService, scope: OrgScope, away: OrgScope
) -> None:
    old = await exported(signed, scope, "hello")
    new = {"hello.yaml": HELLO.replace("Hello", "Good day")}
    await signed.apply(scope, new)
    newer = (await signed.exporting.export(scope, "hello"))[1]
    await other.take(away, newer, Trust(RING))
    await other.take(away, old, Trust(RING))
    assert [(one.version, one.aliases) for one in await other.versions(away, "hello")] == [
        ("1.0.0", []),
        ("1.0.1", ["latest"]),
    ]
    done = await other.apply(away, {"hello.yaml": HELLO.replace("Hello", "Hi")})
    assert [change.version for change in done.changes] == ["1.0.2"]


async def test_a_dry_run_makes_nothing_and_a_model_stays_what_it_is_here(
    signed: AgentService, other: AgentService, scope: OrgScope, away: OrgScope, registry: RegistryService
) -> None:
    data = await exported(signed, scope)
    await other.take(away, data, Trust(RING), dry_run=True)
    assert await other.agents(away) == []
    await other.apply(away, {"small.yaml": SMALL + "title: Mine\n"})
    out = await other.take(away, data, Trust(RING))
    assert actions(out)["model/v1 small"] == ("kept", None)
    assert (await registry.models(away))["small"]["title"] == "Mine"


async def test_what_the_server_no_longer_has_must_be_there_already(
    signed: AgentService, other: AgentService, scope: OrgScope, away: OrgScope
) -> None:
    await signed.apply(scope, FILES)
    await signed.apply(scope, {"lookup.yaml": LOOKUP.replace("Finds", "Looks up")})
    data = (await signed.exporting.export(scope, "desk@1.0.0"))[1]
    with pytest.raises(Conflict, match=r"the tool `crm.lookup` is not in the bundle, nor here; nothing was imported"):
        await other.take(away, data, Trust(RING))
    assert await other.agents(away) == []
    await other.apply(away, {"lookup.yaml": LOOKUP})
    assert (await other.take(away, data, Trust(RING))).root == "desk@1.0.0"


async def test_what_is_retired_is_found_again_and_a_foreign_name_is_nobodys(
    signed: AgentService, scope: OrgScope, away: OrgScope
) -> None:
    data = await exported(signed, scope, "hello")
    await signed.apply(scope, {"book.yaml": BOOK}, prune=True)
    with pytest.raises(NotFound):
        await signed.resolve(scope, "hello")
    await signed.take(scope, data, Trust())
    assert (await signed.resolve(scope, "hello")).version == "1.0.0"
    with pytest.raises(NotFound):
        await signed.exporting.export(away, "hello")


async def test_former_keys_stay_readable(
    uow: UnitOfWork, signed: AgentService, other: AgentService, scope: OrgScope
) -> None:
    await signed.apply(scope, {"hello.yaml": HELLO})
    await other.apply(scope, {"hello.yaml": HELLO.replace("Hello", "Hallo")})
    listed = await other.signing.keys(scope)
    assert listed.current == listed.keys[0].kid
    assert KEY.public.kid in [key.kid for key in listed.keys]
    assert [key.origin for key in listed.keys] == ["own", "own"]
    without = await Signing(uow, None).keys(scope)
    assert (without.current, len(without.keys)) == (None, 2)
