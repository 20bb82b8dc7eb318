"""A large PDF is read with the memory that a few of its pages take, and gives what a small one gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.providers.parsers import samples
from tests.providers.parsers.test_parse import parsed

from girih.errors import DocumentRejected
from girih.providers.parsers import pdf
from girih.providers.parsers.limits import Limits


def raw_pictures(pages: int, megabytes: int) -> bytes:
    """Pages of a line each, over a raw picture of so many megabytes."""
    line = b"q 500 0 0 700 40 60 cm /Im Do Q BT /F1 11 Tf 50 760 Td (Line of page %d.) Tj ET"
    kind = b"/Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8 /Width 1024"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % (4 + 3 * n) for n in range(pages)), pages),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    size = megabytes * 2**20
    for number in range(pages):
        at, content = 4 + 3 * number, line % (number + 1)
        resources = b"<< /Font << /F1 3 0 R >> /XObject << /Im %d 0 R >> >>" % (at + 2)
        place = b"/Parent 2 0 R /MediaBox [0 0 595 842]"
        objects += [
            b"<< /Type /Page %s /Resources %s /Contents %d 0 R >>" % (place, resources, at + 1),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
            b"<< %s /Height %d /Length %d >>\nstream\n%s\nendstream" % (kind, size // 1024, size, bytes(size)),
        ]
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, rows)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return bytes(out) + table + trailer


async def test_pictures_of_pages_that_were_read_are_let_go(tmp_path: Path) -> None:
    document = await parsed(tmp_path, "a.pdf", raw_pictures(30, 8), Limits(memory=180 * 2**20))
    assert [block.text for block in document.blocks] == [f"Line of page {n + 1}." for n in range(30)]
    with pytest.raises(DocumentRejected, match="more than 180 MB of memory"):
        await parsed(tmp_path, "a.pdf", raw_pictures(1, 240), Limits(memory=180 * 2**20))


def test_opening_anew_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(samples.good_pdf())
    at_once = pdf.parse_pdf(path, Limits())
    monkeypatch.setattr(pdf, "_KEPT", 1)
    assert pdf.parse_pdf(path, Limits()) == at_once
