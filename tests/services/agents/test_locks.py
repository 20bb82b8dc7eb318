"""What every reference of a version was resolved to, where a version came from, and which number it has."""

from __future__ import annotations

import asyncio

import pytest
from tests.services.agents.workspaces import ASKING, BOOK, HELLO, LOOKUP, SMALL

from girih.db.tenancy import OrgScope
from girih.errors import NotFound, SpecInvalid
from girih.services.agents.schemas import ApplyOut, LockOut, VersionDetail
from girih.services.agents.service import AgentService
from girih.services.agents.terms import Terms
from girih.services.registry.schemas import Origin
from girih.services.shelf.schemas import YankIn

WITH_MOOD = HELLO.replace("name: string }", 'name: string, mood: "string?" }')
WITH_WHO = HELLO.replace("name: string }", "who: string }").replace("inputs.name", "inputs.who")
CAREFUL = (
    "kind: pipeline/v1\nname: careful\nsplitter: { size: 100 }\nenricher: { model: model://spare, add: [title] }\n"
)
SPARE = "kind: model/v1\nname: spare\nprovider: demo\n"
DESK = """\
kind: graph/v1
name: desk
inputs: { name: string }
use:
  hello: "graph://hello@^1"
  small: model://small
  book: knowledge://book
  lookup: tool://crm.lookup
  demo: model://demo
nodes:
  found: { retrieve: book, query: "${ inputs.name }", next: greeted }
  greeted: { graph: hello, with: { name: "${ inputs.name }" }, next: known }
  known: { call: lookup, with: { customer_id: "${ inputs.name }" }, next: said }
  said: { llm: small, prompt: "Hello", next: more }
  more: { llm: demo, prompt: "Hello", next: $end }
outputs: { text: "${ greeted.text }" }
"""
EVERYTHING = {
    "hello.yaml": HELLO,
    "desk.yaml": DESK,
    "small.yaml": SMALL + "fallbacks: [spare]\n",
    "spare.yaml": SPARE,
    "book.yaml": BOOK.replace("embedder: hashing\n", "pipeline: pipeline://careful@^1\n"),
    "careful.yaml": CAREFUL + "embedder: hashing\n",
    "crm.yaml": LOOKUP,
}


def version(out: ApplyOut, name: str) -> str | None:
    return next(change.version for change in out.changes if change.name == name)


def held(found: VersionDetail, uri: str, through: str | None = None) -> LockOut:
    assert found.lock is not None
    (one,) = [one for one in found.lock if one.uri == uri and one.through == through]
    return one


def numbered(text: str, number: str) -> str:
    return text.replace("name: hello\n", f"name: hello\nversion: '{number}'\n")


async def test_every_reference_is_resolved_to_what_it_stood_for(agents: AgentService, scope: OrgScope) -> None:
    out = await agents.apply(scope, EVERYTHING)
    digests = {(change.kind, change.name): change.digest for change in out.changes}
    found = await agents.kept.version(scope, "desk", "1.0.0")
    assert found.source == DESK
    assert found.lock is not None
    assert not any(one.drifted for one in found.lock)
    assert {(one.kind, one.name, one.version, one.through) for one in found.lock} == {
        ("graph", "hello", "1.0.0", None),
        ("knowledge", "book", None, None),
        ("pipeline", "careful", "1.0.0", "knowledge://book"),
        ("model", "spare", None, "pipeline://careful@1.0.0"),
        ("tool", "crm.lookup", None, None),
        ("model", "small", None, None),
        ("model", "spare", None, "model://small"),
        ("model", "demo", None, None),
    }
    for uri, key in (
        ("graph://hello@^1", ("graph/v1", "hello")),
        ("knowledge://book", ("collection/v1", "book")),
        ("tool://crm.lookup", ("tool/v1", "crm.lookup")),
    ):
        assert held(found, uri).digest == digests[key]
    assert held(found, "pipeline://careful@1.0.0", "knowledge://book").digest == digests["pipeline/v1", "careful"]
    assert held(found, "model://demo").digest is None
    assert {one.kind for one in found.lock if one.held} == {"graph", "tool"}


