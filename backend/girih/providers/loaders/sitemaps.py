"""The addresses that sitemaps name: XML, an index of others, or plain text, gzipped or not."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlsplit

from lxml import etree

from girih.providers.loaders.base import ItemFault

MAX_BYTES = 50 * 2**20
"""As the protocol of sitemaps has it."""
_LONGEST = 2000


@dataclass(frozen=True)
class Sitemap:
    """The pages that a sitemap names, or the sitemaps that an index does."""

    pages: tuple[str, ...]
    sitemaps: tuple[str, ...]


def read_sitemap(content: bytes, url: str) -> Sitemap:
    """What a sitemap says of its own host; addresses of other hosts are not its business. Raises `ItemFault`."""
    content = _plain(content)
    if not content.lstrip().startswith(b"<"):
        lines = content.decode("utf-8", "replace").splitlines()
        return Sitemap(tuple(_own((line.strip() for line in lines), url)), ())
    places: dict[str, list[str]] = {"url": [], "sitemap": []}
    try:
        # Entities and document types are not read: a sitemap has no use for either.
        for _, found in etree.iterparse(BytesIO(content), resolve_entities=False, no_network=True, load_dtd=False):
            kind = etree.QName(found).localname if isinstance(found.tag, str) else ""
            if kind in places:
                places[kind] += [_text(child) for child in found if _is_loc(child)]
                found.clear()
    except etree.XMLSyntaxError as fault:
        raise ItemFault("the sitemap is not well-formed XML") from fault
    return Sitemap(tuple(_own(places["url"], url)), tuple(_own(places["sitemap"], url)))


def _plain(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(content, MAX_BYTES)
    except zlib.error as fault:
        raise ItemFault("the sitemap's compression is broken") from fault
    if unpacker.unconsumed_tail:
        raise ItemFault(f"the sitemap is larger than {MAX_BYTES // 2**20} MB")
    return plain


def _is_loc(element: etree._Element) -> bool:
    return isinstance(element.tag, str) and etree.QName(element).localname == "loc"


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def _own(addresses: list[str] | Iterator[str], url: str) -> Iterator[str]:
    host = urlsplit(url).hostname
    for address in addresses:
        try:
            parts = urlsplit(address)
        except ValueError:
            continue
        if parts.scheme in ("http", "https") and parts.hostname == host and len(address) <= _LONGEST:
            yield address
