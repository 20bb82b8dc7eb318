"""The language server of `girih lsp`: which question of the protocol is answered by what."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from girih.cli.lsp_protocol import Utf16Protocol
from girih.cli.lsp_server import Server
from girih.errors import GirihError

_log = logging.getLogger(__name__)

A = TypeVar("A")
_REQUEST_FAILED = -32803
_TRIGGERS = [".", "$", "{", "/", "'", '"', " ", "-"]


def make_server(workspace: Path | None) -> LanguageServer:
    """A server that speaks for one editor, once it is started."""
    connection = LanguageServer("girih", importlib.metadata.version("girih"), protocol_cls=Utf16Protocol)
    server = Server(connection, workspace)
    for name, told in _notifications(server).items():
        connection.feature(name)(_plain(told))
    for name, (asked, options) in _requests(server).items():
        connection.feature(name, options)(_guarded(asked))
    return connection


def _notifications(server: Server) -> dict[str, Callable[[Any], None]]:
    """What is told is taken in at once, in the order it comes in."""
    return {
        types.INITIALIZE: server.initialize,
        types.SHUTDOWN: server.stop,
        types.TEXT_DOCUMENT_DID_OPEN: server.opened,
        types.TEXT_DOCUMENT_DID_CHANGE: server.changed,
        types.TEXT_DOCUMENT_DID_CLOSE: server.closed,
        types.TEXT_DOCUMENT_DID_SAVE: server.files_changed,
        types.WORKSPACE_DID_CHANGE_WATCHED_FILES: server.files_changed,
        types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: server.folders_changed,
    }


def _requests(server: Server) -> dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]]:
    return {
        types.INITIALIZED: (server.initialized, None),
        types.TEXT_DOCUMENT_COMPLETION: (server.completion, types.CompletionOptions(trigger_characters=_TRIGGERS)),
        types.TEXT_DOCUMENT_HOVER: (server.hover, None),
        types.TEXT_DOCUMENT_DEFINITION: (server.definition, None),
        types.TEXT_DOCUMENT_REFERENCES: (server.references, None),
        types.TEXT_DOCUMENT_PREPARE_RENAME: (server.prepare_rename, None),
        types.TEXT_DOCUMENT_RENAME: (server.rename, types.RenameOptions(prepare_provider=True)),
        types.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (server.symbols, None),
        types.TEXT_DOCUMENT_FORMATTING: (server.layout, None),
        types.TEXT_DOCUMENT_CODE_ACTION: (
            server.actions,
            types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
        ),
    }


def _plain(handler: Callable[[Any], None]) -> Callable[[Any], None]:
    def take(params: Any) -> None:
        try:
            handler(params)
        except Exception:  # noqa: BLE001 - one odd message must not end the session
            _log.exception("what the editor told could not be taken in")

    return take


def _guarded(handler: Callable[[Any], Awaitable[A]]) -> Callable[[Any], Awaitable[A | None]]:
    """A handler whose faults are told in our words: a refusal as its sentence, anything else in the log alone."""

    async def answer(params: Any) -> A | None:
        try:
            return await handler(params)
        except GirihError as error:
            sentence = f"{error.message}; {error.help}" if error.help else error.message
            raise JsonRpcException(sentence, _REQUEST_FAILED) from None
        except Exception:  # noqa: BLE001 - as above; the question gets no answer
            _log.exception("a question could not be answered")
            return None

    return answer
