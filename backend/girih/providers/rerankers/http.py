"""Rerankers that are HTTP services with the common `/rerank`: as Cohere and Jina speak it, and as TEI does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from girih.errors import Unavailable
from girih.language.spec import strict_json
from girih.language.spec.tree import JsonObject, JsonValue
from girih.providers.outbound import OutboundClient, OutboundError, OutboundResponse

_TIMEOUT = 20.0
_REFUSED = frozenset({400, 422})
"""What services answer to a body of the other shape."""


class HttpReranker:
    """One service, at the operator's base URL. A key goes into its header and nowhere else."""

    def __init__(self, client: OutboundClient, name: str, base: str, key: str | None = None) -> None:
        self._client = client
        self._name = name
        self._url = base.rstrip("/") + "/rerank"
        self._key = key
        self._speaks_texts = False

    async def scores(self, query: str, texts: Sequence[str]) -> list[float | None]:
        """See `Reranker`. The shape of the request that the service takes is found out with the first one."""
        response = await self._post(query, texts)
        if response.status in _REFUSED:
            self._speaks_texts = not self._speaks_texts
            response = await self._post(query, texts)
        if response.status != 200:
            raise Unavailable(f"the reranker '{self._name}' answered with status {response.status}")
        return self._read(response, len(texts))

    async def _post(self, query: str, texts: Sequence[str]) -> OutboundResponse:
        body: JsonObject = {"query": query, "texts" if self._speaks_texts else "documents": list(texts)}
        headers = {"content-type": "application/json", "accept": "application/json", "user-agent": "girih"}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        try:
            return await self._client.request(
                "POST", self._url, timeout=_TIMEOUT, headers=headers, content=json.dumps(body).encode()
            )
        except OutboundError as fault:
            raise Unavailable(
                f"the reranker '{self._name}' cannot be asked: {fault.message}", help=fault.help
            ) from fault

    def _read(self, response: OutboundResponse, count: int) -> list[float | None]:
        try:
            answer = strict_json.loads(response.body)
        except ValueError as fault:
            raise Unavailable(f"the reranker '{self._name}' answered something that is no JSON") from fault
        items = answer.get("results", answer.get("data")) if isinstance(answer, dict) else answer
        scores: list[float | None] = [None] * count
        for item in items if isinstance(items, list) else []:
            place, score = _pair(item)
            if place is not None and 0 <= place < count:
                scores[place] = score
        if count and all(score is None for score in scores):
            raise Unavailable(f"the reranker '{self._name}' gave no scores")
        return scores


class HttpRerankers:
    """The services that the operator has bound, by the names of their endpoints."""

    def __init__(
        self,
        client: OutboundClient,
        endpoints: Mapping[str, str],
        secrets: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._client = client
        self._endpoints = endpoints
        self._secrets = secrets
        self._made: dict[str, HttpReranker] = {}

    def get(self, name: str) -> HttpReranker:
        """The reranker of that name; its key is the secret of the same name. Raises `Unavailable`."""
        if name not in self._endpoints:
            raise Unavailable(f"there is no endpoint '{name}' on this server", help="set it in GIRIH_ENDPOINTS")
        if name not in self._made:
            self._made[name] = HttpReranker(self._client, name, self._endpoints[name], self._secrets(name))
        return self._made[name]


def _pair(item: JsonValue) -> tuple[int | None, float | None]:
    if not isinstance(item, dict):
        return None, None
    place, score = item.get("index"), item.get("relevance_score", item.get("score"))
    if isinstance(place, bool) or not isinstance(place, int) or isinstance(score, bool):
        return None, None
    return place, float(score) if isinstance(score, int | float) else None
