"""The names of domain events, as authors and senders write them."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

EventType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$", max_length=100)]
"""A domain event's type: lower-case words joined by dots, such as `order.refunded`."""
