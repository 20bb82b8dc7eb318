"""Pages by lists and sitemaps, over a real local server: conditions, robots, redirects, limits and the guard."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.providers.loaders.listing import fetched, listed, loader, reach
from tests.providers.loaders.site import Site, site

from girih.providers.loaders.base import ItemFault, ItemGone, ItemSame, SourceFault


@pytest.fixture
async def pages() -> AsyncIterator[Site]:
    async with site() as found:
        found.put("/a", "<h1>A</h1>", etag='"1"')
        found.put("/b", "<h1>B</h1>", modified="Wed, 21 Oct 2026 07:28:00 GMT")
        found.put("/sitemap.xml", found.sitemap("/a", "/b", "https://elsewhere.example/x"))
        yield found


def web(pages: Site, **options: Any) -> Any:
    return loader(reach({"site": pages.url}), kind="web", **options)


async def test_a_sitemap_and_an_index_of_them_name_pages_of_their_own_host(pages: Site) -> None:
    pages.put("/index.xml", pages.index("/sitemap.xml", "/packed.xml.gz", "/index.xml"))
    pages.put("/packed.xml.gz", gzip.compress(pages.sitemap("/c", "/a").encode()))
    source = web(pages, urls=[f"{pages.url}/d#part"], sitemaps=[f"{pages.url}/index.xml"])
    assert [item.ref.removeprefix(pages.url) for item in await listed(source)] == ["/d", "/a", "/b", "/c"]


async def test_what_is_unchanged_is_not_sent_again(pages: Site) -> None:
    source = web(pages, sitemaps=[f"{pages.url}/sitemap.xml"])
    for item in await listed(source):
        async with source.fetch(item, None) as content:
            assert content.mark
            assert content.name and content.name.endswith(".html")
            assert await anext(content.pieces)
        with pytest.raises(ItemSame):
            await fetched(source, item, content.mark)
    pages.put("/a", "<h1>new</h1>", etag='"2"')
    assert await fetched(source, (await listed(source))[0], '{"etag": "\\"1\\""}') == b"<h1>new</h1>"


async def test_redirects_are_followed_through_the_guard(pages: Site) -> None:
    pages.redirect("/old", "/a")
    pages.redirect("/round", "/round")
    pages.redirect("/out", "http://127.0.0.1:1/private")
    pages.redirect("/meta", "http://169.254.169.254/latest")
    source = web(pages, urls=[f"{pages.url}/{name}" for name in ("old", "round", "out", "meta")])
    old, around, out, meta = await listed(source)
    assert await fetched(source, old) == b"<h1>A</h1>"
    with pytest.raises(ItemFault, match="5 redirects"):
        await fetched(source, around)
    for item in (out, meta):
        with pytest.raises(ItemFault, match="not on the public network"):
            await fetched(source, item)


async def test_a_private_host_is_refused_unless_the_operator_bound_it(pages: Site) -> None:
    for named in ({"urls": [f"{pages.url}/a"]}, {"sitemaps": [f"{pages.url}/sitemap.xml"]}):
        with pytest.raises(SourceFault, match="not on the public network"):
            loader(reach(), kind="web", **named)
    elsewhere = pages.url.replace("127.0.0.1", "localhost")
    pages.put("/far.xml", f"<urlset><url><loc>{elsewhere}/a</loc></url></urlset>", kind="application/xml")
    source = web(pages, sitemaps=[f"{pages.url}/far.xml"])
    assert await listed(source) == []  # a sitemap speaks for its own host alone


async def test_robots_are_heard(pages: Site) -> None:
    pages.put("/robots.txt", "User-agent: *\nDisallow: /b\n", kind="text/plain")
    source = web(pages, sitemaps=[f"{pages.url}/sitemap.xml"])
    a, b = await listed(source)
    assert await fetched(source, a)
    with pytest.raises(ItemFault, match=r"robots\.txt"):
        await fetched(source, b)
    assert await fetched(web(pages, urls=[b.ref], robots=False), b)


async def test_a_token_goes_to_its_endpoint_alone(pages: Site) -> None:
    async with site() as other:
        other.put("/x", "there")
        pages.redirect("/leave", f"{other.url}/x")
        at = reach({"site": pages.url, "other": other.url}, secrets={"site.token": "s3cret"})
        urls = [f"{pages.url}/a", f"{pages.url}/leave", f"{other.url}/x"]
        source = loader(at, kind="web", urls=urls, endpoint="site", token="secret://site.token", robots=False)
        for item in await listed(source):
            await fetched(source, item)
        assert {asked.headers.get("authorization") for asked in pages.asked} == {"Bearer s3cret"}
        assert {asked.headers.get("authorization") for asked in other.asked} == {None}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<urlset><url><loc>", "not well-formed"),
        (b"\x1f\x8bnothing packed", "compression is broken"),
        (gzip.compress(b" " * (50 * 2**20 + 2)), "larger than 50 MB"),
    ],
)
async def test_a_sitemap_that_cannot_be_read_is_a_fault_and_no_empty_listing(
    pages: Site, body: bytes, said: str
) -> None:
    pages.put("/bad.xml", body)
    with pytest.raises(SourceFault, match=said):
        await listed(web(pages, sitemaps=[f"{pages.url}/bad.xml"]))
    with pytest.raises(SourceFault, match="status 404"):
        await listed(web(pages, sitemaps=[f"{pages.url}/none.xml"]))


async def test_entities_of_a_sitemap_are_not_read(pages: Site) -> None:
    body = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><urlset><url><loc>{}/&f;</loc></url></urlset>'
    pages.put("/entities.xml", body.format(pages.url))
    found = await listed(web(pages, sitemaps=[f"{pages.url}/entities.xml"]))
    assert all("root" not in item.ref for item in found)


async def test_too_many_and_too_large(pages: Site) -> None:
    with pytest.raises(SourceFault, match="at most 1"):
        await listed(web(pages, sitemaps=[f"{pages.url}/sitemap.xml"], max_pages=1))
    pages.put("/big", gzip.compress(b"x" * (2**20 + 1)), encoding="gzip")
    source = web(pages, urls=[f"{pages.url}/big", f"{pages.url}/gone"])
    big, gone = await listed(source)
    with pytest.raises(ItemFault, match="larger than"):
        await fetched(source, big)
    with pytest.raises(ItemGone):
        await fetched(source, gone)
