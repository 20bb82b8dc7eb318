"""The news that the API hears of ingestions and syncs."""

from __future__ import annotations

from contextlib import AsyncExitStack

from girih.db.listening import Channel
from girih.services.knowledge.following import CHANNEL, News
from girih.settings import Settings


def open_news(stack: AsyncExitStack, settings: Settings) -> News:
    """What the database says of ingestions and syncs; what it listens with is closed with the stack."""
    news = News(Channel(settings.database_url, CHANNEL))
    stack.push_async_callback(news.close)
    return news
