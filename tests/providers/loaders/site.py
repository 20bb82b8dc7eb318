"""A small real web site on a free port: pages with ETags and dates, sitemaps, redirects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.providers.servers import Asked


@dataclass(frozen=True)
class _Page:
    body: bytes
    headers: dict[str, str]
    status: int = 200


@dataclass
class Site:
    """The pages it has now, what it was asked, and how often it sent a body."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    pages: dict[str, _Page] = field(default_factory=dict)

    def put(
        self,
        path: str,
        body: bytes | str,
        *,
        kind: str = "text/html; charset=utf-8",
        etag: str | None = None,
        modified: str | None = None,
        encoding: str | None = None,
    ) -> None:
        headers = {"content-type": kind, "etag": etag, "last-modified": modified, "content-encoding": encoding}
        data = body.encode() if isinstance(body, str) else body
        self.pages[path] = _Page(data, {name: value for name, value in headers.items() if value is not None})

    def redirect(self, path: str, to: str) -> None:
        self.pages[path] = _Page(b"", {"location": to}, 302)

    def fail(self, path: str, status: int) -> None:
        self.pages[path] = _Page(b"", {}, status)

    def remove(self, path: str) -> None:
        del self.pages[path]

    def sitemap(self, *paths: str) -> str:
        return self._map("urlset", "url", paths)

    def index(self, *paths: str) -> str:
        return self._map("sitemapindex", "sitemap", paths)

    def _map(self, root: str, each: str, paths: tuple[str, ...]) -> str:
        full = (path if path.startswith("http") else self.url + path for path in paths)
        inner = "".join(f"<{each}><loc> {path} </loc></{each}>" for path in full)
        return f'<?xml version="1.0"?><{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</{root}>'

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ", 2)
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            self.asked.append(Asked(method, path, headers, b""))
            page = self.pages.get(path, _Page(b"", {}, 404))
            if page.status == 200 and _is_same(page, headers):
                page = _Page(b"", page.headers, 304)
            if page.status == 200:
                self.sent.append(path)
            lines = [f"HTTP/1.1 {page.status} X", f"content-length: {len(page.body)}", "connection: close"]
            lines += [f"{name}: {value}" for name, value in page.headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode() + page.body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


def _is_same(page: _Page, asked: dict[str, str]) -> bool:
    etag, modified = page.headers.get("etag"), page.headers.get("last-modified")
    if "if-none-match" in asked:
        return asked["if-none-match"] == etag
    return modified is not None and asked.get("if-modified-since") == modified


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    """A running site without a page."""
    found = Site()
    listening = await asyncio.start_server(found.handle, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        listening.close()
