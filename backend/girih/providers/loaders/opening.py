"""From a source's options to its loader, which is loaded when the first source of its kind is opened."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from girih.providers.loaders.base import Loader, SourceFault
from girih.providers.loaders.options import (
    FolderSource,
    GitSource,
    MongoSource,
    S3Source,
    Source,
    SqlSource,
    WebSource,
)
from girih.providers.loaders.reach import Reach, secrets_of
from girih.providers.loaders.veiled import Veiled
from girih.providers.outbound import OutboundError
from girih.providers.veil import Veil


def open_loader(options: Source, reach: Reach, state: Mapping[str, str], *, whole: bool) -> Loader:
    """The loader of a source. `state` is what the last one left; with `whole` it lists all there is.

    Raises `SourceFault` for what this installation does not allow or have. Nothing is asked yet.
    """
    _require_outside(options, reach)
    loader: Loader
    match options:
        case FolderSource():
            loader = _part("folder").FolderLoader(options, reach)
        case WebSource():
            loader = _part("web").WebLoader(options, reach)
        case S3Source():
            loader = _part("s3").S3Loader(options, reach)
        case GitSource():
            loader = _part("git").GitLoader(options, reach, {} if whole else state)
        case SqlSource():
            loader = _sql(options, reach, state, whole=whole)
        case MongoSource():
            loader = _part("mongodb").MongoLoader(options, reach, state, whole=whole)
    values = {name: value for name in secrets_of(options) if (value := reach.secrets(name))}
    return Veiled(loader, Veil(values)) if values else loader


def _require_outside(options: Source, reach: Reach) -> None:
    """Refuse addresses that the client would refuse whatever their names mean. Raises `SourceFault`."""
    urls = [getattr(options, "url", None), *getattr(options, "urls", ()), *getattr(options, "sitemaps", ())]
    try:
        for url in filter(None, urls):
            reach.client.check(url)
    except OutboundError as fault:
        raise SourceFault(fault.message, help=fault.help) from fault


def _sql(options: SqlSource, reach: Reach, state: Mapping[str, str], *, whole: bool) -> Any:
    database = _database(options, reach)
    return _part("sql").SqlLoader(options, database, state, whole=whole, max_bytes=reach.max_bytes)


def _database(options: SqlSource, reach: Reach) -> Any:
    if options.file is not None:
        return _part("sqlite").Sqlite(reach.inside(options.file), options.timeout)
    url = reach.endpoint(options.endpoint or "")
    user, password = options.user or "", reach.secret(options.password)
    scheme = urlsplit(url).scheme
    if scheme in ("postgresql", "postgres"):
        return _part("postgres").Postgres(url, user, password, options.timeout)
    if scheme in ("mysql", "mariadb"):
        return _part("mysql").MySql(url, user, password, options.timeout)
    raise SourceFault(
        f"the endpoint '{options.endpoint}' is no database", help="bind it to postgresql://… or mysql://…"
    )


def _part(name: str) -> Any:
    """A module of loaders. XML, SQLite and patterns come with them: 6 MB for a process that may never open one."""
    return importlib.import_module(f"girih.providers.loaders.{name}")
