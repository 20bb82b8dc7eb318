"""The routes of the door for OpenAI's clients."""

from __future__ import annotations

from fastapi import APIRouter

from girih.api.compat.openai import completions, models, responses, unserved

router = APIRouter()
for part in (models, completions, responses, unserved):
    router.include_router(part.router)
