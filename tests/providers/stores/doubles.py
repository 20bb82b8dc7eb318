"""Servers that speak the protocols of Qdrant and Pinecone as their documentation has them, and compare all vectors."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.providers.servers import Asked, says

Said = tuple[int, dict[str, Any]]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The similarity of two vectors."""
    length = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / length if length else 0.0


@dataclass
class Space:
    """Vectors of one length, with what is kept beside them."""

    dims: int
    points: dict[str, tuple[list[float], dict[str, Any]]] = field(default_factory=dict)

    def near(self, vector: Sequence[float], depth: int, among: Sequence[str] | None) -> list[tuple[str, float]]:
        """The nearest ones."""
        wanted = self.points.keys() if among is None else self.points.keys() & set(among)
        scored = [(one, cosine(vector, self.points[one][0])) for one in wanted]
        return sorted(scored, key=lambda found: (-found[1], found[0]))[:depth]


@dataclass
class Double:
    """What both servers have in common: spaces by name, a key, and whether they are away."""

    key: str = "secret-key"
    is_down: bool = False
    spaces: dict[str, Space] = field(default_factory=dict)

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        if self.is_down:
            status, body = 503, {"status": {"error": "shutting down"}}
        elif asked.headers.get("api-key") != self.key:
            status, body = 401, {"status": {"error": "no key"}}
        else:
            status, body = self.respond(asked, urlsplit(asked.path).path.strip("/").split("/"))
        await says(status, body)(asked, writer)

    def respond(self, asked: Asked, path: list[str]) -> Said:
        """What the protocol says to this request."""
        raise NotImplementedError


def _ok(result: object) -> Said:
    return 200, {"result": result, "status": "ok", "time": 0.001}


class QdrantDouble(Double):
    """The parts of Qdrant's REST API that collections, points, queries and counts are made of."""

    def respond(self, asked: Asked, path: list[str]) -> Said:
        name, rest = path[1], "/".join(path[2:])
        space = self.spaces.get(name)
        if rest == "exists":
            return _ok({"exists": space is not None})
        if (asked.method, rest) == ("PUT", ""):
            return self._make(name, asked.json()["vectors"])
        if (asked.method, rest) == ("DELETE", ""):
            return _ok(self.spaces.pop(name, None) is not None)
        if space is None:
            return 404, {"status": {"error": f"Not found: Collection `{name}` doesn't exist!"}, "time": 0.0}
        if rest == "":
            return _ok(self._info(space))
        return self._points(space, rest, asked.json())

    def _make(self, name: str, shape: dict[str, Any]) -> Said:
        if name in self.spaces:
            return 409, {"status": {"error": f"Wrong input: Collection `{name}` already exists!"}, "time": 0.0}
        assert shape["distance"] == "Cosine"
        self.spaces[name] = Space(shape["size"])
        return _ok(True)

    def _points(self, space: Space, rest: str, body: dict[str, Any]) -> Said:
        if rest == "points":
            if any(len(one["vector"]) != space.dims for one in body["points"]):
                return 400, {"status": {"error": "Wrong input: Vector dimension error"}, "time": 0.0}
            space.points |= {one["id"]: (one["vector"], one["payload"]) for one in body["points"]}
            return _ok({"operation_id": 1, "status": "completed"})
        if rest == "points/delete":
            for one in body["points"]:
                space.points.pop(one, None)
            return _ok({"operation_id": 2, "status": "completed"})
        if rest == "points/count":
            return _ok({"count": len(space.points)})
        assert rest == "points/query"
        among = body["filter"]["must"][0]["has_id"] if body.get("filter") else None
        found = space.near(body["query"]["nearest"], body["limit"], among)
        return _ok({"points": [{"id": one, "version": 1, "score": score} for one, score in found]})

    def _info(self, space: Space) -> dict[str, Any]:
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": 1,
            "points_count": len(space.points),
            "payload_schema": {},
            "config": {
                "params": {"vectors": {"size": space.dims, "distance": "Cosine"}},
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1_000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
            },
        }


@dataclass
class PineconeDouble(Double):
    """The data of one Pinecone index of `dims` numbers: its namespaces come with their first vector."""

    dims: int = 8
    metric: str = "cosine"

    def respond(self, asked: Asked, path: list[str]) -> Said:
        if path[0] == "namespaces":
            gone = self.spaces.pop(path[1], None)
            return (200, {}) if gone else (404, {"code": 5, "message": "Namespace not found", "details": []})
        if path == ["describe_index_stats"]:
            counts = {name: {"vectorCount": len(space.points)} for name, space in self.spaces.items()}
            return 200, {"namespaces": counts, "dimension": self.dims, "metric": self.metric, "totalVectorCount": 0}
        body = asked.json()
        if path == ["vectors", "upsert"]:
            return self._upsert(body)
        space = self.spaces.get(body["namespace"])
        if path == ["query"]:
            among = body["filter"]["id"]["$in"] if body.get("filter") else None
            found = space.near(body["vector"], body["topK"], among) if space else []
            matches = [{"id": one, "score": score, "values": []} for one, score in found]
            return 200, {"matches": matches, "namespace": body["namespace"], "usage": {"readUnits": 1}}
        assert path == ["vectors", "delete"]
        if space is None:
            return 404, {"code": 5, "message": "Namespace not found", "details": []}
        for one in body["ids"]:
            space.points.pop(one, None)
        return 200, {}

    def _upsert(self, body: dict[str, Any]) -> Said:
        if any(len(one["values"]) != self.dims for one in body["vectors"]):
            return 400, {"code": 3, "message": "Vector dimension does not match", "details": []}
        space = self.spaces.setdefault(body["namespace"], Space(self.dims))
        space.points |= {one["id"]: (one["values"], one["metadata"]) for one in body["vectors"]}
        return 200, {"upsertedCount": len(body["vectors"])}
