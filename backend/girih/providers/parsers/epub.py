"""Electronic books (EPUB)."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lxml import etree

from girih.errors import DocumentRejected
from girih.providers.parsers.document import Builder, ParsedDocument
from girih.providers.parsers.html import read_markup
from girih.providers.parsers.limits import Limits
from girih.providers.parsers.packages import DAMAGE
from girih.providers.parsers.text import decode

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONTS_ONLY = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_PAGES = ("application/xhtml+xml", "text/html")
_DAMAGED = "the book is damaged and cannot be read"


def parse_epub(path: Path, limits: Limits) -> ParsedDocument:
    """The chapters in the book's order; the page is the chapter's number."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Book(archive).read(limits)
    except DAMAGE as fault:
        raise DocumentRejected(_DAMAGED, help="export it anew and upload it again") from fault


class _Book:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def read(self, limits: Limits) -> ParsedDocument:
        """The whole book."""
        self._refuse_locked()
        root = self._xml(_CONTAINER).find(".//{*}rootfile")
        place = root.get("full-path", "") if root is not None else ""
        package = self._xml(place)
        chapters = _chapters(package, posixpath.dirname(place))
        if len(chapters) > limits.pages:
            raise DocumentRejected(f"the book has more than {limits.pages:,} chapters", help="split it")
        builder = Builder(limits.characters)
        for number, name in enumerate(chapters, start=1):
            read_markup(decode(self._archive.read(name)), builder, limits, number)
        title = package.find(".//{http://purl.org/dc/elements/1.1/}title")
        return builder.build(title.text if title is not None else None, len(chapters))

    def _refuse_locked(self) -> None:
        """Fonts may be disguised; a chapter that is encrypted cannot be read."""
        if _ENCRYPTION not in self._archive.namelist():
            return
        methods = {method.get("Algorithm") for method in self._xml(_ENCRYPTION).iterfind(".//{*}EncryptionMethod")}
        if methods - set(_FONTS_ONLY):
            raise DocumentRejected("the book is encrypted (DRM) and cannot be read", help="upload a copy without DRM")

    def _xml(self, name: str) -> Any:
        """A part as XML. Entities are never followed."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        root = etree.fromstring(self._archive.read(name), parser)
        if root is None:
            raise ValueError(f"{name} is empty")
        return root


def _chapters(package: Any, folder: str) -> list[str]:
    """The names of the parts with text, in reading order."""
    names = {
        item.get("id"): posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
        for item in package.iterfind(".//{*}manifest/{*}item")
        if item.get("media-type") in _PAGES
    }
    order = (item.get("idref") for item in package.iterfind(".//{*}spine/{*}itemref"))
    return [names[ref] for ref in dict.fromkeys(order) if ref in names]
