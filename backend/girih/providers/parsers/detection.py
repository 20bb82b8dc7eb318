"""What a file is, by its content; its name decides only between kinds of text that look alike."""

from __future__ import annotations

import csv
import json
import re
from codecs import getincrementaldecoder
from pathlib import Path

from girih.errors import DocumentRejected
from girih.providers.parsers.formats import FORMATS, NOUNS, Format
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.packages import parts_of, refuse_macros
from girih.providers.parsers.text import decode

_HEAD = 2**16
_LARGEST_GUESS = 16 * 2**20
"""Bytes up to which a text without a telling name is tried as JSON."""

_OLE = b"\xd0\xcf\x11\xe0"
_OLD_OFFICE = {"WordDocument": ".docx", "Workbook": ".xlsx", "Book": ".xlsx", "PowerPoint Document": ".pptx"}
_OTHERS = {
    b"GIF8": "a picture (GIF)",
    b"\x1f\x8b": "an archive (gzip)",
    b"7z\xbc\xaf": "an archive (7z)",
    b"Rar!": "an archive (RAR)",
    b"MZ": "a program",
    b"\x7fELF": "a program",
}
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*")
_ORIGINS: dict[str, Format] = {"word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx"}
_MARKUP = re.compile(r"(<\?xml[^>]*>)?\s*(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_HEADER = re.compile(r"^([A-Za-z][A-Za-z0-9-]*):[ \t]|^[ \t]")
_MAIL_HEADERS = frozenset(
    ("from", "to", "cc", "subject", "date", "message-id", "received", "mime-version", "return-path", "delivered-to")
)
_ENOUGH_HEADERS = 3


def detect(path: Path, suffix: str, limits: Limits) -> Format:
    """The file's format. Raises `DocumentRejected` for what is none of those that are read."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    named = FORMATS.get(suffix)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"%PDF-") or (named == "pdf" and b"%PDF-" in head[:1024]):
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _packed(path, limits)
    if start.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(_PICTURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return "image"
    _refuse_others(path, head)
    if named in NOUNS:
        if b"\x00" in head:
            raise DocumentRejected(f"{NOUNS[named]} is expected, and this file is damaged or something else")
        raise DocumentRejected(f"this is not {NOUNS[named]}, although its name ends in {suffix}")
    return _kind_of_text(path, _sample(head), named)


def _packed(path: Path, limits: Limits) -> Format:
    parts = parts_of(path, limits)
    refuse_macros(parts)
    for part, found in _ORIGINS.items():
        if part in parts:
            return found
    if "META-INF/container.xml" in parts:
        return "epub"
    if "xl/workbook.bin" in parts:
        raise DocumentRejected("this is a binary workbook (.xlsb)", help="save it as .xlsx and upload it again")
    raise DocumentRejected(
        "this is a zip archive and not a document", help="unpack it and upload the files that are in it"
    )


def _refuse_others(path: Path, head: bytes) -> None:
    if head.startswith(_OLE):
        raise _old_office(path)
    for mark, noun in _OTHERS.items():
        # Two letters may begin any text; a program has binary data right after them.
        if head.startswith(mark) and (len(mark) > 2 or b"\x00" in head):
            raise DocumentRejected(f"this is {noun} and not a document with text")


def _old_office(path: Path) -> DocumentRejected:
    with path.open("rb") as file:
        content = file.read(_LARGEST_GUESS)
    if "EncryptedPackage".encode("utf-16-le") in content:
        return DocumentRejected(
            "this Office file is encrypted and cannot be read without its password",
            help="save a copy without a password and upload that",
        )
    for stream, suffix in _OLD_OFFICE.items():
        if stream.encode("utf-16-le") + b"\x00\x00" in content:
            return DocumentRejected(
                "this is one of the old Office formats (.doc, .xls, .ppt)", help=f"save it as {suffix} and upload that"
            )
    return DocumentRejected(
        "this is an encrypted Office file or one of the old formats (.doc, .xls, .ppt)",
        help="save it as .docx, .xlsx or .pptx without a password and upload that",
    )


def _kind_of_text(path: Path, sample: str, named: Format | None) -> Format:
    sample = sample.lstrip()
    if _MARKUP.match(sample):
        return "html"
    if named in (None, "text", "email") and _is_mail(sample):
        return "email"
    if named == "email":
        raise DocumentRejected("this is not a mail, although its name ends in .eml: it has no header lines")
    if named in (None, "text") and _is_json(path, sample):
        return "json"
    if named is None:
        return "csv" if _is_csv(sample) else "text"
    return named


def _sample(head: bytes) -> str:
    """The beginning of a text, good enough to tell what kind of text it is: its last character may be cut through."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    if b"\x00" in head:
        raise DocumentRejected("this is not a text file: it holds binary data")
    try:
        return getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return head.decode("latin-1")


def _is_mail(sample: str) -> bool:
    found = set()
    for line in sample.splitlines():
        header = _HEADER.match(line)
        if header is None:
            break
        found.add((header.group(1) or "").lower())
    return "from" in found and len(found & _MAIL_HEADERS) >= _ENOUGH_HEADERS


def _is_json(path: Path, sample: str) -> bool:
    if not sample.startswith(("{", "[")):
        return False
    lines = [line for line in sample.splitlines() if line.strip()][:2]
    if len(lines) == 2 and all(map(_parses, lines)):
        return True
    return path.stat().st_size <= _LARGEST_GUESS and _parses(decode(path.read_bytes()))


def _parses(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_csv(sample: str) -> bool:
    """Whether the first lines all have the same number of cells, and more than one."""
    lines = sample.splitlines()[:20]
    for delimiter in ",;\t":
        try:
            widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
        except csv.Error:
            continue
        if len(lines) >= 3 and len(widths) == 1 and widths.pop() > 1:
            return True
    return False
