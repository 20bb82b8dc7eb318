"""Measures search on the Cranfield collection: nDCG@10 and recall@100 of each mode, and the time of a search.

`python -m tests.benchmarks.retrieval FOLDER [EMBEDDER]` with the folder that holds `cran.all.1400.xml`, `cran.qry.xml`
and `cranqrel.trec.txt`; the embedder is minilm or hashing.
"""

from __future__ import annotations

import asyncio
import html
import math
import re
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from tests.conftest import fresh_database, make_scope

from girih.db.engine import make_engine, make_sessions
from girih.db.migrations import upgrade
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.language.compiler.workspace import OtherSpec
from girih.language.nodes.ports import SearchMode, SearchRequest
from girih.providers.embeddings.ladder import Embedders
from girih.providers.storage.local import LocalStorage
from girih.services.knowledge import stages
from girih.services.knowledge.collections import CollectionService
from girih.services.knowledge.documents import DocumentService
from girih.services.knowledge.lanes import LANES
from girih.services.knowledge.service import KnowledgeService

MODES: tuple[SearchMode, ...] = ("keyword", "vector", "hybrid")
DEPTH = 10


def documents(folder: Path) -> dict[str, bytes]:
    """Each abstract as a Markdown document under its title, by name."""
    found = {}
    for block in (folder / "cran.all.1400.xml").read_text(encoding="utf-8", errors="replace").split("<doc>")[1:]:
        number = field(block, "docno")
        title = " ".join(field(block, "title").split())
        found[f"{number}.md"] = f"# {title}\n\n{field(block, 'text')}".encode()
    return found


def queries(folder: Path) -> list[str]:
    """The questions; their place in the list (from 1) is their number in the judgements."""
    blocks = (folder / "cran.qry.xml").read_text(encoding="utf-8", errors="replace").split("<top>")[1:]
    return [" ".join(field(block, "title").split()) for block in blocks]


def judgements(folder: Path) -> dict[int, dict[str, int]]:
    """Document → relevance, by question."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for line in (folder / "cranqrel.trec.txt").read_text().splitlines():
        query, _, document, relevance = line.split()[:4]
        if int(relevance) > 0:
            found[int(query)][f"{document}.md"] = int(relevance)
    return found


def field(block: str, tag: str) -> str:
    match = re.search(rf"<{tag}>(.*?)</{tag}>", block, re.DOTALL)
    return html.unescape(match.group(1)).strip() if match else ""


def ndcg(ranking: list[str], relevant: dict[str, int]) -> float:
    gains = sum(relevant.get(name, 0) / math.log2(place + 2) for place, name in enumerate(ranking[:DEPTH]))
    best = sum(g / math.log2(place + 2) for place, g in enumerate(sorted(relevant.values(), reverse=True)[:DEPTH]))
    return gains / best if best else 0.0


async def ingest_all(service: KnowledgeService, library: DocumentService, scope: OrgScope, folder: Path) -> None:
    for name, content in documents(folder).items():
        if content.split(b"\n\n", 1)[1].strip():
            await library.upload(scope, "cranfield", name, content)
    started, number = time.monotonic(), 0
    for lane in LANES:
        while (held := await service.ingestion.next(lane)) is not None:
            await service.ingestion.work(held)
            number += 1
            if number % 200 == 0:
                print(f"  {number} steps, {time.monotonic() - started:.0f} s", flush=True)


async def measure(
    service: KnowledgeService, scope: OrgScope, folder: Path, mode: SearchMode
) -> tuple[float, float, float]:
    """Mean nDCG@10 and recall@100, and the median time of a search in milliseconds."""
    relevant, scores, recalls, times = judgements(folder), [], [], []
    for number, query in enumerate(queries(folder), start=1):
        started = time.perf_counter()
        hits = await service.search(scope, SearchRequest("cranfield", query, top_k=3 * DEPTH, mode=mode))
        times.append(1000 * (time.perf_counter() - started))
        scores.append(ndcg(list(dict.fromkeys(hit.document for hit in hits)), relevant[number]))
        many = await service.search(scope, SearchRequest("cranfield", query, top_k=200, mode=mode))
        found = list(dict.fromkeys(hit.document for hit in many))[:100]
        if relevant[number]:
            recalls.append(len(relevant[number].keys() & set(found)) / len(relevant[number]))
    return sum(scores) / len(scores), sum(recalls) / len(recalls), sorted(times)[len(times) // 2]


async def main(folder: Path, embedder: str) -> None:
    async with fresh_database() as database:
        await upgrade(database.owner)
        engine = make_engine(database.app)
        uow = UnitOfWork(make_sessions(engine), lambda *_: None)
        scope = await make_scope(uow)
        with tempfile.TemporaryDirectory() as data:
            service = KnowledgeService(uow, Path(data), Embedders(embedder))
            spec = OtherSpec("collection/v1", "cranfield", "c.yaml", {"embedder": embedder}, "1")
            async with uow(scope) as work:
                await service.put_collections(work, [spec])
            files = LocalStorage(Path(data))
            await ingest_all(service, DocumentService(uow, files, Path(data)), scope, folder)
            [collection], _ = await CollectionService(uow, files).collections(scope)
            print(f"{collection.documents} documents, {collection.chunks} passages, {collection.embedder_model}")
            for mode in MODES:
                quality, recall, milliseconds = await measure(service, scope, folder, mode)
                figures = f"nDCG@10 {quality:.4f} | recall@100 {recall:.4f} | p50 {milliseconds:5.1f} ms"
                print(f"| {mode:8} | {figures} |", flush=True)
        await engine.dispose()


if __name__ == "__main__":
    if sys.argv[3:] == ["--in-process"]:
        # 1,400 parser processes measure process starts; this asks for the same parsers without them.
        from girih.providers.parsers.limits import Limits
        from girih.providers.parsers.text import parse_markdown

        async def parse_here(path: Path, filename: str, limits: Limits) -> object:
            return parse_markdown(path, limits)

        stages.parse_file = parse_here  # type: ignore[assignment]
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "minilm"))
