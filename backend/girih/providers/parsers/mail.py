"""Mails (EML): who wrote what to whom."""

from __future__ import annotations

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from pathlib import Path

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.html import read_markup
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.text import add_paragraphs, decode, too_long

_SHOWN = ("From", "To", "Cc", "Date")
_ENCRYPTED = ("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted")
_DAMAGED = "the mail is damaged and cannot be read"


def parse_mail(path: Path, limits: Limits) -> ParsedDocument:
    """The subject as heading, the header, the text and the names of attachments, which are not read themselves."""
    builder = Builder(limits.characters)
    try:
        with path.open("rb") as file:
            mail = BytesParser(policy=policy.default).parse(file)
        _hold(mail, limits)
        builder.heading(_header(mail, "Subject"), 1)
        lines = [f"{name}: {text}" for name in _SHOWN if (text := _header(mail, name))]
        lines += [f"Attachment: {_file_name(part)}" for part in mail.iter_attachments()]
        builder.add("list", "\n".join(lines))
        _body(builder, mail, limits)
    except (RecursionError, AttributeError, TypeError, LookupError, ValueError) as fault:
        # The library's parser of header fields answers broken ones with any of these.
        raise DocumentRejected(_DAMAGED, help="save it anew from the mail program") from fault
    if builder.full:
        raise too_long(limits)
    return builder.build()


def _hold(mail: EmailMessage, limits: Limits) -> None:
    for number, part in enumerate(mail.walk(), start=1):
        if number > limits.parts:
            raise DocumentRejected(f"the mail consists of more than {limits.parts:,} parts")
        if part.get_content_type() in _ENCRYPTED and part.get_param("smime-type") != "signed-data":
            raise DocumentRejected("the mail is encrypted", help="save it decrypted from the mail program")


def _header(mail: EmailMessage, name: str) -> str:
    return " ".join(str(mail.get(name, "")).split())


def _body(builder: Builder, mail: EmailMessage, limits: Limits) -> None:
    part = mail.get_body(("plain", "html"))
    if part is None:
        return
    text = _content(part)
    if part.get_content_subtype() == "html":
        read_markup(text, builder, limits)
    else:
        add_paragraphs(builder, text, limits)


def _content(part: MIMEPart) -> str:
    """The part's text in the encoding it names, or the one it seems to have."""
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    try:
        return data.decode(part.get_content_charset("utf-8"))
    except (LookupError, UnicodeDecodeError):
        return decode(data.replace(b"\x00", b""))


def _file_name(part: MIMEPart) -> str:
    names: Iterator[str | None] = iter((part.get_filename(), part.get_content_type()))
    return " ".join(str(next(filter(None, names))).split())
