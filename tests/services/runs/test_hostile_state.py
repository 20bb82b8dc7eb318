"""Stored state as an intruder in the database would leave it: it stays data, and runs fail in words or go on."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import ormsgpack
import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.engine.plans import node, plan
from tests.services.runs.office import Office, ask, collect
from tests.services.runs.test_pauses import asks, waits
from tests.services.runs.test_threads import on, thread
from tests.watched import CONNECTING, EXECUTING, watching

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.engine.events import TERMINAL
from girih.engine.serializer import pack
from girih.errors import GirihError
from girih.language.nodes.ports import NodeContext
from girih.services.runs.schemas import ResumeIn
from girih.services.runs.thread_schemas import StateIn

LINE = plan(
    node("a", "b"), node("b", "c"), node("c", "$end"), inputs={"type": "object"}, outputs={"said": "${ a.value }"}
)
ENDS = ("succeeded", "failed", "cancelled")
TRACE = "hostile-state-was-executed"
"""A file of this name would be made by whoever executes what is stored."""


class Trap:
    """What a pickle of it does when it is revived."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"import pathlib, http.cookiejar; pathlib.Path({TRACE!r}).touch()",)


def ext(tag: int, *parts: Any) -> bytes:
    """An extension as LangGraph's own serializer writes one for a type it revives by name."""
    return ormsgpack.packb(ormsgpack.Ext(tag, ormsgpack.packb(list(parts))), option=ormsgpack.OPT_PASSTHROUGH_TUPLE)


CONSTRUCTOR = {"lc": 1, "type": "constructor", "id": ["builtins", "exec"], "kwargs": {"source": "import this"}}
SECOND = {"lc": 2, "type": "constructor", "id": ["os", "system"], "args": [f"touch {TRACE}"], "method": "__call__"}

HOSTILE: dict[str, tuple[str, bytes]] = {
    **{f"langgraph {tag}": ("m1", ext(tag, "os", "system", [f"touch {TRACE}"])) for tag in (0, 3, 6)},
    "unknown tag": ("m1", ext(127, "os", "system")),
    "timestamp": ("m1", b"\xd6\xff\x00\x00\x00\x01"),
    "pickle": ("pickle", pickle.dumps(Trap())),
    "pickle under our name": ("m1", pickle.dumps(Trap())),
    "pickle as binary": ("m1", ormsgpack.packb({"x": pickle.dumps(Trap())})),
    "langgraph's msgpack": ("msgpack", ext(0, "os", "system", [f"touch {TRACE}"])),
    "langgraph's json": ("json", json.dumps(SECOND).encode()),
    "constructor": ("m1", ormsgpack.packb(CONSTRUCTOR)),
    "constructor as JSON": ("j1", json.dumps(SECOND).encode()),
    "set of lists": ("m1", ormsgpack.packb(ormsgpack.Ext(1, ormsgpack.packb([[1]])))),
    "set of numbers": ("m1", ormsgpack.packb(ormsgpack.Ext(1, ormsgpack.packb([1, 2])))),
    "set within a set": ("m1", ormsgpack.packb(ormsgpack.Ext(1, ormsgpack.packb(ormsgpack.Ext(1, b"\x90"))))),
    "endless number": ("m1", ormsgpack.packb(ormsgpack.Ext(2, b"9" * 100_000))),
    "endless JSON number": ("j1", b"9" * 100_000),
    "deep": ("m1", b"\x91" * 100_000),
    "deep JSON": ("j1", b"[" * 100_000),
    "not a number": ("j1", b'{"x": NaN, "y": -Infinity}'),
    "surrogates": ("j1", b'{"\\ud800": "\\udfff\\u0000"}'),
    "broken Unicode": ("m1", b"\xa2\xff\xfe"),
    "longer than it is": ("m1", b"\xdb\xff\xff\xff\xff"),
    "more than there are": ("m1", b"\xdd\xff\xff\xff\xff\x00"),
    "cut off": ("m1", b"\x82\xa1a"),
    "keys that are no text": ("m1", b"\x81\x01\x02"),
    "nothing": ("m1", b""),
    "no form": ("", b""),
    "another shape": ("m1", ormsgpack.packb([["a"], 3, None, {"channel_versions": "x"}])),
    "a part of itself": ("p1", pack([1, [1], {"x": 1}])),
    "a part of what is nowhere": ("p1", pack([7, [999_999_999], ["x"]])),
    "a part of everything": ("p1", pack(["x" * 9, "abc", 7])),
}
PLAIN = {"constructor", "constructor as JSON", "not a number", "surrogates", "another shape", "pickle under our name"}
"""What can be read, because it is data as girih writes it. Whatever else stands there cannot."""
UNREADABLE = set(HOSTILE) - PLAIN
WORDS = "the stored state of the run cannot be read: it is not as girih writes it"
PLACES = {
    "run_checkpoints": "UPDATE run_checkpoints SET checkpoint = :whole WHERE run_id = :run",
    "metadata": "UPDATE run_checkpoints SET metadata = :whole WHERE run_id = :run",
    "run_checkpoint_blobs": "UPDATE run_checkpoint_blobs SET type = :form, data = :data WHERE run_id = :run",
    "results": "UPDATE run_checkpoint_blobs SET type = :form, data = :data WHERE run_id = :run AND channel = 'out.a'",
    "run_records": "UPDATE run_records SET data = :whole WHERE run_id = :run",
    "run_checkpoint_writes": "INSERT INTO run_checkpoint_writes "
    "(org_id, run_id, ns, checkpoint_id, task_id, task_path, idx, channel, type, data) "
    "SELECT org_id, run_id, ns, checkpoint_id, 'x', '', n, channel, :form, :data FROM run_checkpoints, "
    "unnest(ARRAY['__pregel_tasks', '__resume__', '__error__', '__interrupt__', 'branch:to:c', 'branch:to:ghost'])"
    " WITH ORDINALITY AS o (channel, n) WHERE run_id = :run",
}


