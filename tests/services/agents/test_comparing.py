"""Versions compared by the server, applies that say what graphs would do differently, and plans that were overtaken."""

from __future__ import annotations

import asyncio

import pytest
from tests.services.agents.workspaces import ASKING, HELLO, LOOKUP, SMALL

from girih.db.tenancy import OrgScope
from girih.errors import Conflict, NotFound, SpecInvalid
from girih.services.agents.comparing import Written
from girih.services.agents.service import AgentService

POLITE = HELLO.replace("Hello", "Good day,")
BROKEN = POLITE.replace("inputs: { name: string }", "inputs: { name: string, tier: string }")


async def test_an_update_says_what_it_does_differently(agents: AgentService, scope: OrgScope) -> None:
    (first,) = (await agents.apply(scope, {"hello.yaml": HELLO})).changes
    assert (first.action, first.previous, first.difference) == ("create", None, None)
    for _ in range(2):  # a dry run leaves nothing behind
        (second,) = (await agents.apply(scope, {"hello.yaml": BROKEN}, dry_run=True)).changes
        assert (second.previous, second.version) == ("1.0.0", "2.0.0")
        assert second.difference is not None
        assert second.difference.verdict == "major"
        assert second.difference.breaking == ["input 'tier' is new and required"]
        assert {(one.at, one.action) for one in second.difference.changes} == {
            ("inputs.tier", "added"),
            ("nodes.a.set", "changed"),
        }
    (same,) = (await agents.apply(scope, {"hello.yaml": HELLO})).changes
    assert (same.action, same.difference) == ("unchanged", None)


async def test_two_versions_and_two_texts_are_compared(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})
    await agents.apply(scope, {"hello.yaml": POLITE})
    compare = agents.comparing.compare
    found = await compare(scope, "hello@1.0.0", "hello@latest")
    assert (found.old, found.new, found.verdict) == ("hello@1.0.0", "hello@1.0.1", "patch")
    assert [one.at for one in found.changes] == ["nodes.a.set"]
    assert (await compare(scope, "hello@prod", "hello@1.0.0")).changes == []
    written = await compare(scope, "hello", Written({"hello.yaml": HELLO}, "hello"))
    assert (written.old, written.new) == ("hello@1.0.1", "hello")
    assert [(one.before, one.after) for one in written.changes] == [(one.after, one.before) for one in found.changes]
    caller = await compare(scope, Written({"a.yaml": ASKING}, "asking"), Written({"a.yaml": ASKING}, "asking"))
    assert caller.verdict is None, "what it calls is published"


async def test_what_cannot_be_compared_is_said(agents: AgentService, scope: OrgScope, other_scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})
    compare = agents.comparing.compare
    with pytest.raises(NotFound, match="no version `9.9.9`"):
        await compare(scope, "hello@9.9.9", "hello")
    with pytest.raises(NotFound, match="no agent `hello` is published"):
        await compare(other_scope, "hello", "hello")
    with pytest.raises(NotFound, match="no graph `hallo` in these files"):
        await compare(scope, "hello", Written({"hello.yaml": HELLO}, "hallo"))
    with pytest.raises(SpecInvalid, match="nothing was compared") as wrong:
        await compare(scope, "hello", Written({"hello.yaml": HELLO.replace("$end", "nowhere")}, "hello"))
    assert [one["code"] for one in wrong.value.diagnostics] == ["E101"]


async def test_a_plan_that_was_overtaken_is_refused(agents: AgentService, scope: OrgScope) -> None:
    planned = await agents.apply(scope, {"hello.yaml": HELLO}, dry_run=True)
    bases = [planned.base]
    for files in ({"small.yaml": SMALL}, {"crm.yaml": LOOKUP}, {"hello.yaml": POLITE}):
        await agents.apply(scope, files)
        with pytest.raises(Conflict, match="somebody has published since"):
            await agents.apply(scope, {"hello.yaml": HELLO}, base=bases[-1])
        bases.append((await agents.apply(scope, files, dry_run=True)).base)
    assert len(set(bases)) == len(bases)
    assert (await agents.agent(scope, "hello")).version == "1.0.0", "nothing was half applied"
    again = await agents.apply(scope, {"hello.yaml": HELLO}, base=bases[-1])
    assert [change.version for change in again.changes] == ["1.0.1"]


async def test_of_two_who_planned_on_the_same_one_wins(agents: AgentService, scope: OrgScope) -> None:
    base = (await agents.apply(scope, {"hello.yaml": HELLO}, dry_run=True)).base
    both = await asyncio.gather(
        *(agents.apply(scope, {"hello.yaml": text}, base=base) for text in (HELLO, POLITE)), return_exceptions=True
    )
    (lost,) = (one for one in both if isinstance(one, BaseException))
    assert isinstance(lost, Conflict)
    assert [one.version for one in await agents.versions(scope, "hello")] == ["1.0.0"]


async def test_another_layout_or_organization_is_the_same_base(
    agents: AgentService, scope: OrgScope, other_scope: OrgScope
) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})
    base = (await agents.apply(scope, {"hello.yaml": HELLO}, dry_run=True)).base
    await agents.apply(other_scope, {"hello.yaml": POLITE})
    await agents.apply(scope, {"moved.yaml": f"# greets\n{HELLO}"}, base=base)
    assert (await agents.apply(scope, {"hello.yaml": HELLO}, base=base)).base == base
