"""The language server: what an editor sends → the session, what the session knows → the editor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from girih.cli import lsp_shapes as shapes
from girih.cli.explain import find_pages
from girih.cli.lsp_desk import Desk
from girih.errors import GirihError
from girih.language.editing import completion, prompts
from girih.language.editing.definitions import definitions, references
from girih.language.editing.formatting import layout_edits
from girih.language.editing.hovers import hover
from girih.language.editing.outlines import outline
from girih.language.editing.positions import index_at
from girih.language.editing.reading import Reading, Told
from girih.language.editing.renaming import rename, renamed_at
from girih.language.editing.repairs import repairs
from girih.language.editing.room import Room
from girih.language.editing.session import Document, Session
from girih.language.spec.source import Source

A = TypeVar("A")


class Server:
    """One editor's session on a connection."""

    def __init__(self, connection: LanguageServer, workspace: Path | None) -> None:
        self.session = Session()
        self._connection = connection
        self._desk = Desk(self._tell)
        self._workspace = workspace
        self._versions: dict[str, int] = {}
        self._pages: Mapping[str, Path] = _pages()

    # --- the session

    def initialize(self, params: types.InitializeParams) -> None:
        """The folders that the editor shows."""
        if self._workspace is not None:
            self.session.add_folder(self._workspace.resolve().as_uri())
            self.session.add_folder(self._workspace.absolute().as_uri())
        found = [folder.uri for folder in params.workspace_folders or ()]
        for uri in found or [uri for uri in (params.root_uri,) if uri]:
            self.session.add_folder(uri)

    async def initialized(self, _: types.InitializedParams) -> None:
        """Ask to be told what changes on disk, where the editor can do that."""
        able = self._connection.client_capabilities.workspace
        watched = able.did_change_watched_files if able is not None else None
        if watched is not None and watched.dynamic_registration:
            watcher = types.FileSystemWatcher("**/*")
            options = types.DidChangeWatchedFilesRegistrationOptions([watcher])
            wanted = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            await self._connection.client_register_capability_async(types.RegistrationParams([wanted]))

    def folders_changed(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        """The editor shows other folders; documents that are open stay where they are."""
        for folder in params.event.removed:
            self.session.remove_folder(folder.uri)
        for folder in params.event.added:
            self.session.add_folder(folder.uri)

    def files_changed(self, _: object) -> None:
        """Something has changed on disk."""
        self.session.look_again()
        for room in self.session.rooms():
            self._desk.changed(room)

    def stop(self, _: None) -> None:
        """The session is over."""
        self._desk.close()

    # --- documents

    def opened(self, params: types.DidOpenTextDocumentParams) -> None:
        """A document is opened."""
        given = params.text_document
        self._versions[given.uri] = given.version
        self._desk.changed(self.session.open(given.uri, given.text).room, at_once=True)

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        """A document has changed."""
        self._versions[params.text_document.uri] = params.text_document.version
        edits = shapes.edits_from(params.content_changes)
        document = self.session.change(params.text_document.uri, edits)
        if document is not None:
            self._desk.changed(document.room)

    def closed(self, params: types.DidCloseTextDocumentParams) -> None:
        """A document is closed."""
        self._versions.pop(params.text_document.uri, None)
        document = self.session.close(params.text_document.uri)
        if document is not None:
            self._desk.changed(document.room)

    def _tell(self, room: Room, news: Mapping[str, tuple[Told, ...]]) -> None:
        for file, found in news.items():
            if file in room.open and not room.is_current(file):
                continue  # it has changed meanwhile: the next analysis is on its way
            document = Document(room, file)
            uri = self.session.uri_of(document)
            told = [shapes.diagnostic(one, self.session, document, self._pages) for one in found]
            params = types.PublishDiagnosticsParams(uri, told, self._versions.get(uri))
            self._connection.text_document_publish_diagnostics(params)

    # --- questions

    async def completion(self, params: types.CompletionParams) -> types.CompletionList | None:
        """What can be written; with what was known last, for a half-typed text has nothing better."""
        document = self.session.document(params.text_document.uri)
        if document is None:
            return None
        room, file = document
        reading = room.reading or await self._desk.current(room)
        source = Source(file, room.open.get(file, ""))
        index = index_at(source, shapes.position(params.position))
        if file.lower().endswith((".yaml", ".yml", ".json")):
            return shapes.completion(completion.completions(source, index, reading, room.last_good(file)))
        return shapes.completion(prompts.completions(source, index, reading)) if reading is not None else None

    async def hover(self, params: types.HoverParams) -> types.Hover | None:
        """What a word means."""
        return await self._at(params, lambda d, r, i: shapes.hover(hover(r, d.file, i, self._page)))

    async def definition(self, params: types.DefinitionParams) -> list[types.Location] | None:
        """Where a name is defined."""
        return await self._at(
            params, lambda d, r, i: [shapes.location(s, self.session, d) for s in definitions(r, d.file, i)]
        )

    async def references(self, params: types.ReferenceParams) -> list[types.Location] | None:
        """Where a node is named."""
        whole = params.context.include_declaration
        return await self._at(
            params,
            lambda d, r, i: [
                shapes.location(s, self.session, d) for s in references(r, d.file, i, with_definition=whole)
            ],
        )

    async def prepare_rename(self, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
        """Whether there is a node to rename."""

        def found(document: Document, reading: Reading, index: int) -> types.PrepareRenamePlaceholder | None:
            node = renamed_at(reading, document.file, index)
            return types.PrepareRenamePlaceholder(shapes.range_(node[1]), node[0]) if node is not None else None

        return await self._at(params, found)

    async def rename(self, params: types.RenameParams) -> types.WorkspaceEdit | None:
        """Another name for a node. Fails with a sentence where it cannot have it."""
        uri = params.text_document.uri
        return await self._at(
            params,
            lambda d, r, i: types.WorkspaceEdit(
                changes={uri: shapes.text_edits(rename(r, d.file, i, params.new_name))}
            ),
        )

    async def symbols(self, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol] | None:
        """The outline of a spec."""
        document = self.session.document(params.text_document.uri)
        reading = await self._desk.current(document.room) if document is not None else None
        tree = reading.tree(document.file) if reading is not None and document is not None else None
        return [shapes.symbol(one) for one in outline(tree)] if tree is not None else None

    async def layout(self, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        """A spec in its layout; nothing for a file that is none."""
        document = self.session.document(params.text_document.uri)
        reading = await self._desk.current(document.room) if document is not None else None
        if document is None or reading is None or reading.tree(document.file) is None:
            return None
        return shapes.text_edits(layout_edits(Source(document.file, document.room.open[document.file])))

    async def actions(self, params: types.CodeActionParams) -> list[types.CodeAction] | None:
        """What puts findings right."""
        document = self.session.document(params.text_document.uri)
        reading = await self._desk.current(document.room) if document is not None else None
        if document is None or reading is None:
            return None
        room, file, wanted = document.room, document.file, shapes.range_from(params.range)
        found = await self._desk.tried(lambda: repairs(reading, file, wanted, room.analysed))
        source, uri = reading.source(file), params.text_document.uri
        return [shapes.action(repair, source, uri, params.context.diagnostics) for repair in found]

    async def _at(self, params: Any, answer: Callable[[Document, Reading, int], A]) -> A | None:
        """The answer about a place of an open document, from an analysis of what stands there now."""
        document = self.session.document(params.text_document.uri)
        reading = await self._desk.current(document.room) if document is not None else None
        if document is None or reading is None:
            return None
        return answer(document, reading, index_at(reading.source(document.file), shapes.position(params.position)))

    def _page(self, code: str) -> str | None:
        page = self._pages.get(code)
        return page.read_text("utf-8") if page is not None else None


def _pages() -> Mapping[str, Path]:
    try:
        return find_pages()
    except GirihError:
        return {}
