"""How log lines look: one JSON object each (or a readable line), with the request they belong to."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import stamina.instrumentation
import structlog
from structlog.typing import EventDict

from girih.providers.telemetry.secret_texts import without_secrets

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
)


_log = structlog.get_logger("girih.retries")


def _say_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """A retry in one line, without the call's arguments: they hold what people wrote."""
    reason, seconds = type(details.caused_by).__name__, round(details.wait_for, 2)
    _log.warning("trying again", call=details.name, retry=details.retry_num, seconds=seconds, reason=reason)


def _secretless(_: Any, __: str, event: EventDict) -> EventDict:
    """Hide what looks like a secret, wherever it came from."""
    return {name: without_secrets(value) if isinstance(value, str) else value for name, value in event.items()}


def _harmless(_: Any, __: str, event: EventDict) -> EventDict:
    """Write out the characters that would steer a terminal or begin a line; a traceback keeps its lines."""
    return {
        name: "".join(map(_visible, value)).replace("\\x0a", "\n" if name == "exception" else "\\x0a")
        if isinstance(value, str)
        else value
        for name, value in event.items()
    }


def _visible(character: str) -> str:
    return character if character.isprintable() else f"\\x{ord(character):02x}"


def configure_logging(level: str, form: Literal["json", "console"]) -> None:
    """Send structlog's and the libraries' lines of at least `level` to stderr in one form."""
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.JSONRenderer(default=str)]
        if form == "json"
        # The plain form: a prettier one would print local variables, and secrets with them.
        else [
            _harmless,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _secretless,
                *renderers,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "openai", "asyncio"):
        logging.getLogger(chatty).setLevel(max(root.level, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    stamina.instrumentation.set_on_retry_hooks([_say_retry])
