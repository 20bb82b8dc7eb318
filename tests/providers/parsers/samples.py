"""Small documents of every kind, made on the spot: good ones, and each way to be bad."""

from __future__ import annotations

import io
import zipfile

import docx

HTML = b"""<!doctype html><html><head><title>Opening hours</title><style>p { color: red }</style></head><body>
<nav><a href="/">Skip me</a></nav><h1>Opening hours</h1><p>We open at <b>nine</b> and close<br>at six.</p>
<table><tr><th>Day</th><th>Hours</th></tr><tr><td>Monday</td><td>9-18</td></tr></table>
<h2>Holidays</h2><ul><li>Closed on New Year</li><li>Closed in <i>August</i></li></ul>
<script>alert('Skip me too')</script></body></html>"""

MARKDOWN = b"""---
title: Returns
---
# Returns policy

You can return an article within 30 days.
It must be complete.

## Exceptions

| Article | Why |
|---------|-----|
| Glue    | opened packets |

- vouchers
- downloads

```python
# no heading
```

Contact
-------
Write to us.
"""

TEXT = "Grüße aus Köln.\n\nDie Öffnungszeiten ändern sich täglich, außer im März.".encode()


def pdf(*pages: list[tuple[int, str]], drawn: str = "", extra: bytes = b"", trailer: bytes = b"") -> bytes:
    """A PDF; each page is a list of lines with their letter size, and what else is drawn on it."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        content, top = "", 800
        for size, line in lines:
            top -= int(size * 1.4)
            escaped = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
            content += f"BT /F1 {size} Tf 50 {top} Td ({escaped}) Tj ET\n"
        content += drawn
        resources = f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] {resources} >>".encode())
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream".encode("latin-1"))
    if extra:
        objects.append(extra)
    out, offsets = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, start=1):
        offsets.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for offset in offsets:
        out.write(b"%010d 00000 n \n" % offset)
    out.write(b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start))
    return out.getvalue()


def good_pdf() -> bytes:
    """Two pages with headings."""
    return pdf(
        [(20, "Delivery"), (11, "Parcels leave the warehouse on the day of the order."), (11, "They take two days.")],
        [(15, "Abroad"), (11, "Outside the country a parcel takes a week and costs 12 euros.")],
    )


def scan() -> bytes:
    """A page without text, as a scanner makes it."""
    return pdf([])


def encrypted_pdf() -> bytes:
    """A PDF that asks for a password (nobody knows it: its check value is made up)."""
    secret = b"<" + b"28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A" + b">"
    encrypt = b"<< /Filter /Standard /V 1 /R 2 /O " + secret + b" /U " + secret + b" /P -4 >>"
    number = 3 + 2 + 1
    identity = b"/Encrypt %d 0 R /ID [<00112233445566778899AABBCCDDEEFF> <00112233445566778899AABBCCDDEEFF>]" % number
    return pdf([(11, "Secret")], extra=encrypt, trailer=identity)


def good_docx() -> bytes:
    """Headings, a list and a table."""
    document = docx.Document()
    document.add_heading("Warranty", 1)
    document.add_paragraph("Every tool has a warranty of five years.")
    document.add_heading("Claims", 2)
    document.add_paragraph("Bring the receipt.", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([c for row in table.rows for c in row.cells], ["Tool", "Years", "Compass", "5"], strict=True):
        cell.text = text
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def bomb_docx() -> bytes:
    """A small DOCX that unpacks to 300 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as part:
        for _ in range(300):
            part.write(b" " * 2**20)
    return out.getvalue()


def entity_docx() -> bytes:
    """A DOCX whose XML defines entities that blow up."""
    good = io.BytesIO(good_docx())
    out = io.BytesIO()
    entities = b'<!DOCTYPE x [<!ENTITY a0 "ha">' + b"".join(
        b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 20) for i in range(1, 12)
    )
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "word/document.xml":
                head, body = data.split(b"?>", 1)
                data = head + b"?>" + entities + b"]>" + body.replace(b"Bring the receipt.", b"&a11;")
            target.writestr(name, data)
    return out.getvalue()
