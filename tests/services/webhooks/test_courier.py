"""Webhooks: written with the run's end, delivered at least once to a real receiver, signed, bounded in their tries."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.engine.plans import node, plan
from tests.providers.servers import Asked, Server, says, serving
from tests.services.runs.office import Office, collect, ended, soon
from tests.services.runs.test_crash_points import run_victim
from tests.services.runs.test_pauses import asks, interrupted
from tests.services.runs.victim import LINE
from tests.services.secrets.conftest import new_master

from girih.db.direct import DirectPool
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, NotFound
from girih.providers.keys.base import MasterKeys
from girih.providers.outbound import OutboundClient, OutboundError
from girih.services.runs.schemas import ResumeIn, RunIn
from girih.services.secrets.keyring import KeyRing
from girih.services.webhooks.courier import Courier, Outcome, Patience
from girih.services.webhooks.keys import SigningKeys
from girih.services.webhooks.measuring import count_pending
from girih.services.webhooks.service import WebhookService
from girih.services.webhooks.signing import signed

MASTERS = MasterKeys(new_master())
QUICK = Patience(timeout=0.5, lease=30, waits=(3600, 3600))


@pytest.fixture
def uow(uow_apart: UnitOfWork) -> UnitOfWork:
    """On a database of its own: what tests elsewhere left to be delivered would be delivered here."""
    return uow_apart


@pytest.fixture
async def direct(database_apart: str) -> AsyncIterator[DirectPool]:
    pool = DirectPool(database_apart, size=2)
    yield pool
    await pool.close()


@pytest.fixture
async def office(uow: UnitOfWork, scope: OrgScope, direct: DirectPool) -> AsyncIterator[Office]:
    office = Office(uow, scope, direct)
    yield office
    await office.close()
    await office.sql("DELETE FROM webhook_deliveries")


def signing(office: Office) -> SigningKeys:
    """A process's signing keys, none of them opened yet."""
    return SigningKeys(office.uow, KeyRing(office.uow, MASTERS))


def courier(office: Office, server: Server | None = None, patience: Patience = QUICK) -> Courier:
    return Courier(office.uow, OutboundClient([server.url] if server is not None else []), signing(office), patience)


async def told(office: Office, url: str, **body: Any) -> str:
    """A run that has ended, and has something to tell."""
    if not office.agents.by_name:
        await office.publish(LINE)
    service = office.service()
    made = await service.create(office.scope, RunIn(agent="test", webhook=url, **body))
    await ended(service, office.scope, made.id)
    return made.id


async def its_time_comes(office: Office) -> None:
    await office.sql("UPDATE webhook_deliveries SET next_at = now() WHERE state = 'pending'")


def check_signature(asked: Asked, *secrets: str) -> None:
    """As the standard has it; each of the secrets has signed."""
    content = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode() + asked.body
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    expected = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
    assert asked.headers["webhook-signature"].split(" ") == [f"v1,{one}" for one in expected]


def test_a_signature_is_the_standards_own() -> None:
    """The example of the specification of Standard Webhooks."""
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_the_end_of_a_run_is_told_signed_and_once(office: Office) -> None:
    async with serving(says(200, b"x" * 100_000)) as server:
        run_id = await told(office, f"{server.url}/hook?token=t", metadata={"order": 7}, tags=["a"])
        service = WebhookService(office.uow, signing(office))
        secret = await service.secret(office.scope)
        sender = courier(office, server)
        await sender.deliver_due()
        await sender.deliver_due()
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.headers["content-type"]) == ("POST", "/hook?token=t", "application/json")
    check_signature(asked, secret.secret)
    run = await office.service().run(office.scope, run_id)
    body = asked.json()
    assert (body["type"], body["data"]) == ("run.finished", {"run": run.model_dump(mode="json")})
    assert (run.status, run.metadata, run.webhook) == ("succeeded", {"order": 7}, server.url)
    seen = await service.of_run(office.scope, UUID(run_id))
    (delivery,) = seen.deliveries
    assert (seen.origin, delivery.id, delivery.state, delivery.tries) == (server.url, body["id"], "delivered", 1)
    assert (delivery.last_status, delivery.last_error, delivery.next_at) == (200, None, None)
    assert asked.headers["webhook-id"] == delivery.id
    (row,) = await office.sql("SELECT body, run FROM webhook_deliveries")
    assert tuple(row) == (None, None)


