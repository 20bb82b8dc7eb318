"""Ingestion jobs as the API shows them, and the news it hears of them."""

from __future__ import annotations

from contextlib import AsyncExitStack

from girih.db.listening import Channel
from girih.db.unit_of_work import UnitOfWork
from girih.services.knowledge.following import CHANNEL, News
from girih.services.knowledge.jobs import JobService
from girih.settings import Settings


def make_jobs(stack: AsyncExitStack, settings: Settings, uow: UnitOfWork) -> JobService:
    """The service over an open database; what it listens with is closed with the stack."""
    news = News(Channel(settings.database_url, CHANNEL))
    stack.push_async_callback(news.close)
    return JobService(uow, news)
