"""A package with plug-ins, installed into a folder: a module, and the metadata of its entry points."""

from __future__ import annotations

from pathlib import Path

MODULE = '''
"""Functions of a shop."""

import asyncio
import time
from typing import Literal

from pydantic import BaseModel

LOADED = []


class Price(BaseModel):
    """What something costs."""

    amount: float
    currency: str = "EUR"


def price(article: str, pieces: int = 1) -> Price:
    """What some pieces of an article cost."""
    return Price(amount=2.5 * pieces)


async def stock(article: str, size: Literal["s", "l"] | None = None) -> list[int]:
    """How many there are of each size."""
    await asyncio.sleep(0)
    return [3, 4]


def slow(seconds: float) -> str:
    """Takes its time."""
    time.sleep(seconds)
    return "done"


def broken(article: str) -> str:
    """Fails, and says too much."""
    raise ValueError("the password is hunter2")


def untyped(article):
    return article


def unsaid(article: str):
    return article


number = 3
'''

NAMES = ("price", "stock", "slow", "broken", "untyped", "unsaid", "number")


def install(folder: Path) -> None:
    """Put the package into a folder that is, or will be, on `sys.path`."""
    (folder / "shop_plugins.py").write_text(MODULE)
    information = folder / "shop_plugins-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-plugins\nVersion: 1.0\n")
    lines = [f"shop.{name} = shop_plugins:{name}" for name in NAMES] + ["shop.gone = shop_plugins_gone:x"]
    (information / "entry_points.txt").write_text("[girih.tools]\n" + "\n".join(lines) + "\n")