async def test_a_receiver_that_fails_is_told_again_the_same_under_the_same_id(office: Office) -> None:
    async with serving(says(500, b"secret words"), says(200, b"")) as server:
        run_id = await told(office, server.url)
        sender = courier(office, server)
        await sender.deliver_due()
        service = WebhookService(office.uow, signing(office))
        (delivery,) = (await service.of_run(office.scope, UUID(run_id))).deliveries
        assert (delivery.state, delivery.tries, delivery.last_status) == ("pending", 1, 500)
        assert delivery.last_error == "the receiver answered 500"
        await sender.deliver_due()
        assert len(server.asked) == 1, "not before its time"
        await its_time_comes(office)
        await sender.deliver_due()
        (delivery,) = (await service.of_run(office.scope, UUID(run_id))).deliveries
    first, second = server.asked
    assert (delivery.state, delivery.tries) == ("delivered", 2)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_the_tries_are_bounded_and_the_last_reason_stays(office: Office) -> None:
    async with serving(says(503, b"")) as server:
        run_id = await told(office, server.url)
        sender = courier(office, server)
        for _ in range(5):
            await its_time_comes(office)
            await sender.deliver_due()
    (delivery,) = (await WebhookService(office.uow, signing(office)).of_run(office.scope, UUID(run_id))).deliveries
    assert (delivery.state, delivery.tries, delivery.last_status) == ("failed", 3, 503)
    assert (delivery.last_error, len(server.asked)) == ("the receiver answered 503", 3)
    assert delivery.done_at is not None


