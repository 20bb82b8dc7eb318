"""How much of a document is taken, and what parsing it may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Caps on one document. Memory is what the parser may allocate; both times are in seconds."""

    memory: int = 512 * 2**20
    cpu_seconds: int = 60
    wall_seconds: int = 120
    pages: int = 5_000
    """Pages of a PDF, slides of a presentation, sheets of a workbook, chapters of a book."""
    cells: int = 1_000_000
    """Cells of all tables of a workbook or a CSV file."""
    parts: int = 5_000
    """Files in a packed file (DOCX, PPTX, XLSX, EPUB), or parts of a mail."""
    characters: int = 20_000_000
    unpacked: int = 200 * 2**20
    """Bytes that a packed file may hold when unpacked."""
    output: int = 128 * 2**20
    """Bytes of the child's answer."""
    ocr: bool = False
    """Whether text is read out of pictures."""
    pixels: int = 50_000_000
    """Pixels of one picture."""
    scans: int = 100
    """Pictures that text is read out of: files of pictures may hold several, and pages of a PDF may be some."""


OCR_LIMITS = Limits(ocr=True, memory=1024 * 2**20, cpu_seconds=900, wall_seconds=1800)
"""What reading text out of pictures may cost: about five seconds of processor time each."""
