"""Pages by their addresses: lists and sitemaps, asked with ETag and date so that nothing is sent twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import unquote, urldefrag, urlsplit
from urllib.robotparser import RobotFileParser

from girih.providers.loaders.base import PAGE, Content, Item, ItemFault, ItemGone, Page, SourceFault
from girih.providers.loaders.door import AGENT, Door, source_fault
from girih.providers.loaders.globs import Globs
from girih.providers.loaders.options import WebSource
from girih.providers.loaders.reach import Reach
from girih.providers.loaders.sitemaps import MAX_BYTES, read_sitemap
from girih.providers.outbound import OutboundError
from girih.providers.parsers.formats import FORMATS

_ROBOTS_BYTES = 500_000
_MOST_SITEMAPS = 500
_ENDINGS: Mapping[str, str] = {
    "text/html": ".html",
    "application/xhtml+xml": ".xhtml",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "application/pdf": ".pdf",
}


class WebLoader:
    """Asks for one page after the other, and for nothing that robots.txt asks to leave alone."""

    is_whole = True

    def __init__(self, options: WebSource, reach: Reach) -> None:
        base = reach.endpoint(options.endpoint) if options.endpoint else None
        self._door = Door(reach.client, base=base, token=reach.secret(options.token))
        self._options = options
        self._globs = Globs(options.include, options.exclude)
        self._max_bytes = reach.max_bytes
        self._robots: dict[str, RobotFileParser] = {}

    async def pages(self, after: str | None) -> AsyncIterator[Page]:
        """See `Loader`; it always begins anew."""
        del after
        addresses = dict.fromkeys(urldefrag(url).url for url in self._options.urls)
        for url in await self._in_sitemaps():
            if self._globs.take(urlsplit(url).path):
                addresses.setdefault(urldefrag(url).url)
        if len(addresses) > self._options.max_pages:
            raise SourceFault(
                f"the sitemaps name {len(addresses)} pages, and at most {self._options.max_pages} may be taken",
                help="raise `max_pages`, or choose with `include` and `exclude`",
            )
        items = [Item(ref=url, name=_name(url, "")) for url in addresses]
        for at in range(0, len(items), PAGE):
            yield Page(tuple(items[at : at + PAGE]), total=len(items))

    @asynccontextmanager
    async def fetch(self, item: Item, known: str | None) -> AsyncIterator[Content]:
        """See `Loader`."""
        if self._options.robots and not (await self._rules(item.ref)).can_fetch(AGENT, item.ref):
            raise ItemFault("robots.txt asks to leave this page alone", help="set `robots: false` if it is your own")
        try:
            async with self._door.open(item.ref, _conditions(known), self._max_bytes) as answer:
                kind = _media_type(answer.headers.get("content-type", ""))
                mark = _mark(answer.headers)
                yield Content(answer.pieces, mark=mark, name=_name(item.ref, kind), media_type=kind or None)
        except OutboundError as fault:
            raise ItemFault(fault.message, help=fault.help) from fault

    async def _in_sitemaps(self) -> dict[str, None]:
        """The pages that the sitemaps name. One that cannot be read ends it: its pages would seem to be gone."""
        found: dict[str, None] = {}
        seen: set[str] = set()
        level = list(self._options.sitemaps)
        for _ in range(self._options.max_depth + 1):
            deeper: list[str] = []
            for url in level:
                if url in seen:
                    continue
                seen.add(url)
                if len(seen) > _MOST_SITEMAPS:
                    raise SourceFault(f"the sitemaps name more than {_MOST_SITEMAPS} others", help="name them yourself")
                try:
                    sitemap = read_sitemap(await self._door.read(url, MAX_BYTES), url)
                except (ItemFault, OutboundError) as fault:
                    raise source_fault(fault, f"the sitemap {url} cannot be read") from fault
                found |= dict.fromkeys(sitemap.pages)
                deeper += sitemap.sitemaps
            level = deeper
        return found

    async def _rules(self, url: str) -> RobotFileParser:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._robots:
            rules = RobotFileParser()
            try:
                rules.parse(
                    (await self._door.read(f"{origin}/robots.txt", _ROBOTS_BYTES))
                    .decode("utf-8", "replace")
                    .splitlines()
                )
            except ItemFault as fault:
                # As RFC 9309 has it: without rules everything is allowed, behind a broken server nothing is.
                if not isinstance(fault, ItemGone) and fault.details.get("can_pass"):
                    raise ItemFault(f"robots.txt cannot be read: {fault.message}") from fault
                rules.parse([])
            except OutboundError as fault:
                raise ItemFault(f"robots.txt cannot be read: {fault.message}", help=fault.help) from fault
            self._robots[origin] = rules
        return self._robots[origin]


def _conditions(known: str | None) -> dict[str, str]:
    """What asks the server to send the page only if it is not what was taken last."""
    if known is None:
        return {}
    try:
        marks = json.loads(known)
    except ValueError:
        return {}
    sent = {"if-none-match": marks.get("etag"), "if-modified-since": marks.get("date")}
    return {name: value for name, value in sent.items() if value}


def _mark(headers: Mapping[str, str]) -> str | None:
    marks = {"etag": headers.get("etag"), "date": headers.get("last-modified")}
    known = {name: value for name, value in marks.items() if value}
    return json.dumps(known, sort_keys=True) if known else None


def _media_type(header: str) -> str:
    message = Message()
    message["content-type"] = header
    return message.get_content_type() if header else ""


def _name(url: str, media_type: str) -> str:
    """What the document is called: host and path, and an ending that says what it is."""
    parts = urlsplit(url)
    path = unquote(parts.path).strip("/") + (f"?{parts.query}" if parts.query else "")
    plain = "".join(char if char.isprintable() else "_" for char in f"{parts.hostname}/{path}".rstrip("/"))
    ending = _ENDINGS.get(media_type, "")
    has_one = "/" in plain and PurePosixPath(plain).suffix.lower() in FORMATS
    return plain[-230:] if has_one else f"{plain[-230:]}{ending or '.html'}"
