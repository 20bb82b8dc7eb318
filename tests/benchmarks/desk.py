"""What the scenarios of ingestion share: real processes with a collection to bring documents into."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
from tests.acceptance.fleet import Fleet, Member, fleet, publish, until

LEASE = "GIRIH_INGEST_LEASE"
"""How long a silent worker keeps what it has in hand: of the environment, in seconds."""
COLLECTION = "kind: collection/v1\nname: docs\nembedder: {embedder}\nchunk: {{ size: 120, overlap: 20 }}\n"
_WORDS = [
    "river",
    "stone",
    "market",
    "window",
    "letter",
    "engine",
    "forest",
    "copper",
    "winter",
    "garden",
    "bridge",
    "signal",
    "paper",
    "harvest",
]
_STATE = """
SELECT c.ordinal, c.text, c.page, c.start, c."end", md5(v.embedding::text)
FROM chunks c JOIN chunk_vectors v ON v.org_id = c.org_id AND v.chunk_id = c.id
WHERE c.document_id = $1 ORDER BY c.ordinal
"""


@dataclass
class Desk:
    """A fleet with an API and a collection."""

    fleet: Fleet
    api: Member
    client: httpx.Client

    def bring(self, name: str, content: str | bytes, client: httpx.Client | None = None) -> str:
        """Upload a document; gives its id."""
        answer = (client or self.client).post("/v1/collections/docs/documents", files={"file": (name, content)})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def ended(self, ids: Sequence[str], seconds: float = 300, pause: float = 0.02) -> dict[str, str]:
        """Wait until these documents are ready or failed; gives their statuses. Each look costs a new connection."""
        found: dict[str, str] = {}

        def all_ended() -> bool:
            rows = self.fleet.sql("SELECT id::text, status FROM documents WHERE id = ANY($1)", [UUID(i) for i in ids])
            found.update(rows)
            return all(found.get(i) in ("ready", "failed") for i in ids)

        until(all_ended, seconds, pause)
        return found

    def worker(self) -> Member:
        """Another worker that ingests."""
        return self.fleet.worker(GIRIH_WORKER_ROLES="ingestion")

    def state(self, document: str) -> str:
        """All that searches find of a document, as a hash."""
        return hashlib.sha256(repr(self.fleet.sql(_STATE, UUID(document))).encode()).hexdigest()

    def forget_work(self) -> None:
        """Let nothing that was worked out be used again."""
        self.fleet.sql("DELETE FROM cached_embeddings")
        for folder in (self.fleet.folder / "data" / "artefacts").glob("*/*/*/*"):
            folder.unlink()


@contextmanager
def desk(embedder: str = "hashing", **settings: str) -> Iterator[Desk]:
    """An API with a collection `docs`."""
    given = {LEASE: os.environ.get(LEASE, "2"), "GIRIH_EMBEDDER": embedder, **settings}
    with fleet(**given) as made:
        api = made.api()
        with made.client(api) as client:
            publish(client, {"docs.yaml": COLLECTION.format(embedder="default")})
            yield Desk(made, api, client)


def prose(seed: object, parts: int) -> str:
    """A text of so many parts of about a hundred words, always the same for a seed."""
    dice = random.Random(str(seed))
    return "\n\n".join(
        f"# Part {n} of {seed}\n\n" + " ".join(dice.choice(_WORDS) + str(dice.randrange(999)) for _ in range(100))
        for n in range(parts)
    )
