"""What Celery says in a worker's log: its warnings in a line each, and not its small talk."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from celery.exceptions import SecurityWarning
from celery.signals import setup_logging


def tame() -> None:
    """Keep the process's own logging, and let Celery write into it."""
    # Celery warns of root because of messages that run code when they are read; ours are JSON, and nothing else is
    # accepted. In a container the image's own user works.
    warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)
    setup_logging.connect(_keep_logging, weak=False)


def _keep_logging(**_: Any) -> None:
    """Logging is set up already: with somebody to ask, Celery leaves it as it is, only its chatter is turned down."""
    for chatty in ("celery.app.trace", "celery.worker.strategy", "kombu", "amqp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("celery.worker.consumer.consumer").addFilter(_in_one_sentence)
    logging.getLogger("py.warnings").addFilter(_no_default_to_come)


def _in_one_sentence(record: logging.LogRecord) -> bool:
    """A broker that is away is tried again until it is back: it deserves a line, not a page of stack."""
    if record.levelno <= logging.WARNING:
        record.exc_info = record.exc_text = None
    return True


def _no_default_to_come(record: logging.LogRecord) -> bool:
    """Celery warns at each lost connection of a default that will change; ours is chosen, in `jobs.py`."""
    return "CPendingDeprecationWarning" not in record.getMessage()
