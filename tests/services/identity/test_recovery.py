"""Passwords are reset, addresses confirmed and changed, and invitations sent, by mails that hold tokens good once."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from tests.services.identity.mailing import BASE, LATER, NEVER, SECRET, PostTown
from tests.services.identity.people import PASSWORD

from girih.db.base import new_id
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import Conflict, InvalidInput, Unauthorized
from girih.services.audit.schemas import AuditSearch
from girih.services.audit.service import AuditService
from girih.services.identity.letters import invitation, written
from girih.services.identity.recovery import ANSWERED

NEW = "nine yellow bicycles"


@pytest.fixture
def uow(uow_apart: UnitOfWork) -> UnitOfWork:
    """On a database of its own: the courier would send what tests elsewhere have written."""
    return uow_apart


@pytest.fixture
def town(uow: UnitOfWork) -> PostTown:
    return PostTown.with_post(uow)


@pytest.fixture
async def ann(town: PostTown, scope: OrgScope) -> str:
    """The address of somebody who was invited and has come, whose mails have all been sent."""
    email = f"{new_id()}@example.com"
    await town.join(scope, email=email)
    await town.courier.send_due()
    return email


async def forgot(town: PostTown, email: str) -> str:
    """The token that is mailed to whoever has forgotten the password."""
    await town.recovery.forgot(email)
    await town.courier.send_due()
    return town.sent.token(email)


async def actions(uow: UnitOfWork, scope: OrgScope) -> list[tuple[str, str]]:
    page = await AuditService(uow).entries(scope, AuditSearch(), cursor=None, limit=50)
    return [(entry.action, entry.actor) for entry in page.items]


async def test_a_forgotten_password(
    town: PostTown, ann: str, scope: OrgScope, other_scope: OrgScope, uow: UnitOfWork
) -> None:
    await town.join(other_scope, "viewer", email=ann)
    before = await town.accounts.sign_in(ann, PASSWORD, "laptop")
    me = town.holder(before).account_id
    token = await forgot(town, ann.upper())
    (mail,) = [mail for mail in town.sent.mails if "another password" in mail.subject]
    assert f"{BASE}/reset-password#token={token}" in mail.text
    await town.recovery.reset(token, NEW)
    for ended in (
        town.scope_of(before),
        town.accounts.refresh(before.refresh_token),
        town.accounts.sign_in(ann, PASSWORD, ""),
    ):
        with pytest.raises(Unauthorized):
            await ended
    after = await town.accounts.sign_in(ann, NEW, "")
    assert (await town.accounts.me(town.holder(after))).email_verified_at is not None
    with pytest.raises(Unauthorized):
        await town.recovery.reset(token, "eleven purple kettles")
    await town.courier.send_due()
    assert town.sent.to(ann)[-1] == "Your password was changed"
    for place in (scope, other_scope):
        assert ("password.reset", f"user:{me}") in await actions(uow, place)


async def test_it_ends_the_wait_after_wrong_passwords(town: PostTown, ann: str) -> None:
    for _ in range(12):
        with pytest.raises(Unauthorized):
            await town.accounts.sign_in(ann, "not it at all", "")
    await town.recovery.reset(await forgot(town, ann), NEW)
    await town.accounts.sign_in(ann, NEW, "")


async def test_whether_an_address_is_known_is_told_by_nothing(town: PostTown, ann: str) -> None:
    count = len(town.sent.mails)
    took = []
    for email in (ann, f"{new_id()}@example.com"):
        began = time.monotonic()
        await town.recovery.forgot(email)
        took.append(time.monotonic() - began)
    assert min(took) >= ANSWERED
    assert await town.courier.send_due() == 1
    assert len(town.sent.mails) == count + 1


async def test_tokens_are_good_for_one_thing_one_person_and_one_time(town: PostTown, scope: OrgScope, ann: str) -> None:
    other = f"{new_id()}@example.com"
    await town.join(scope, "viewer", email=other)
    await town.courier.send_due()
    verify, invite = town.sent.token(ann), (await town.members.invite(scope, other, "viewer")).token
    reset = await forgot(town, ann)
    for token in ("", "x", reset[:-1] + ("x" if reset[-1] != "x" else "y"), verify, invite):
        with pytest.raises(Unauthorized, match="does not hold"):
            await town.recovery.reset(token, NEW)
    for token in (reset, invite):
        with pytest.raises(Unauthorized, match="does not hold"):
            await town.recovery.confirm(token)
    with pytest.raises(InvalidInput):
        await town.recovery.reset(reset, "short")
    done = await asyncio.gather(*(town.recovery.reset(reset, NEW) for _ in range(3)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["NoneType", "Unauthorized", "Unauthorized"]


async def test_another_token_ends_with_the_first_that_is_used(town: PostTown, ann: str) -> None:
    first, second = await forgot(town, ann), await forgot(town, ann)
    assert first != second
    await town.recovery.reset(first, NEW)
    with pytest.raises(Unauthorized):
        await town.recovery.reset(second, NEW)


async def test_a_token_runs_out(town: PostTown, ann: str, uow: UnitOfWork) -> None:
    token = await forgot(town, ann)
    me = town.holder(await town.accounts.sign_in(ann, PASSWORD, "")).account_id
    async with uow.of_account(me) as work:
        left = await work.session.scalar(
            text("SELECT max(expires_at) - now() FROM account_letters WHERE kind = 'reset'")
        )
        assert 0 < left.total_seconds() <= 30 * 60
        await work.session.execute(text("UPDATE account_letters SET expires_at = now()"))
    with pytest.raises(Unauthorized):
        await town.recovery.reset(token, NEW)


async def test_nobody_is_written_to_without_end(town: PostTown, ann: str) -> None:
    count = len(town.sent.mails)
    await asyncio.gather(*(town.recovery.forgot(ann) for _ in range(8)))
    await town.courier.send_due()
    assert count < len(town.sent.mails) <= count + 8
    await town.recovery.forgot(ann)
    before = len(town.sent.mails)
    await asyncio.gather(*(town.recovery.forgot(ann) for _ in range(3)))
    assert await town.courier.send_due() == 0
    assert len(town.sent.mails) == before


async def test_an_address_is_confirmed(town: PostTown, scope: OrgScope, ann: str) -> None:
    person = town.holder(await town.accounts.sign_in(ann, PASSWORD, ""))
    assert (await town.accounts.me(person)).email_verified_at is None
    first = town.sent.token(ann)
    assert town.sent.to(ann)[-1] == "Confirm your address"
    await town.recovery.verify(person)
    await town.courier.send_due()
    await town.recovery.confirm(town.sent.token(ann))
    found = (await town.accounts.me(person)).email_verified_at
    assert found is not None and found <= datetime.now(UTC)
    await town.recovery.confirm(first)
    with pytest.raises(Conflict):
        await town.recovery.verify(person)


async def test_another_address(town: PostTown, ann: str, scope: OrgScope, uow: UnitOfWork) -> None:
    person = town.holder(await town.accounts.sign_in(ann, PASSWORD, ""))
    new = f"{new_id()}@example.com"
    for email, password in ((new, "not it at all"), (ann, PASSWORD), ("no address", PASSWORD)):
        with pytest.raises(InvalidInput):
            await town.recovery.change_email(person, email, password)
    reset = await forgot(town, ann)
    await town.recovery.change_email(person, new.upper(), PASSWORD)
    await town.courier.send_due()
    assert town.sent.to(ann)[-1] == "Another address for your account"
    assert town.sent.to(new) == ["Confirm your new address"]
    await town.accounts.sign_in(ann, PASSWORD, "")
    await town.recovery.confirm(town.sent.token(new))
    with pytest.raises(Unauthorized):
        await town.accounts.sign_in(ann, PASSWORD, "")
    await town.accounts.sign_in(new, PASSWORD, "")
    # What was mailed to the former address opens nothing any more.
    with pytest.raises(Unauthorized):
        await town.recovery.reset(reset, NEW)
    await town.courier.send_due()
    assert town.sent.to(ann)[-1] == "Your account has another address"
    assert ("account.email_changed", f"user:{person.account_id}") in await actions(uow, scope)


async def test_the_address_of_somebody_else(town: PostTown, ann: str, scope: OrgScope) -> None:
    taken = f"{new_id()}@example.com"
    person = town.holder(await town.accounts.sign_in(ann, PASSWORD, ""))
    await town.recovery.change_email(person, taken, PASSWORD)
    await town.join(scope, "viewer", email=taken)
    await town.courier.send_due()
    token = next(mail.text for mail in town.sent.mails if mail.to == taken and "new address" in mail.subject).split()
    with pytest.raises(Conflict):
        await town.recovery.confirm(next(word for word in token if word.startswith("girih_change_")))
    await town.accounts.sign_in(ann, PASSWORD, "")


async def test_a_suspended_person_is_not_written_to(town: PostTown, ann: str, uow: UnitOfWork) -> None:
    token = await forgot(town, ann)
    me = town.holder(await town.accounts.sign_in(ann, PASSWORD, "")).account_id
    async with uow.of_account(me) as work:
        await work.session.execute(text("UPDATE accounts SET suspended_at = now()"))
    with pytest.raises(Unauthorized):
        await town.recovery.reset(token, NEW)
    await town.recovery.forgot(ann)
    assert await town.courier.send_due() == 0


async def test_invitations_are_mailed(town: PostTown, scope: OrgScope, uow: UnitOfWork) -> None:
    email = f"{new_id()}@example.com"
    made = await town.members.invite(scope, email, "viewer")
    assert made.mail_state == "pending"
    await town.courier.send_due()
    assert town.sent.to(email) == [f"Your invitation to org-{scope.org_id}"]
    assert town.sent.token(email) == made.token
    (listed,) = await town.members.invitations(scope)
    assert (listed.mail_state, listed.mail_error) == ("sent", None)
    await town.members.accept(town.sent.token(email), "Ann", PASSWORD, "")
    await town.courier.send_due()
    town.sent.faults = [NEVER]
    await town.members.invite(scope, "gone@example.com", "viewer")
    revoked = await town.members.invite(scope, "revoked@example.com", "viewer")
    await town.members.revoke_invitation(scope, revoked.id)
    await town.courier.send_due()
    failed = {one.email: one.mail_error for one in await town.members.invitations(scope) if one.mail_state == "failed"}
    assert failed == {
        "gone@example.com": NEVER.message,
        "revoked@example.com": "it is not needed any more, or came too late",
    }


async def test_a_mail_is_tried_again_until_it_is_given_up(town: PostTown, ann: str, uow: UnitOfWork) -> None:
    me = town.holder(await town.accounts.sign_in(ann, PASSWORD, "")).account_id

    async def row() -> tuple[str, int, str | None]:
        async with uow.of_account(me) as work:
            statement = "SELECT mail_state, mail_tries, mail_error FROM account_letters WHERE kind = 'reset'"
            found = (await work.session.execute(text(statement))).one()
            await work.session.execute(text("UPDATE account_letters SET mail_at = now() WHERE mail_state = 'pending'"))
        return found.mail_state, found.mail_tries, found.mail_error

    await town.recovery.forgot(ann)
    town.sent.faults = [LATER, RuntimeError("canary"), LATER]
    assert await town.courier.send_due() == 1
    assert await row() == ("pending", 1, LATER.message)
    await town.courier.send_due()
    assert await row() == ("pending", 2, "the mail could not be made")
    await town.courier.send_due()
    assert await row() == ("failed", 3, LATER.message)
    assert await town.courier.send_due() == 0


async def test_several_couriers_send_each_mail_once(town: PostTown, scope: OrgScope, uow: UnitOfWork) -> None:
    other = PostTown.with_post(uow)
    emails = [f"{new_id()}@example.com" for _ in range(6)]
    for email in emails:
        await town.members.invite(scope, email, "viewer")
    await asyncio.gather(town.courier.send_due(), other.courier.send_due())
    assert sorted(mail.to for mail in [*town.sent.mails, *other.sent.mails] if mail.to in emails) == sorted(emails)


async def test_nothing_stored_gives_a_token_away(town: PostTown, ann: str, scope: OrgScope, uow: UnitOfWork) -> None:
    token = await forgot(town, ann)
    me = town.holder(await town.accounts.sign_in(ann, PASSWORD, "")).account_id
    async with uow.of_account(me) as work:
        rows = str((await work.session.execute(text("SELECT * FROM account_letters"))).all())
    secret = token.split("_")[3][:43]
    assert secret not in rows
    # Whoever has another key works out other tokens, and sends none that would not hold.
    stranger = PostTown.with_post(uow, secrets=(b"another secret",))
    await town.recovery.forgot(ann)
    await stranger.courier.send_due()
    assert stranger.sent.mails == []
    rotated = PostTown.with_post(uow, secrets=(b"another secret", SECRET))
    made = await town.members.invite(scope, "later@example.com", "viewer")
    await rotated.courier.send_due()
    assert rotated.sent.token("later@example.com") == made.token


async def test_without_a_mail_server_it_is_said(uow: UnitOfWork, scope: OrgScope) -> None:
    silent = PostTown.with_post(uow, sends=False)
    signed = await silent.join(scope, email=f"{new_id()}@example.com")
    made = await silent.members.invite(scope, "x@example.com", "viewer")
    assert made.mail_state == "none"
    person = silent.holder(signed)
    for asked in (
        silent.recovery.forgot("x@example.com"),
        silent.recovery.verify(person),
        silent.recovery.change_email(person, "y@example.com", PASSWORD),
    ):
        with pytest.raises(Conflict, match="sends no mail"):
            await asked
    assert await silent.courier.send_due() == 0


async def test_a_changed_password_is_told_and_written_down(
    town: PostTown, ann: str, scope: OrgScope, uow: UnitOfWork
) -> None:
    person = town.holder(await town.accounts.sign_in(ann, PASSWORD, ""))
    await town.accounts.change_password(person, PASSWORD, NEW)
    await town.courier.send_due()
    assert town.sent.to(ann)[-1] == "Your password was changed"
    assert ("password.changed", f"user:{person.account_id}") in await actions(uow, scope)


def test_a_letter_leads_to_a_page_or_just_holds_the_token() -> None:
    assert "once:\n\nTOKEN\n\nIf this" in written("reset", "TOKEN", "")[1]
    assert "seven days, once:\n\nTOKEN\n\nIf this" in invitation("Acme", "TOKEN", "")[1]
    led = written("reset", "TOKEN", "https://app.example.com/")[1]
    assert "once:\n\nhttps://app.example.com/reset-password#token=TOKEN\n\nThe token," in led