async def remembers(ctx: NodeContext, values: Any) -> Any:
    """What a node does that keeps a result before it asks."""
    await ctx.once("x", asked_once)
    return await asks()(ctx, values)


async def asked_once() -> str:
    return "kept"


async def spoil(office: Office, run_id: str, place: str, form: str, data: bytes) -> None:
    given = {"run": UUID(run_id), "form": form, "data": data, "whole": form.encode() + b":" + data}
    statement = PLACES[place]
    (count,) = await office.sql(statement, **{name: value for name, value in given.items() if f":{name}" in statement})
    assert count


def nothing_happened(seen: list[Any]) -> bool:
    """Nothing was loaded, compiled or started, and nobody was called but the database."""
    foreign = [one for one in seen if one.name not in CONNECTING or not any("asyncpg" in file for file in one.files)]
    assert foreign == []
    assert not Path(TRACE).exists()
    assert "this" not in sys.modules
    assert "http.cookiejar" not in sys.modules or "http.cookiejar" in BEFORE
    return True


BEFORE = frozenset(sys.modules)


@pytest.mark.parametrize("place", PLACES)
async def test_what_stands_in_the_database_is_never_more_than_data(office: Office, place: str) -> None:
    office.probe.acts["b"] = remembers
    await office.publish(LINE)
    first, second = office.service(), office.service()

    async def spoilt(form: str, data: bytes) -> str | None:
        made = await first.create(office.scope, ask())
        await waits(first, office.scope, made.id)
        await spoil(office, made.id, place, form, data)
        for read in (second.replays.checkpoints, second.views.of):
            try:
                await read(office.scope, UUID(made.id))
            except GirihError as fault:
                assert fault.message
        await second.resume(office.scope, made.id, ResumeIn(answer={"ok": True}))
        await second._reconciler.look()
        events = await collect(second, office.scope, made.id)
        assert [event.event.type in TERMINAL for event in events] == [False] * (len(events) - 1) + [True]
        ended = await second.run(office.scope, made.id)
        assert ended.status in ENDS
        return ended.error["message"] if ended.error is not None else None

    with structlog.testing.capture_logs():
        await spoilt("zz", b"")  # so that what is loaded lazily is loaded
    with structlog.testing.capture_logs(), watching(*EXECUTING, *CONNECTING) as watch:
        ends = {name: await spoilt(*hostile) for name, hostile in HOSTILE.items()}
    assert nothing_happened(watch.seen)
    assert {name for name, message in ends.items() if message == WORDS} >= UNREADABLE


