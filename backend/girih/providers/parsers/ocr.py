"""Text in pictures, read by RapidOCR where the extra `ocr` is installed; its models come with it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from girih.errors import DocumentRejected
from girih.providers.parsers.pdf_lines import Line

LONGEST_SIDE = 2000
"""Pixels; larger pictures are made smaller, which costs no legible letter and bounds memory and time."""

_OPTIONS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,
    "Global.max_side_len": LONGEST_SIDE,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Rec.rec_batch_num": 1,
}


class Reader:
    """An engine that is loaded, which takes a second. Raises `DocumentRejected` where there is none."""

    def __init__(self) -> None:
        try:
            # Not before it is needed, and never in a process that forks: it starts threads.
            engine: Any = import_module("rapidocr")
        except ImportError as fault:
            raise DocumentRejected(
                "the document needs OCR, which this server does not have", help="install girih[ocr] on the server"
            ) from fault
        self._engine = engine.RapidOCR(params=_OPTIONS)

    def lines(self, picture: Image.Image, page: int) -> list[Line]:
        """The lines from top to bottom; their letters have no size (0), their gaps are in heights of a line."""
        small = picture.copy() if picture.mode == "RGB" else _on_white(picture)
        small.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        found = self._engine(np.asarray(small))
        if found.boxes is None:
            return []
        lines: list[Line] = []
        above, below = 0.0, 0.0
        for box, text in zip(found.boxes, found.txts, strict=True):
            top, bottom = float(box[:, 1].min()), float(box[:, 1].max())
            if lines and min(bottom, below) - max(top, above) > (bottom - top) / 2:
                before = lines.pop()
                lines.append(Line(f"{before.text} {text.strip()}", 0.0, before.gap, page))
                continue
            gap = (top - below) / max(bottom - top, 1.0) if lines else 0.0
            lines.append(Line(text.strip(), 0.0, gap, page))
            above, below = top, bottom
        return [line for line in lines if line.text]


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    solid = picture.convert("RGBA")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(solid, mask=solid.getchannel("A"))
    return ground
