"""The jobs girih hands to Celery, by name, and the client that rings for them."""

from __future__ import annotations

INGEST = "knowledge.ingest"
"""Bring one document into its collection. Argument: the job's id."""
