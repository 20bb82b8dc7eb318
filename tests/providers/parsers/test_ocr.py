"""Pictures and scanned pages: what OCR reads in them where it is installed, and what is refused."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from tests.providers.parsers import office, samples
from tests.providers.parsers.test_parse import parsed, shape

from girih.errors import DocumentRejected
from girih.language.spec.pipelines import ParserStep
from girih.providers.parsers.limits import OCR_LIMITS
from girih.services.knowledge.taking import limits_of

INSTALLED = find_spec("rapidocr") is not None
FIRST = ("Parcels leave the warehouse", "on the day of the order.")


def drawn(*texts: str) -> Image.Image:
    """A white picture with these lines; an empty one leaves a gap."""
    made = Image.new("RGB", (900, 120 + 60 * len(texts)), "white")
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(size=36)
    for number, line in enumerate(texts):
        pen.text((60, 60 + 60 * number), line, fill="black", font=font)
    return made


def saved(*pictures: Image.Image, kind: str) -> bytes:
    out = BytesIO()
    more = {"save_all": True, "append_images": pictures[1:]} if len(pictures) > 1 else {}
    pictures[0].save(out, kind, resolution=200, **more)
    return out.getvalue()


def lines_of(text: str) -> list[str]:
    return text.replace("\n\n", "\n").split("\n")


def test_a_pipeline_asks_for_it() -> None:
    assert limits_of(ParserStep(ocr="auto")) == OCR_LIMITS
    assert not limits_of(ParserStep()).ocr


@pytest.mark.parametrize("name", ["a.png", "a.pdf", "a"])
async def test_without_it_a_picture_says_what_it_needs(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentRejected, match="this is a picture") as refused:
        await parsed(tmp_path, name, saved(drawn("x"), kind="PNG"))
    assert "ocr: auto" in str(refused.value.help)


@pytest.mark.skipif(INSTALLED, reason="the extra ocr is installed")
@pytest.mark.parametrize("name", ["a.png", "a.pdf"])
async def test_without_the_extra_it_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentRejected, match="needs OCR") as refused:
        await parsed(tmp_path, name, saved(drawn("x"), kind=name[2:].upper()), OCR_LIMITS)
    assert "girih[ocr]" in str(refused.value.help)


async def test_texts_are_read_as_ever(tmp_path: Path) -> None:
    content = samples.good_pdf()
    assert await parsed(tmp_path, "a.pdf", content, OCR_LIMITS) == await parsed(tmp_path, "a.pdf", content)


async def test_vast_and_broken_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentRejected, match=r"100,000 × 100,000 pixels"):
        await parsed(tmp_path, "vast.png", office.picture(100_000), OCR_LIMITS)
    with pytest.raises(DocumentRejected, match="damaged"):
        await parsed(tmp_path, "cut.png", saved(drawn("x"), kind="PNG")[:40], OCR_LIMITS)
    with pytest.raises(DocumentRejected, match="101 pictures"):
        await parsed(tmp_path, "many.tiff", saved(*[Image.new("1", (8, 8))] * 101, kind="TIFF"), OCR_LIMITS)


@pytest.mark.skipif(not INSTALLED, reason="the extra ocr is not installed")
class TestInstalled:
    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
    async def test_pictures(self, tmp_path: Path, kind: str) -> None:
        document = await parsed(tmp_path, f"note.{kind.lower()}", saved(drawn(*FIRST), kind=kind), OCR_LIMITS)
        assert (document.pages, document.title) == (1, None)
        assert shape(document) == [("paragraph", "\n".join(FIRST), (), 1)]

    async def test_each_picture_of_a_file_is_a_page(self, tmp_path: Path) -> None:
        content = saved(drawn(*FIRST), drawn("They take two days."), kind="TIFF")
        document = await parsed(tmp_path, "notes.tiff", content, OCR_LIMITS)
        assert [(text, page) for _, text, _, page in shape(document)] == [
            ("\n".join(FIRST), 1),
            ("They take two days.", 2),
        ]

    async def test_scanned_pages_of_a_pdf(self, tmp_path: Path) -> None:
        content = saved(drawn(*FIRST, "", "", "They take two days."), drawn("Abroad it is a week."), kind="PDF")
        document = await parsed(tmp_path, "scan.pdf", content, OCR_LIMITS)
        assert [(text, page) for _, text, _, page in shape(document)] == [
            ("\n".join(FIRST), 1),
            ("They take two days.", 1),
            ("Abroad it is a week.", 2),
        ]

    async def test_a_picture_without_text(self, tmp_path: Path) -> None:
        with pytest.raises(DocumentRejected, match="no text"):
            await parsed(tmp_path, "white.png", saved(Image.new("RGB", (300, 300), "white"), kind="PNG"), OCR_LIMITS)
