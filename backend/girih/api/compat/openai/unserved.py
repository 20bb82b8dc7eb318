"""The rest of OpenAI's API, which its clients have methods for: each is answered with what there is instead."""

from __future__ import annotations

from collections.abc import Mapping

from girih.api.compat.openai.access import DoorRoute, Reader
from girih.api.routers import Router
from girih.errors import NotFound


class Unserved(DoorRoute):
    """A route that answers every request alike."""

    any_parameters = True


router = Router(route_class=Unserved)

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_THREADS = "a conversation is a thread: the /v1/threads routes make, read and delete them"
_DOCUMENTS = "documents are uploaded to collections, under /v1/collections, and searched by agents"
_AGENTS = "agents are published with `girih apply`, and run as models"
_TRIALS = "agents are tested with `girih test`"
_OPERATOR = "keys and projects are managed with `girih` and under /v1"
INSTEAD: Mapping[str, str] = {
    "agents": _AGENTS,
    "assistants": _AGENTS,
    "audio": "speech is neither heard nor spoken here",
    "batches": "send the requests, with `background` where the answer may come later",
    "chat/completions": "a completion is not stored: store a response instead, or name a thread with x-girih-thread",
    "chatkit": _THREADS,
    "completions": "ask with chat completions or responses",
    "containers": "code runs in the sandbox of an agent's own nodes",
    "content_provenance_checks": "an agent's `guard` nodes check what goes in and out",
    "conversations": _THREADS,
    "decisions": "an agent's `guard` nodes check what goes in and out",
    "embeddings": _DOCUMENTS,
    "evals": _TRIALS,
    "files": _DOCUMENTS,
    "fine_tuning": _AGENTS,
    "images": "images are taken within messages, and not made here",
    "live": "stream a chat completion or a response",
    "models": _AGENTS,
    "moderations": "an agent's `guard` nodes check what goes in and out",
    "organization": _OPERATOR,
    "projects": _OPERATOR,
    "realtime": "stream a chat completion or a response",
    "responses/input_tokens": "the tokens of a run are counted by its models: see the response's `usage`",
    "safety": "an agent's `guard` nodes check what goes in and out",
    "skills": _AGENTS,
    "threads": _THREADS,
    "uploads": _DOCUMENTS,
    "vaults": _OPERATOR,
    "vector_stores": _DOCUMENTS,
    "videos": "videos are neither taken nor made here",
    "webhook_endpoints": "a run tells its own webhook: POST /v1/runs with `webhook`",
    "webhook_event_types": "a run tells its own webhook: POST /v1/runs with `webhook`",
}
"""What OpenAI's clients may ask for beside chat completions, responses and models, and what to do here."""


def _answer(part: str, instead: str) -> None:
    async def refuse(scope: Reader) -> None:
        """Not here."""
        del scope
        raise NotFound(f"this part of OpenAI's API is not served: /{part}", help=instead, code="not_served")

    for path in (f"/{part}", f"/{part}/{{rest:path}}"):
        # They are many and all alike: one id for each part is enough.
        router.add_api_route(path, refuse, methods=_METHODS, operation_id=f"openai_no_{part.replace('/', '_')}")


for _part, _instead in INSTEAD.items():
    _answer(_part, _instead)
