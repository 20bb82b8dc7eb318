"""Small presentations, workbooks, books, mails and rich texts, made on the spot: good ones, and ways to be bad."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from datetime import date
from email.message import EmailMessage

import docx
import pptx
import xlsxwriter

CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
)
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>On patterns</dc:title></metadata>
<manifest><item id="two" href="chapter%202.xhtml" media-type="application/xhtml+xml"/>
<item id="one" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="css" href="book.css" media-type="text/css"/></manifest>
<spine><itemref idref="one"/><itemref idref="two"/></spine></package>"""
RTF = (
    rb"{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0 Arial;}}{\info{\title Caf\'e9}{\author Nobody}}"
    rb"\pard\outlinelevel0 Menu\par\pard Gr\'fc\'dfe, \u8364?5 and \u-10179?\u-8704?.\par"
    rb"\trowd\pard\intbl Dish\cell Price\cell\row\trowd\pard\intbl Soup\cell 4\cell\row\pard{\pict 00ff}After.\par}"
)
JSON = """{"name": "Shop", "open": true, "rate": 1.10, "address": {"city": "K\u00f6ln", "zip": "50667"},
"articles": [{"id": 1, "word": "a|b"}, {"id": 2, "word": null}], "tags": ["x", "y"]}""".encode()
JSON_LINES = b'{"ask": "How?", "tell": "So."}\n\n{"ask": "Why?", "tell": "Because."}\n'
CSV = b'Name;City\nAnna;"Bonn\nam Rhein"\nBob;"a|b"\n'


def packed(parts: dict[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def repacked(content: bytes, more: dict[str, bytes | str]) -> bytes:
    """The archive with parts replaced or added."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    return packed(parts | more)


def good_pptx() -> bytes:
    """A slide with a title, points and notes, and one with a table and a group."""
    deck = pptx.Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[1])
    first.shapes.title.text = "Quarter"
    first.placeholders[1].text = "Sales grew\nCosts fell"
    first.notes_slide.notes_text_frame.text = "Thank the team."
    second = deck.slides.add_slide(deck.slide_layouts[6])
    table = second.shapes.add_table(2, 2, 0, 0, 100, 100).table
    for cell, text in zip(table.iter_cells(), ["Region", "Sum", "North", "5 | 6"], strict=True):
        cell.text = text
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, 10, 10).text_frame.text = "In a group"
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def good_xlsx(rows: int = 2) -> bytes:
    """A sheet with a line and a table, a hidden sheet, and a sheet with as many rows as are asked for."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    prices = book.add_worksheet("Prices")
    prices.write(0, 0, "All in euros")
    prices.write_row(2, 1, ["Article", "Price", "Since", "Sold"])
    prices.write_row(3, 1, ["Compass", 12.5])
    prices.write_datetime(3, 3, date(2026, 3, 1), book.add_format({"num_format": "yyyy-mm-dd"}))
    prices.write_boolean(3, 4, True)
    prices.write_row(4, 1, ["Ruler", 3])
    hidden = book.add_worksheet("Hidden")
    hidden.write(0, 0, "not to be seen")
    hidden.hide()
    long = book.add_worksheet("Long")
    long.write_row(0, 0, ["Number", "Square"])
    for number in range(rows):
        long.write_row(number + 1, 0, [number, number**2])
    book.close()
    return out.getvalue()


def good_epub(more: dict[str, bytes | str] | None = None) -> bytes:
    """Two chapters, listed in another order than they are read in."""
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>{}</h1><p>{}</p></body></html>'
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/book.opf": PACKAGE,
            "OEBPS/chapter 2.xhtml": '<?xml version="1.0"?>' + page.format("Stars", "Ten points."),
            "OEBPS/one.xhtml": page.format("Lines", "They cross."),
        }
        | (more or {})
    )


def good_mail(*, html: bool = False) -> bytes:
    """A mail with an attachment."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Anna <anna@example.com>", "shop@example.com", "Grüße"
    mail["Date"] = "Mon, 02 Mar 2026 10:00:00 +0100"
    if html:
        mail.set_content("<h2>Order</h2><p>The parcel came.</p>", subtype="html")
    else:
        mail.set_content("The parcel came.\n\nThank you!\n")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="bill.pdf")
    return mail.as_bytes()


def old_office(stream: str) -> bytes:
    """The beginning of an old Office file, or of an encrypted one, with the name of the stream that tells which."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 1016 + stream.encode("utf-16-le") + b"\0" * 64


def picture(side: int) -> bytes:
    """A PNG that says it is that many pixels wide and high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_vast_picture(kind: str) -> bytes:
    """A Word file or a presentation that shows the picture."""
    out = io.BytesIO()
    if kind == "docx":
        text = docx.Document()
        text.add_paragraph("Above the picture.")
        text.add_picture(io.BytesIO(picture(100_000)))
        text.save(out)
    else:
        deck = pptx.Presentation()
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = "Above the picture."
        slide.shapes.add_picture(io.BytesIO(picture(1)), 0, 0, 100, 100)
        deck.save(out)
        small, vast = picture(1), picture(100_000)
        with zipfile.ZipFile(out) as archive:
            parts = {name: archive.read(name).replace(small, vast) for name in archive.namelist()}
        return packed({**parts})
    return out.getvalue()


NESTED = "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 20}'>" for n in range(1, 12))
ENTITIES = f"<!DOCTYPE x [<!ENTITY a0 'ha'>{NESTED}]>"


def with_entities(content: bytes, part: str, word: str) -> bytes:
    """The archive with a part in which a word became entities that unfold for ever."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        xml = archive.read(part).decode()
    head, mark, body = xml.partition("?>") if xml.startswith("<?xml") else ("", "", xml)
    assert word in body
    return repacked(content, {part: head + mark + ENTITIES + body.replace(word, "&a11;")})
