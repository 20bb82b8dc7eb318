"""From a source's options to its loader."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from girih.providers.loaders.base import Loader, SourceFault
from girih.providers.loaders.folder import FolderLoader
from girih.providers.loaders.git import GitLoader
from girih.providers.loaders.mongodb import MongoLoader
from girih.providers.loaders.mysql import MySql
from girih.providers.loaders.options import (
    FolderSource,
    GitSource,
    MongoSource,
    S3Source,
    Source,
    SqlSource,
    WebSource,
)
from girih.providers.loaders.postgres import Postgres
from girih.providers.loaders.reach import Reach
from girih.providers.loaders.s3 import S3Loader
from girih.providers.loaders.sql import Database, SqlLoader
from girih.providers.loaders.sqlite import Sqlite
from girih.providers.loaders.web import WebLoader


def open_loader(options: Source, reach: Reach, state: Mapping[str, str], *, whole: bool) -> Loader:
    """The loader of a source. `state` is what the last one left; with `whole` it lists all there is.

    Raises `SourceFault` for what this installation does not allow or have. Nothing is asked yet.
    """
    match options:
        case FolderSource():
            return FolderLoader(options, reach)
        case WebSource():
            return WebLoader(options, reach)
        case S3Source():
            return S3Loader(options, reach)
        case GitSource():
            return GitLoader(options, reach, {} if whole else state)
        case SqlSource():
            return SqlLoader(options, _database(options, reach), state, whole=whole, max_bytes=reach.max_bytes)
        case MongoSource():
            return MongoLoader(options, reach, state, whole=whole)


def _database(options: SqlSource, reach: Reach) -> Database:
    if options.file is not None:
        return Sqlite(reach.inside(options.file), options.timeout)
    url = reach.endpoint(options.endpoint or "")
    user, password = options.user or "", reach.secret(options.password)
    scheme = urlsplit(url).scheme
    if scheme in ("postgresql", "postgres"):
        return Postgres(url, user, password, options.timeout)
    if scheme in ("mysql", "mariadb"):
        return MySql(url, user, password, options.timeout)
    raise SourceFault(
        f"the endpoint '{options.endpoint}' is no database", help="bind it to postgresql://… or mysql://…"
    )
