"""The limit and the floor: a one-node LangGraph graph that streams 50 tokens, bare and behind a bare FastAPI route."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, TypedDict

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.graph import END, START, StateGraph

TOKENS = 50


class FiftyTokens(BaseChatModel):
    """A chat model that streams `TOKENS` words as fast as it can."""

    @property
    def _llm_type(self) -> str:
        return "fifty-tokens"

    def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
        text = "".join(f"token{i} " for i in range(TOKENS))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for i in range(TOKENS):
            yield ChatGenerationChunk(message=AIMessageChunk(f"token{i} "))


class State(TypedDict, total=False):
    """The question and the answer."""

    question: str
    text: str


MODEL = FiftyTokens()


async def answer(state: State) -> State:
    """Stream the model and keep its text."""
    parts = [chunk.text async for chunk in MODEL.astream(state["question"])]
    return {"text": "".join(parts)}


def graph() -> Any:
    """The compiled graph, without a checkpointer."""
    builder = StateGraph(State)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    return builder.compile()


GRAPH = graph()


async def stream() -> AsyncIterator[str]:
    """One run as its tokens."""
    async for chunk, _ in GRAPH.astream({"question": "go"}, stream_mode="messages"):
        yield chunk.text


app = FastAPI()


@app.post("/stream")
async def bare() -> StreamingResponse:
    """The floor: the same run as server-sent events, with nothing kept."""

    async def frames() -> AsyncIterator[str]:
        yield "event: run.started\ndata: {}\n\n"
        async for text in stream():
            yield f"event: message.delta\ndata: {json.dumps({'text': text})}\n\n"
        yield "event: run.finished\ndata: {}\n\n"

    return StreamingResponse(frames(), media_type="text/event-stream")
