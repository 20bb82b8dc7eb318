"""What pipelines and collections may name is what parsers and the database have."""

from __future__ import annotations

from typing import get_args

import pytest
from sqlalchemy import text

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import DocumentRejected
from girih.language.spec import pipelines
from girih.language.spec.collection import Language
from girih.language.spec.pipelines import LoaderStep, ParserStep
from girih.providers.parsers import formats
from girih.providers.parsers.limits import Limits
from girih.services.knowledge.index_config import IndexConfig
from girih.services.knowledge.lexemes import wording_of
from girih.services.knowledge.taking import limits_of, require_taken


def test_formats_are_those_of_the_parsers() -> None:
    assert set(get_args(pipelines.Format)) == set(get_args(formats.Format))


async def test_the_database_knows_every_language(uow: UnitOfWork, scope: OrgScope) -> None:
    async with uow(scope) as work:
        known = set(await work.session.scalars(text("SELECT cfgname::text FROM pg_ts_config")))
    wordings = {name: wording_of("x", IndexConfig(language=name)).configuration for name in get_args(Language)}
    assert {name: found for name, found in wordings.items() if found not in known} == {}


def test_caps_are_the_lower_ones() -> None:
    assert limits_of(ParserStep()) == Limits()
    assert (limits_of(ParserStep(max_pages=3)).pages, limits_of(ParserStep(max_cells=9)).cells) == (3, 9)


@pytest.mark.parametrize("name", ["a.PDF", "b.md", "without"])
def test_formats_go_by_names(name: str) -> None:
    require_taken(LoaderStep(formats=["pdf", "markdown", "text"]), name, 10)
    with pytest.raises(DocumentRejected, match="takes no"):
        require_taken(LoaderStep(formats=["xlsx"]), name, 10)