async def test_a_lock_holds_what_the_graphs_inside_refer_to(agents: AgentService, scope: OrgScope) -> None:
    outer = ASKING.replace("name: asking", "name: outer").replace("graph://hello", "graph://desk@1.0.0")
    await agents.apply(scope, EVERYTHING | {"outer.yaml": outer})
    found = await agents.kept.version(scope, "outer", "prod")
    assert held(found, "graph://desk@1.0.0").version == "1.0.0"
    through = "graph://desk@1.0.0"
    assert held(found, "graph://hello@^1", through).version == "1.0.0"
    assert held(found, "model://small", through).digest is not None
    assert held(found, "pipeline://careful@1.0.0", "knowledge://book").version == "1.0.0"
    # The same where what is inside was published before.
    later = outer.replace("name: outer", "name: later")
    await agents.apply(scope, {"later.yaml": later})
    again = await agents.kept.version(scope, "later", "latest")
    assert {one.model_dump_json() for one in again.lock or ()} == {one.model_dump_json() for one in found.lock or ()}


async def test_what_stands_for_something_else_by_now_is_told(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, EVERYTHING)
    await agents.apply(
        scope,
        {
            "small.yaml": SMALL + "title: Another\n",
            "careful.yaml": CAREFUL + "embedder: hashing\ncleaner: { hyphens: join }\n",
            "book.yaml": EVERYTHING["book.yaml"],
            "hello.yaml": WITH_MOOD,
        },
    )
    found = await agents.kept.version(scope, "desk", "1.0.0")
    small, hello = held(found, "model://small"), held(found, "graph://hello@^1")
    pipeline = held(found, "pipeline://careful@1.0.0", "knowledge://book")
    assert small.drifted
    assert small.now is not None
    assert small.now.digest != small.digest
    assert (pipeline.drifted, pipeline.now and pipeline.now.version) == (True, "1.1.0")
    assert (hello.drifted, hello.held, hello.now and hello.now.version) == (True, True, "1.1.0")
    assert not held(found, "tool://crm.lookup").drifted
    assert not held(found, "knowledge://book").drifted


async def test_a_range_means_what_the_workspace_is_about_to_publish(agents: AgentService, scope: OrgScope) -> None:
    ranged = ASKING.replace("graph://hello", "graph://hello@^1")
    await agents.apply(scope, {"hello.yaml": HELLO, "asking.yaml": ranged})
    out = await agents.apply(scope, {"hello.yaml": WITH_MOOD, "asking.yaml": ranged})
    assert (version(out, "hello"), version(out, "asking")) == ("1.1.0", "1.0.1")
    assert held(await agents.kept.version(scope, "asking", "latest"), "graph://hello@^1").version == "1.1.0"
    again = await agents.apply(scope, {"hello.yaml": WITH_MOOD, "asking.yaml": ranged})
    assert {change.action for change in again.changes} == {"unchanged"}, "the same texts mean the same"
    out = await agents.apply(scope, {"hello.yaml": WITH_WHO, "asking.yaml": ranged})
    assert (version(out, "hello"), version(out, "asking")) == ("2.0.0", "1.0.1"), "a break is not taken up by ^1"


async def test_a_range_that_the_workspace_itself_does_not_fit_is_refused(agents: AgentService, scope: OrgScope) -> None:
    texts = {"hello.yaml": HELLO, "asking.yaml": ASKING.replace("graph://hello", "graph://hello@^7")}
    with pytest.raises(SpecInvalid) as refused:
        await agents.apply(scope, texts)
    (finding,) = refused.value.details["diagnostics"]  # type: ignore[attr-defined]
    assert (finding["code"], finding["file"], finding["line"]) == ("E401", "asking.yaml", 4)
    out = await agents.apply(scope, texts | {"hello.yaml": numbered(HELLO, "7.0.0")})
    assert version(out, "hello") == "7.0.0"


async def test_references_take_ranges(agents: AgentService, scope: OrgScope) -> None:
    for text in (HELLO, WITH_MOOD, WITH_WHO, WITH_WHO.replace("Hello", "Hi")):
        await agents.apply(scope, {"hello.yaml": text})
    for ref, number in (("^1", "1.1.0"), ("~1.0", "1.0.0"), ("1", "1.1.0"), ("^2", "2.0.1"), ("2.0", "2.0.1")):
        assert (await agents.resolve(scope, f"hello@{ref}")).version == number
        assert (await agents.kept.version(scope, "hello", ref)).version == number
    with pytest.raises(NotFound, match=r"no range `\^3`"):
        await agents.resolve(scope, "hello@^3")


