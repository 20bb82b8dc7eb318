"""How a run is asked for in each protocol, and what a stream that came to a good end is known by.

Every protocol is asked for the same: a run of one agent that answers a short question, streamed to its end. So any
server that speaks one of them is measured by the same script.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from load import FRESH, Target

QUESTION = "go"
MESSAGE = {"role": "user", "content": QUESTION}


@dataclass(frozen=True)
class Server:
    """Where a server is, and how it is asked: the path before all others, and the headers with the key."""

    host: str
    port: int
    prefix: str
    headers: Mapping[str, str]

    @classmethod
    def at(cls, url: str, key: str | None) -> Server:
        """The server at a URL."""
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname is None:
            raise SystemExit(f"--url: {url} is not an address that begins with http://")
        # Bearer is what all protocols have in common; clients of LangGraph's send the other one.
        headers = {"Authorization": f"Bearer {key}", "x-api-key": key} if key else {}
        return cls(parts.hostname, parts.port or 80, parts.path.rstrip("/"), headers)

    def target(self, path: str, body: Mapping[str, object], ended: bytes, *before: tuple[str, dict]) -> Target:
        """A run that is asked for there."""
        earlier = tuple((self.prefix + other, given) for other, given in before)
        pattern = re.compile(ended, re.DOTALL)
        return Target(self.port, self.prefix + path, body, self.headers, self.host, earlier, pattern)


def v1(server: Server, agent: str) -> Target:
    """girih's own API."""
    return server.target(
        "/runs/stream", {"agent": agent, "inputs": {"question": QUESTION}}, rb"\nevent: run\.finished\n"
    )


def v1_chat(server: Server, agent: str) -> Target:
    """girih's own API, told a message."""
    return server.target("/runs/stream", {"agent": agent, "messages": [MESSAGE]}, rb"\nevent: run\.finished\n")


def v1_thread(server: Server, agent: str) -> Target:
    """girih's own API, each run on a new thread."""
    body = {"agent": agent, "inputs": {"question": QUESTION}, "thread_id": FRESH}
    return server.target("/runs/stream", body, rb"\nevent: run\.finished\n", ("/threads", {"id": FRESH}))


def v1_chat_thread(server: Server, agent: str) -> Target:
    """girih's own API, told a message, each run on a new thread."""
    body = {"agent": agent, "messages": [MESSAGE], "thread_id": FRESH}
    return server.target("/runs/stream", body, rb"\nevent: run\.finished\n", ("/threads", {"id": FRESH}))


# The values are the last thing of a run; servers differ in whether a frame of their own follows.
_VALUES = rb"event: values\r?\n(?!.*event: error\r?\n)"


def _langgraph(agent: str) -> dict[str, object]:
    return {
        "assistant_id": agent,
        "input": {"question": QUESTION},
        "stream_mode": ["values", "messages-tuple"],
    }


def langgraph(server: Server, agent: str) -> Target:
    """The LangGraph server protocol, without a thread."""
    return server.target("/runs/stream", _langgraph(agent), _VALUES)


def langgraph_thread(server: Server, agent: str) -> Target:
    """The LangGraph server protocol, each run on a thread that is made before it."""
    return server.target(
        f"/threads/{FRESH}/runs/stream", _langgraph(agent), _VALUES, ("/threads", {"thread_id": FRESH})
    )


def langgraph_create(server: Server, agent: str) -> Target:
    """The LangGraph server protocol, each run on a thread that is made with it."""
    body = {**_langgraph(agent), "if_not_exists": "create"}
    return server.target(f"/threads/{FRESH}/runs/stream", body, _VALUES)


def openai_chat(server: Server, agent: str) -> Target:
    """Chat completions."""
    body = {"model": agent, "messages": [MESSAGE], "stream": True}
    return server.target("/chat/completions", body, rb'"finish_reason": ?"stop".*data: \[DONE\]')


def openai_responses(server: Server, agent: str) -> Target:
    """Responses, each the first of a conversation."""
    body = {"model": agent, "input": QUESTION, "stream": True}
    return server.target("/responses", body, rb'"type": ?"response\.completed"|event: response\.completed')


def ai_sdk(server: Server, agent: str) -> Target:
    """The AI SDK's UI message stream, each run a new chat."""
    message = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": QUESTION}]}
    body = {"id": FRESH, "messages": [message], "trigger": "submit-message"}
    return server.target(f"/{agent}/chat", body, rb'"type": ?"finish"[,}].*data: \[DONE\]')


def ag_ui(server: Server, agent: str) -> Target:
    """AG-UI, each run on a new thread."""
    body = {
        "threadId": FRESH,
        "runId": "r1",
        "state": {},
        "messages": [{"id": "m1", **MESSAGE}],
        "tools": [],
        "context": [],
        "forwardedProps": {},
    }
    return server.target(f"/{agent}", body, rb'"type": ?"RUN_FINISHED"')


PROTOCOLS: Mapping[str, tuple[Callable[[Server, str], Target], ...]] = {
    "v1": (v1, v1_thread, v1_chat, v1_chat_thread),
    "langgraph": (langgraph, langgraph_thread, langgraph_create),
    "openai-chat": (openai_chat,),
    "openai-responses": (openai_responses,),
    "ai-sdk": (ai_sdk,),
    "ag-ui": (ag_ui,),
}
"""The ways of asking for a run in each protocol."""
