"""What the language knows in the shapes of the Language Server Protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lsprotocol import types

from girih.language.editing.hovers import Hover
from girih.language.editing.options import Option, Sort
from girih.language.editing.outlines import Symbol
from girih.language.editing.positions import Edit, Position, Range
from girih.language.editing.reading import Spot, Told
from girih.language.editing.repairs import Repair
from girih.language.editing.session import Document, Session
from girih.language.spec.source import Source

_SEVERITIES = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}
_SORTS: Mapping[Sort, types.CompletionItemKind] = {
    "key": types.CompletionItemKind.Property,
    "verb": types.CompletionItemKind.Keyword,
    "node": types.CompletionItemKind.Reference,
    "alias": types.CompletionItemKind.Variable,
    "uri": types.CompletionItemKind.Module,
    "value": types.CompletionItemKind.EnumMember,
    "name": types.CompletionItemKind.Variable,
    "field": types.CompletionItemKind.Field,
    "function": types.CompletionItemKind.Function,
    "file": types.CompletionItemKind.File,
    "variable": types.CompletionItemKind.Variable,
}
_SYMBOLS = {
    "key": types.SymbolKind.Namespace,
    "node": types.SymbolKind.Function,
    "field": types.SymbolKind.Field,
    "test": types.SymbolKind.Event,
}


def range_(given: Range) -> types.Range:
    """A range as the protocol has it."""
    return types.Range(types.Position(*given.start), types.Position(*given.end))


def position(given: types.Position) -> Position:
    """A position that an editor has sent."""
    return Position(given.line, given.character)


def range_from(given: types.Range) -> Range:
    """A range that an editor has sent."""
    return Range(position(given.start), position(given.end))


def edits_from(changes: Iterable[types.TextDocumentContentChangeEvent]) -> list[Edit]:
    """The changes of a document; one without a range replaces all of it."""
    return [
        Edit(range_from(change.range), change.text)
        if isinstance(change, types.TextDocumentContentChangePartial)
        else Edit(None, change.text)
        for change in changes
    ]


def text_edits(edits: Iterable[Edit]) -> list[types.TextEdit]:
    """Edits of one file."""
    return [types.TextEdit(range_(edit.range), edit.text) for edit in edits if edit.range is not None]


def diagnostic(told: Told, session: Session, document: Document, pages: Mapping[str, Path]) -> types.Diagnostic:
    """A finding: its sentence, and under it what to do. The code leads to its page on this machine."""
    page = pages.get(told.code)
    related = [
        types.DiagnosticRelatedInformation(location(spot, session, document), message) for spot, message in told.related
    ]
    return types.Diagnostic(
        range=range_(told.range),
        message=f"{told.message}\n{told.help}" if told.help else told.message,
        severity=_SEVERITIES[told.severity],
        code=told.code,
        code_description=types.CodeDescription(page.as_uri()) if page is not None else None,
        source="girih",
        related_information=related or None,
        data={"help": told.help} if told.help else None,
    )


def location(spot: Spot, session: Session, document: Document) -> types.Location:
    """A place of the document's workspace."""
    return types.Location(session.uri_of(Document(document.room, spot.file)), range_(spot.range))


def completion(options: Sequence[Option]) -> types.CompletionList:
    """What can be written; in the order it was offered in, whatever the words are."""
    return types.CompletionList(False, [_item(option, number) for number, option in enumerate(options)])


def _item(option: Option, number: int) -> types.CompletionItem:
    said = option.documentation
    return types.CompletionItem(
        label=option.label,
        kind=_SORTS[option.sort],
        detail=option.detail,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, said) if said else None,
        sort_text=f"{number:05}",
        filter_text=option.label,
        text_edit=types.TextEdit(range_(option.range), option.insert),
    )


def hover(found: Hover | None) -> types.Hover | None:
    """What to show of a word."""
    if found is None:
        return None
    contents = types.MarkupContent(types.MarkupKind.Markdown, found.text)
    return types.Hover(contents, range_(found.range) if found.range is not None else None)


def symbol(given: Symbol) -> types.DocumentSymbol:
    """A part of a file, with the parts it holds."""
    return types.DocumentSymbol(
        name=given.name,
        detail=given.detail or None,
        kind=_SYMBOLS[given.sort],
        range=range_(given.range),
        selection_range=range_(given.name_range),
        children=[symbol(child) for child in given.children] or None,
    )


def action(repair: Repair, source: Source, uri: str, given: Sequence[types.Diagnostic]) -> types.CodeAction:
    """A repair, with the finding it ends as the editor knows it."""
    ended = [one for one in given if one.code == repair.finding.code and repair.finding.message in one.message]
    return types.CodeAction(
        title=repair.title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=ended or None,
        is_preferred=True,
        edit=types.WorkspaceEdit(changes={uri: text_edits([repair.edit(source)])}),
    )
