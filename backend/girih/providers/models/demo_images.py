"""Images before the demo model: it cannot see, so it reads the text beside them and says how many there were."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage


def without_images(messages: Sequence[BaseMessage]) -> tuple[list[BaseMessage], int]:
    """The messages as plain text, and how many images they held."""
    plain: list[BaseMessage] = []
    count = 0
    for message in messages:
        if isinstance(message.content, str):
            plain.append(message)
            continue
        blocks = [block for block in message.content if isinstance(block, dict)]
        count += sum(block.get("type") == "image_url" for block in blocks)
        text = "\n".join(str(block["text"]) for block in blocks if block.get("type") == "text")
        plain.append(message.model_copy(update={"content": text}))
    return plain, count


def said_of(count: int) -> str:
    """What the demo model says of images; nothing where there were none."""
    return f" It was shown {count} image{'s' if count > 1 else ''}." if count else ""