async def test_a_declared_number_is_taken_if_it_is_right_and_refused_at_its_line_if_not(
    agents: AgentService, scope: OrgScope
) -> None:
    assert version(await agents.apply(scope, {"h.yaml": numbered(HELLO, "0.4.0")}), "hello") == "0.4.0"
    for text, low, right in ((WITH_MOOD, "0.4.0", "0.4.1"), (WITH_WHO, "0.4.9", "0.5.0"), (HELLO, "0.6.0", "3.0.0")):
        if right != "3.0.0":
            with pytest.raises(SpecInvalid) as refused:
                await agents.apply(scope, {"h.yaml": numbered(text, low)})
            (finding,) = refused.value.details["diagnostics"]  # type: ignore[attr-defined]
            assert (finding["code"], finding["line"]) == ("E406", 3)
            assert f"write version: {right} " in finding["help"]
            assert finding["related"]
        out = await agents.apply(scope, {"h.yaml": numbered(text, right)})
        assert version(out, "hello") == right
        assert out.diagnostics == [], "whoever says the number knows what it means"
    same = await agents.apply(scope, {"h.yaml": numbered(HELLO, "4.0.0")})
    assert [(change.action, change.version) for change in same.changes] == [("unchanged", "3.0.0")]
    assert [one["code"] for one in same.diagnostics] == ["W607"]


async def test_the_number_is_no_part_of_what_a_graph_means(agents: AgentService, scope: OrgScope) -> None:
    first = await agents.apply(scope, {"h.yaml": HELLO})
    second = await agents.apply(scope, {"h.yaml": numbered(HELLO, "1.0.0")})
    assert [change.digest for change in first.changes] == [change.digest for change in second.changes]
    assert second.diagnostics == []


async def test_a_number_that_was_given_is_never_given_again(agents: AgentService, scope: OrgScope) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})
    await agents.apply(scope, {"hello.yaml": WITH_WHO})
    await agents.marking.yank(scope, "hello", "2.0.0", YankIn(reason="broken"))
    with pytest.raises(SpecInvalid, match="1 error"):
        await agents.apply(scope, {"hello.yaml": numbered(WITH_WHO.replace("Hello", "Hi"), "2.0.0")})
    patched = await agents.apply(scope, {"hello.yaml": HELLO.replace("Hello", "Hi")})
    assert version(patched, "hello") == "1.0.1"
    broken = await agents.apply(scope, {"hello.yaml": WITH_WHO.replace("Hello", "Hi")})
    assert version(broken, "hello") == "2.0.1"
    numbers = [one.number for one in await agents.versions(scope, "hello")]
    assert numbers == [4, 3, 2, 1]


async def test_where_a_version_came_from_is_kept(agents: AgentService, scope: OrgScope) -> None:
    origin = Origin(commit="a" * 40, dirty=True, message="Greets in another way")
    await agents.applying.apply(
        scope, {"hello.yaml": HELLO, "careful.yaml": CAREFUL, "s.yaml": SPARE}, Terms(origin=origin)
    )
    # Whoever publishes the same again publishes nothing.
    other = Origin(commit="b" * 40, message="Nothing new")
    await agents.applying.apply(scope, {"hello.yaml": "# Moved\n" + HELLO}, Terms(origin=other))
    (listed,) = await agents.versions(scope, "hello")
    assert (listed.commit, listed.dirty, listed.message, listed.created_by) == ("a" * 40, True, origin.message, "test")
    found = await agents.kept.version(scope, "hello", listed.digest)
    assert (found.commit, found.source, found.lock) == ("a" * 40, HELLO, [])


async def test_the_same_texts_at_once_make_one_version(agents: AgentService, scope: OrgScope) -> None:
    outs = await asyncio.gather(*(agents.apply(scope, {"h.yaml": numbered(HELLO, "2.1.0")}) for _ in range(4)))
    assert sorted(change.action for out in outs for change in out.changes) == ["create", *["unchanged"] * 3]
    assert [one.version for one in await agents.versions(scope, "hello")] == ["2.1.0"]


async def test_the_version_of_another_organization_is_not_found(
    agents: AgentService, scope: OrgScope, other_scope: OrgScope
) -> None:
    await agents.apply(scope, {"hello.yaml": HELLO})
    with pytest.raises(NotFound):
        await agents.kept.version(other_scope, "hello", "1.0.0")
