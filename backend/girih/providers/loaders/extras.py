"""Drivers that not every installation has, loaded when a source needs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from girih.providers.loaders.base import SourceFault


def extra(module: str, kind: str) -> ModuleType:
    """A module of the optional drivers. Raises `SourceFault` where it is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as fault:
        raise SourceFault(
            f"this server lacks the driver for sources of kind {kind}", help="install it: pip install 'girih[sources]'"
        ) from fault
