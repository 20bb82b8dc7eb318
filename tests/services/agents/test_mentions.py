"""Versions that texts ask for by name."""

from __future__ import annotations

import pytest
from tests.services.agents.workspaces import HELLO

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.services.agents.mentions import mentioned_versions
from girih.services.agents.service import AgentService

WITH_MOOD = HELLO.replace("name: string }", 'name: string, mood: "string?" }')
WITH_WHO = HELLO.replace("name: string }", "who: string }").replace("inputs.name", "inputs.who")


@pytest.fixture
async def digests(agents: AgentService, scope: OrgScope) -> dict[str, str]:
    """`hello` in the versions 1.0.0, 1.0.1, 1.1.0 and 2.0.0: the digest of each."""
    for text in (HELLO, HELLO.replace("Hello $", "Hi $"), WITH_MOOD, WITH_WHO):
        await agents.apply(scope, {"hello.yaml": text})
    return {version.version: version.digest for version in await agents.versions(scope, "hello")}


@pytest.mark.parametrize(
    ("ref", "version"),
    [
        ("prod", "1.0.0"),
        ("latest", "2.0.0"),
        ("1.0.1", "1.0.1"),
        ("^1", "1.1.0"),
        ("^1.0.1", "1.1.0"),
        ("~1.0", "1.0.1"),
        ("~1", "1.1.0"),
        ("^2", "2.0.0"),
        ("^3", None),
        ("~1.2", None),
        ("9.9.9", None),
        ("canary", None),
    ],
)
async def test_a_mention_means_one_version(
    uow: UnitOfWork, scope: OrgScope, digests: dict[str, str], ref: str, version: str | None
) -> None:
    async with uow(scope) as work:
        found = await mentioned_versions(work, [f'use: {{ hello: "graph://hello@{ref}" }}'], {"hello": None})
    assert {written: contract.digest for written, contract in found.items()} == (
        {f"hello@{ref}": digests[version]} if version else {}
    )


async def test_a_digest_is_a_mention_too(uow: UnitOfWork, scope: OrgScope, digests: dict[str, str]) -> None:
    written = f"hello@{digests['1.1.0']}"
    async with uow(scope) as work:
        found = await mentioned_versions(work, [f"- graph://{written}\n"], {"hello": None})
    assert list(found[written].inputs["properties"]) == ["name", "mood"]
    assert list(found[written].outputs["properties"]) == ["text"]


async def test_what_is_not_published_is_not_asked_for(uow: UnitOfWork, scope: OrgScope) -> None:
    async with uow(scope) as work:
        assert await mentioned_versions(work, ["graph://hello@prod", "nothing"], {}) == {}
