"""The stages of an ingestion, who works on them, and how urgent one is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from girih.services.knowledge.schemas import Stage

Lane = Literal["parse", "embed"]
"""Stages that share their places in a worker: one document is parsed while another is embedded."""

LANES: tuple[Lane, ...] = ("parse", "embed")
LANE_OF: Mapping[Stage, Lane] = {"parse": "parse", "chunk": "parse", "embed": "embed", "store": "embed"}
STATUS_OF: Mapping[Stage, str] = {"parse": "parsing", "chunk": "chunking", "embed": "embedding", "store": "storing"}
"""What a document says while its job is in a stage."""

INTERACTIVE, BULK, REINDEX = 0, 10, 20
"""Priorities: somebody waits for this one; one of many, or of a sync; a document that can be searched already."""
