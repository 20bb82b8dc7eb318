"""The routes of the door for OpenAI's clients."""

from __future__ import annotations

from girih.api.compat.openai import completions, models, responses, unserved
from girih.api.routers import Router

router = Router(prefix="/openai/v1")
for part in (models, completions, responses, unserved):
    router.include_router(part.router)
