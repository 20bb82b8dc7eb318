"""Rings and services of secrets over the session's database, under master keys of a test's own."""

from __future__ import annotations

import secrets

import pytest

from girih.db.unit_of_work import UnitOfWork
from girih.providers.credentials import Destination
from girih.providers.keys.base import MasterKeys
from girih.providers.keys.local import LocalWrapper
from girih.services.secrets.keyring import KeyRing
from girih.services.secrets.service import Kept, SecretService

THERE = Destination("https://api.example.com/v1", is_chosen=True)
"""Where the operator would have a secret sent."""


@pytest.fixture
def uow(uow_apart: UnitOfWork) -> UnitOfWork:
    """On a database of its own: servers refuse to start where something is encrypted under keys they do not have."""
    return uow_apart


def new_master() -> LocalWrapper:
    return LocalWrapper(secrets.token_bytes(32))


def make_service(uow: UnitOfWork, masters: MasterKeys | None, **environment: str) -> SecretService:
    """A process of its own, which has decrypted nothing yet."""
    return SecretService(uow, KeyRing(uow, masters), lambda name: Kept(environment.get(name)))
