"""The service of organizations and their keys, from the settings."""

from __future__ import annotations

from datetime import timedelta

from girih.db.unit_of_work import UnitOfWork
from girih.services.identity.service import IdentityService
from girih.settings import Settings


def make_identity(settings: Settings, uow: UnitOfWork) -> IdentityService:
    """The service, which makes no key that holds longer than the operator allows."""
    longest = timedelta(days=settings.key_lifetime_days) if settings.key_lifetime_days else None
    return IdentityService(uow, longest=longest)
