"""Mails reach a real server: over TLS with a certificate that holds, and what goes wrong is said in our own words."""

from __future__ import annotations

import ssl
import stat
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.providers.mail.servers import PASSWORD, certificate, mail_server

from girih.db.base import new_id
from girih.errors import InvalidInput
from girih.providers.mail.base import Mail, MailFault
from girih.providers.mail.opening import open_mailer

SENDER = "Girih <no-reply@example.com>"


def mail(to: str = "ann@example.com", subject: str = "Hello", text: str = "Words, and a token.\n") -> Mail:
    return Mail(new_id(), to, subject, text)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    return certificate(tmp_path_factory.mktemp("tls"))


async def refusal(url: str, sent: Mail) -> MailFault:
    with pytest.raises(MailFault) as refused:
        await open_mailer(url, SENDER).send(sent)
    assert PASSWORD not in str(refused.value)
    return refused.value


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with mail_server() as post:
        sent = mail(subject="Grüße", text="Wörter.\nsecond line\n")
        await open_mailer(f"smtp://127.0.0.1:{post.port}?starttls=never", SENDER).send(sent)
    (found,) = post.mails
    assert (found["From"], found["To"], found["Subject"]) == (SENDER, "ann@example.com", "Grüße")
    assert found.get_content() == "Wörter.\r\nsecond line\r\n"
    assert found["Message-ID"] == f"<{sent.id}@example.com>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert sent.text not in repr(sent)


async def test_an_address_beyond_ascii_arrives() -> None:
    async with mail_server() as post:
        await open_mailer(f"smtp://127.0.0.1:{post.port}?starttls=never", SENDER).send(mail("änne@example.com"))
    assert post.mails[0]["To"] == "änne@example.com"


@pytest.mark.parametrize("starttls", [True, False])
async def test_over_tls_with_a_login(
    tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch, starttls: bool
) -> None:
    context, path = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    async with mail_server(tls=context, starttls=starttls) as post:
        place = f"{'smtp' if starttls else 'smtps'}://girih:{{}}@127.0.0.1:{post.port}"
        await open_mailer(place.format(quote(PASSWORD, safe="")), SENDER).send(mail())
        refused = await refusal(place.format("wrong"), mail())
    assert (len(post.mails), post.secure) == (1, [True])
    assert (refused.message, refused.is_final) == ("the mail server refuses the login in GIRIH_SMTP_URL", False)


@pytest.mark.parametrize("starttls", [True, False])
async def test_a_certificate_that_nobody_knows_is_refused(tls: tuple[ssl.SSLContext, Path], starttls: bool) -> None:
    async with mail_server(tls=tls[0], starttls=starttls) as post:
        scheme = "smtp" if starttls else "smtps"
        refused = await refusal(f"{scheme}://girih:{quote(PASSWORD, safe='')}@127.0.0.1:{post.port}", mail())
    assert (post.mails, refused.is_final) == ([], False)


async def test_nothing_is_sent_in_the_clear_unasked() -> None:
    async with mail_server() as post:
        refused = await refusal(f"smtp://127.0.0.1:{post.port}", mail())
    assert (post.mails, refused.is_final) == ([], False)


async def test_refused_addresses() -> None:
    async with mail_server() as post:
        post.refused = {"gone@example.com": "550 canary nobody", "full@example.com": "452 canary later"}
        url = f"smtp://127.0.0.1:{post.port}?starttls=never"
        gone, full = await refusal(url, mail("gone@example.com")), await refusal(url, mail("full@example.com"))
    assert (gone.message, gone.is_final) == ("the mail server refuses the address (550)", True)
    assert (full.message, full.is_final) == ("the mail server refuses the address (452)", False)
    away = await refusal(url, mail())
    assert (away.message, away.is_final) == ("the mail server cannot be reached", False)


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("ann@example.com\r\nBcc: x@example.com", "Hello"),
        ("ann@example.com", "Hello\r\nBcc: x@example.com"),
        ("ann@example.com, x@example.com", "Hello"),
        ("Ann <ann@example.com>", "Hello"),
        ("no address", "Hello"),
        ("", "Hello"),
    ],
)
async def test_no_header_comes_out_of_an_address_or_a_subject(to: str, subject: str) -> None:
    async with mail_server() as post:
        refused = await refusal(f"smtp://127.0.0.1:{post.port}?starttls=never", mail(to, subject))
    assert (post.mails, refused.is_final) == ([], True)


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:x",
        "smtp://mail.example.com?starttls=perhaps",
        "smtp://mail.example.com?verify=no",
        "smtp://mail.example.com/path",
        "smtp://user:canary@mail.example.com?starttls=never",
        "file://host/folder",
        "file:folder",
        "smtp://[canary",
    ],
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        open_mailer(url, SENDER)
    assert "GIRIH_SMTP_URL" in refused.value.message
    assert "canary" not in refused.value.message + (refused.value.help or "")


@pytest.mark.parametrize("sender", ["", "nobody", "a@b\r\nBcc: c@d", "x@example.com, y@example.com"])
def test_senders_that_are_none(sender: str) -> None:
    with pytest.raises(InvalidInput, match="GIRIH_MAIL_FROM"):
        open_mailer("smtps://mail.example.com", sender)


async def test_a_folder_keeps_mails_for_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    sent = mail()
    await open_mailer(f"file://{quote(str(folder))}", SENDER).send(sent)
    (path,) = folder.iterdir()
    assert (path.name, stat.S_IMODE(path.stat().st_mode)) == (f"{sent.id}.eml", 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert message_from_bytes(path.read_bytes(), policy=default)["To"] == sent.to
    assert sent.text.encode().strip() in path.read_bytes()
    (tmp_path / "file").touch()
    refused = await refusal(f"file://{tmp_path}/file", mail())
    assert not refused.is_final