@pytest.mark.parametrize("place", ["run_checkpoints", "run_checkpoint_blobs"])
async def test_a_run_on_a_thread_can_be_stopped_whatever_is_stored_of_it(office: Office, place: str) -> None:
    """What it did cannot be kept, as it cannot be read. The thread is free again all the same."""
    office.probe.acts["b"] = asks()
    await office.publish(LINE)
    service = office.service()
    here = await thread(service, office.scope)
    made = await service.create(office.scope, on(here))
    await waits(service, office.scope, made.id)
    await spoil(office, made.id, place, *HOSTILE["langgraph 0"])
    await service.cancel(office.scope, made.id, keeps_state=True)
    await service._reconciler.look()
    events = await collect(service, office.scope, made.id)
    assert events[-1].event.type == "run.cancelled"
    office.probe.acts.clear()
    again = await service.create(office.scope, on(here))
    assert (await collect(service, office.scope, again.id))[-1].event.type == "run.finished"


async def test_no_blob_of_others_can_be_slipped_under_a_run(office: Office, other_scope: OrgScope) -> None:
    """Neither in the name of the run's organization nor of the other one: its key is both together."""
    office.probe.acts["b"] = asks()
    await office.publish(LINE)
    service = office.service()
    made = await service.create(office.scope, ask())
    await waits(service, office.scope, made.id)
    insert = (
        "INSERT INTO run_checkpoint_blobs (org_id, run_id, ns, channel, version, type, data) "
        "VALUES (:org, :run, '', 'out.a', '0000000009', 'm1', '\\xc0')"
    )
    with pytest.raises(DBAPIError, match="row-level security"):
        await office.sql(insert, org=other_scope.org_id, run=UUID(made.id))
    with pytest.raises(DBAPIError, match="foreign key"):
        async with office.uow(other_scope) as work:
            await work.session.execute(text(insert), {"org": other_scope.org_id, "run": UUID(made.id)})
    with pytest.raises(DBAPIError, match="foreign key"):
        await office.sql(insert, org=office.scope.org_id, run=new_id())


ECHO = plan(node("a", "$end"), inputs={"type": "object"}, outputs={"said": "${ inputs.x }", "more": "${ a.value }"})


async def test_what_callers_and_tools_say_stays_what_they_said(office: Office) -> None:
    """An envelope in the inputs, in a node's result and in the state of a thread is a mapping like any other."""
    said = [CONSTRUCTOR, SECOND, {"__class__": "os.system"}, {"py/object": "os.system"}, {"$ref": "file:///etc/passwd"}]
    office.probe.acts["a"] = lambda ctx, values: {"value": said}
    await office.publish(ECHO)
    service = office.service()
    here = await thread(service, office.scope)

    async def echoed() -> None:
        made = await service.create(office.scope, ask(x=said))
        assert (await collect(service, office.scope, made.id))[-1].event.type == "run.finished"
        assert (await service.run(office.scope, made.id)).outputs == {"said": said, "more": said}
        await service.threads.edit(office.scope, here, StateIn(state={"x": said}))
        assert (await service.threads.state(office.scope, here)).state["x"] == said

    await echoed()  # so that what is loaded lazily is loaded
    with watching(*EXECUTING, *CONNECTING) as watch:
        await echoed()
    assert nothing_happened(watch.seen)