async def test_a_delivery_that_failed_is_tried_once_more_with_the_same_text(
    office: Office, other_scope: OrgScope
) -> None:
    service = WebhookService(office.uow, signing(office))
    answers = [503, 503, 503, 503, 200]

    async def wakes_up(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await says(answers.pop(0), b"")(asked, writer)

    async with serving(wakes_up) as server:
        run_id = await told(office, server.url)
        sender = courier(office, server)
        for tries in (3, 4, 5):
            for _ in range(3):
                await its_time_comes(office)
                await sender.deliver_due()
            (seen,) = (await service.of_run(office.scope, UUID(run_id))).deliveries
            assert (seen.state, seen.tries) == ("delivered" if tries == 5 else "failed", tries)
            if tries < 5:
                assert (await service.redeliver(office.scope, seen.id)).state == "pending"
                with pytest.raises(Conflict, match="is pending"):
                    await service.redeliver(office.scope, seen.id)
    assert len({(asked.headers["webhook-id"], asked.body) for asked in server.asked}) == 1
    with pytest.raises(Conflict, match="is delivered"):
        await service.redeliver(office.scope, seen.id)
    for scope, number in ((other_scope, seen.id), (office.scope, "msg_1"), (office.scope, str(UUID(int=1)))):
        with pytest.raises(NotFound, match="no such delivery"):
            await service.redeliver(scope, number)


async def test_outcomes_are_told_to_whoever_counts_and_what_is_pending_is_counted(office: Office) -> None:
    outcomes: list[Outcome] = []
    answers = [503, 503, 503, 410, 200]

    async def ill(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await says(answers.pop(0), b"")(asked, writer)

    async with serving(ill) as server:
        sender = Courier(office.uow, OutboundClient([server.url]), signing(office), QUICK, outcomes.append)
        before = await count_pending(office.uow)
        for most in (3, 1, 1):
            await told(office, server.url)
            assert await count_pending(office.uow) == before + 1
            for _ in range(most):
                await its_time_comes(office)
                await sender.deliver_due()
            assert await count_pending(office.uow) == before
    assert outcomes == ["put_off", "put_off", "failed", "failed", "delivered"]


async def test_a_receiver_that_hangs_is_given_up_in_time(office: Office) -> None:
    async def hang(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    async with serving(hang) as server:
        run_id = await told(office, server.url)
        await courier(office, server).deliver_due()
    (delivery,) = (await WebhookService(office.uow, signing(office)).of_run(office.scope, UUID(run_id))).deliveries
    assert (delivery.state, delivery.last_error) == ("pending", "127.0.0.1 did not answer within 0.5 s")


async def test_a_redirect_to_a_private_host_is_not_followed(office: Office) -> None:
    async with serving(says(200, b"")) as private:
        moved = says(307, b"", location=f"{private.url}/secret")
        async with serving(moved) as server:
            run_id = await told(office, server.url)
            await courier(office, server).deliver_due()
    (delivery,) = (await WebhookService(office.uow, signing(office)).of_run(office.scope, UUID(run_id))).deliveries
    assert private.asked == []
    assert delivery.state == "failed"
    assert "redirect" in str(delivery.last_error)


async def test_a_private_host_behind_a_name_is_refused_when_it_is_looked_up(office: Office) -> None:
    async with serving(says(200, b"")) as server:
        run_id = await told(office, server.url)
        await courier(office).deliver_due()
    (delivery,) = (await WebhookService(office.uow, signing(office)).of_run(office.scope, UUID(run_id))).deliveries
    assert server.asked == []
    assert (delivery.state, delivery.tries) == ("failed", 1)
    assert delivery.last_error == "the host 127.0.0.1 is not on the public network"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.com/x", "must begin with http"),
        ("https://me:pw@example.com/x", "user name or a password"),
        ("http://localhost:9/x", "localhost is not on the public network"),
        ("http://10.0.0.7/x", "not on the public network"),
        ("http://[::1]/x", "not on the public network"),
        ("http://127.0.0.1:8080/other", "not on the public network"),
        ("not a url", "must begin with http"),
    ],
)
async def test_a_url_that_cannot_be_told_anything_is_refused_before_there_is_a_run(
    office: Office, url: str, said: str
) -> None:
    await office.publish(LINE)
    client = OutboundClient(["http://127.0.0.1:8080/hooks"])

    def check(url: str) -> None:
        try:
            client.check(url)
        except OutboundError as fault:
            raise InvalidInput(f"`webhook` cannot be used: {fault.message}", help=fault.help) from None

    service = office.service(check_url=check)
    with pytest.raises(InvalidInput, match=said):
        await service.create(office.scope, RunIn(agent="test", webhook=url))
    assert await office.sql("SELECT id FROM runs") == []
    await service.create(office.scope, RunIn(agent="test", webhook="http://127.0.0.1:8080/hooks/a", after_seconds=9))
    await service.create(office.scope, RunIn(agent="test", webhook="https://example.com/a", after_seconds=9))


async def test_a_run_that_waits_tells_what_for_and_then_its_end(office: Office) -> None:
    office.probe.acts["b"] = asks()
    graph = plan(node("a", "b"), node("b", "$end"), outputs={"said": "${ b.value }"})
    async with serving(says(200, b"")) as server:
        service, sender = office.service(), courier(office, server)
        made, (question,) = await interrupted(office, service, graph, webhook=server.url)
        await sender.deliver_due()
        await service.resume(office.scope, made.id, ResumeIn(answer={"ok": True}))
        await service._reconciler.look()
        await collect(service, office.scope, made.id)
        await sender.deliver_due()
    first, second = (asked.json() for asked in server.asked)
    assert first["type"] == "run.interrupted"
    assert first["data"]["run"]["status"] == "interrupted"
    assert [one["id"] for one in first["data"]["interrupts"]] == [question.id]
    assert first["data"]["interrupts"][0]["schema"] == question.form
    assert (second["type"], second["data"]["run"]["status"]) == ("run.finished", "succeeded")
    assert first["id"] != second["id"]


@pytest.mark.parametrize("end", ["failed", "cancelled", "expired"])
async def test_every_end_is_told(office: Office, end: str) -> None:
    def fail(ctx: Any, values: Any) -> Any:
        raise ValueError("no")

    office.probe.acts["b"] = fail
    await office.publish(LINE)
    async with serving(says(200, b"")) as server:
        service = office.service()
        later = {} if end == "failed" else {"after_seconds": 60, "ttl": 7200}
        made = await service.create(office.scope, RunIn(agent="test", webhook=server.url, **later))  # type: ignore[arg-type]
        if end == "cancelled":
            await service.cancel(office.scope, made.id)
        if end == "expired":
            await office.sql("UPDATE runs SET expires_at = now()")
            await service._reconciler.look()
        await ended(service, office.scope, made.id)
        await courier(office, server).deliver_due()
    (asked,) = server.asked
    assert asked.json()["type"] == ("run.failed" if end == "failed" else "run.cancelled")
    assert asked.json()["data"]["run"]["status"] == end


async def test_many_processes_make_each_try_once(office: Office) -> None:
    async def slow(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        await says(200, b"")(asked, writer)

    async with serving(slow) as server:
        for _ in range(6):
            await told(office, server.url)
        await asyncio.gather(*(courier(office, server).deliver_due() for _ in range(4)))
    assert len(server.asked) == 6
    assert len({asked.headers["webhook-id"] for asked in server.asked}) == 6


async def test_a_try_that_was_cut_off_is_made_again_and_says_nothing_late(office: Office) -> None:
    """One process takes the try and hangs beyond its lease; another delivers; what the first one says does not count."""
    gate = asyncio.Event()

    async def late(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await says(500, b"")(asked, writer)

    async with serving(late, says(200, b"")) as server:
        run_id = await told(office, server.url)
        slow = asyncio.create_task(courier(office, server, Patience(timeout=20, lease=30)).deliver_due())
        await soon(lambda: server.asked)
        await courier(office, server).deliver_due()
        assert len(server.asked) == 1, "the lease holds"
        await its_time_comes(office)
        await courier(office, server).deliver_due()
        gate.set()
        await slow
    (delivery,) = (await WebhookService(office.uow, signing(office)).of_run(office.scope, UUID(run_id))).deliveries
    assert (delivery.state, delivery.tries, delivery.last_status) == ("delivered", 2, 200)


async def test_a_process_that_is_killed_right_after_the_end_leaves_the_message(
    office: Office, database_apart: str
) -> None:
    await office.publish(LINE)
    async with serving(says(200, b"")) as server:
        assert run_victim(office, database_apart, "finish.after", webhook=server.url) == 9
        await courier(office, server).deliver_due()
    (asked,) = server.asked
    assert asked.json()["data"]["run"]["status"] == "succeeded"


async def test_a_started_courier_delivers_by_itself_and_when_rung_for(office: Office) -> None:
    async with serving(says(200, b"")) as server:
        sender = courier(office, server, Patience(look=3600))
        await sender.start()
        await told(office, server.url)
        sender.ring()
        await soon(lambda: server.asked)
        await sender.stop()
    assert [json.loads(asked.body)["type"] for asked in server.asked] == ["run.finished"]


async def test_after_a_rotation_both_secrets_sign_for_a_day(office: Office) -> None:
    service = WebhookService(office.uow, signing(office))
    old = await service.secret(office.scope)
    new = await service.rotate(office.scope)
    assert old.secret != new.secret
    assert (await service.secret(office.scope)).secret == new.secret
    async with serving(says(200, b"")) as server:
        for secrets in ((new.secret, old.secret), (new.secret,)):
            await told(office, server.url)
            await courier(office, server).deliver_due()
            check_signature(server.asked[-1], *secrets)
            await office.sql("UPDATE webhook_secrets SET before_until = now() - interval '1 second'")


async def test_another_organization_sees_nothing(office: Office, other_scope: OrgScope) -> None:
    service = WebhookService(office.uow, signing(office))
    run_id = await told(office, "https://example.com/x")
    with pytest.raises(NotFound):
        await service.of_run(other_scope, UUID(run_id))
    assert (await service.secret(other_scope)).secret != (await service.secret(office.scope)).secret


async def test_a_run_without_a_webhook_says_so_and_what_is_done_is_forgotten_with_its_run(office: Office) -> None:
    await office.publish(LINE)
    service = office.service()
    made = await service.create(office.scope, RunIn(agent="test"))
    await ended(service, office.scope, made.id)
    told_nobody = await WebhookService(office.uow, signing(office)).of_run(office.scope, UUID(made.id))
    assert (told_nobody.origin, told_nobody.deliveries) == (None, [])
    async with serving(says(200, b"")) as server:
        done, kept = [await told(office, server.url) for _ in range(2)]
        await office.sql("DELETE FROM runs WHERE id = :id", id=UUID(done))
        sender = courier(office, server)
        await sender.deliver_due()
        assert len(server.asked) == 2, "what a run has to tell is told although it is not kept"
        await sender.forget()
    assert [row.run_id for row in await office.sql("SELECT run_id FROM webhook_deliveries")] == [UUID(kept)]
