"""A filter means in SQL what it means in words, whatever it is given, and nothing of it becomes SQL."""

from __future__ import annotations

import json
import operator
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.conftest import fresh_database

from girih.db.engine import make_engine
from girih.errors import InvalidInput
from girih.language.expressions.cel import Condition
from girih.language.filters.reader import read_filter
from girih.language.filters.wording import worded
from girih.language.nodes.ports import Asker
from girih.services.knowledge.filters import both, where_of
from girih.services.knowledge.readers import readable_by
from girih.services.knowledge.where import EVERYTHING, Where

Row = dict[str, Any]
Holds = Callable[[Row], bool]

_TABLE = """
CREATE TEMPORARY TABLE d (
  id uuid, name text, key text, media_type text, source_id uuid, source_ref text, size bigint, pages int,
  generation int, created_at timestamptz, updated_at timestamptz, metadata jsonb, readers text[], n int
)
"""
_FILL = """
INSERT INTO d SELECT r.id, r.name, r.key, r.media_type, NULL, NULL, r.size, r.pages, 1, r.created_at, r.created_at,
  r.metadata, r.readers, r.n
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (
  id uuid, name text, key text, media_type text, size bigint, pages int, created_at timestamptz, metadata jsonb,
  readers text[], n int)
"""

# --- rows, and filters that come with what they mean

WORDS = ["", "de", "en", "Zebra", "ähre", "it's", 'say "so"', "a%b_c", "\\", "'; DROP TABLE documents; --", "日本"]
KEYS = ["year", "lang", "tags", "0", "a b", "näme"]
plain_text = st.sampled_from(WORDS) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5
)
numbers = st.integers(-3, 3) | st.sampled_from([2019, 2020, 2**53 + 1, -(2**40)]) | st.sampled_from([0.5, -1.25, 2.0])
scalars = plain_text | numbers | st.booleans()
stored = (
    st.none() | scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from(KEYS), scalars, max_size=2)
)
dates = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - bounds
    lambda moment: moment.replace(microsecond=0)
)
rows = st.fixed_dictionaries(
    {
        "name": plain_text,
        "size": st.integers(0, 5000),
        "pages": st.none() | st.integers(1, 9),
        "created_at": dates,
        "metadata": st.dictionaries(st.sampled_from(KEYS), stored, max_size=4),
    }
)


@dataclass(frozen=True)
class Meant:
    """A filter as text, and what it means."""

    text: str
    holds: Holds


def cel(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def at(path: tuple[str, ...]) -> str:
    return "metadata" + "".join(f"[{cel(step)}]" for step in path)


def value_at(row: Row, path: tuple[str, ...]) -> Any:
    value: Any = row["metadata"]
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def equal(one: Any, other: Any) -> bool:
    return (
        isinstance(one, bool) == isinstance(other, bool)
        and isinstance(one, str) == isinstance(other, str)
        and one == other
    )


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same_kind(one: Any, other: Any) -> bool:
    return (is_number(one) and is_number(other)) or (isinstance(one, str) and isinstance(other, str))


ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
TESTS = {"startsWith": str.startswith, "endsWith": str.endswith, "contains": str.__contains__}
paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2).map(tuple)


@st.composite
def questions(draw: st.DrawFn) -> Meant:
    path, value = draw(paths), draw(scalars)
    kind = draw(
        st.sampled_from(["==", "!=", "order", "in", "holds", "test", "has", "flag", "name", "size", "date", "null"])
    )
    if kind == "==":
        return Meant(f"{at(path)} == {cel(value)}", lambda row: equal(value_at(row, path), value))
    if kind == "!=":
        return Meant(f"{cel(value)} != {at(path)}", lambda row: not equal(value_at(row, path), value))
    if kind == "null":
        return Meant(f"{at(path)} == null", lambda row: value_at(row, path) is None)
    if kind == "order":
        order, limit = draw(st.sampled_from(sorted(ORDERS))), draw(plain_text | numbers)
        works = ORDERS[order]
        return Meant(
            f"{at(path)} {order} {cel(limit)}",
            lambda row: same_kind(value_at(row, path), limit) and works(value_at(row, path), limit),
        )
    if kind == "in":
        values = draw(st.lists(scalars, max_size=4))
        listed = ", ".join(map(cel, values))
        return Meant(f"{at(path)} in [{listed}]", lambda row: any(equal(value_at(row, path), v) for v in values))
    if kind == "holds":
        return Meant(
            f"{cel(value)} in {at(path)}",
            lambda row: isinstance(value_at(row, path), list) and any(equal(v, value) for v in value_at(row, path)),
        )
    if kind == "test":
        test, wanted = draw(st.sampled_from(sorted(TESTS))), draw(plain_text)
        asks = TESTS[test]
        return Meant(
            f"{at(path)}.{test}({cel(wanted)})",
            lambda row: isinstance(value_at(row, path), str) and asks(value_at(row, path), wanted),
        )
    if kind == "has":
        key = draw(st.sampled_from(["year", "lang", "tags"]))
        return Meant(f"has(metadata.{key})", lambda row: row["metadata"].get(key) is not None)
    if kind == "flag":
        return Meant(at(path), lambda row: value_at(row, path) is True)
    if kind == "name":
        test, wanted = draw(st.sampled_from(sorted(TESTS))), draw(plain_text)
        asks = TESTS[test]
        return Meant(f"document.name.{test}({cel(wanted)})", lambda row: asks(row["name"], wanted))
    if kind == "size":
        order, limit = draw(st.sampled_from(sorted(ORDERS))), draw(st.integers(0, 5000))
        works = ORDERS[order]
        column = draw(st.sampled_from(["size", "pages"]))
        return Meant(
            f"{limit} {order} document.{column}", lambda row: row[column] is not None and works(limit, row[column])
        )
    moment, order = draw(dates), draw(st.sampled_from(sorted(ORDERS)))
    works = ORDERS[order]
    return Meant(f"document.created_at {order} {cel(moment.isoformat())}", lambda row: works(row["created_at"], moment))


def combined(parts: st.SearchStrategy[Meant]) -> st.SearchStrategy[Meant]:
    return st.one_of(
        parts.map(lambda a: Meant(f"!({a.text})", lambda row: not a.holds(row))),
        st.tuples(parts, parts).map(
            lambda ab: Meant(f"({ab[0].text}) && ({ab[1].text})", lambda row: ab[0].holds(row) and ab[1].holds(row))
        ),
        st.tuples(parts, parts).map(
            lambda ab: Meant(f"({ab[0].text}) || ({ab[1].text})", lambda row: ab[0].holds(row) or ab[1].holds(row))
        ),
    )


filters = st.recursive(questions(), combined, max_leaves=4)

# --- the database


@pytest.fixture(scope="module")
async def database() -> AsyncIterator[AsyncConnection]:
    """A connection with an empty table of documents that is its own."""
    async with fresh_database() as made:
        engine = make_engine(made.owner, role=None)
        async with engine.connect() as connection:
            await connection.execute(text(_TABLE))
            await connection.commit()
            yield connection
        await engine.dispose()


async def kept(database: AsyncConnection, rows: list[Row], where: Where) -> list[int]:
    """The numbers of the rows that a condition lets through."""
    await database.execute(text("TRUNCATE d"))
    given = [
        {"id": str(uuid.UUID(int=n)), "key": row["name"], "n": n, "readers": None, **row} for n, row in enumerate(rows)
    ]
    plain = json.dumps(given, default=lambda moment: moment.isoformat())
    await database.execute(text(_FILL), {"rows": plain})
    found = await database.execute(text(f"SELECT n FROM d WHERE {where.sql} ORDER BY n"), dict(where.values))
    result = list(found.scalars())
    await database.rollback()
    return result


def condition(written: str, **values: Any) -> Where:
    reading = read_filter(written, None, {name: {} for name in values})
    assert reading.filter is not None, reading.findings
    return where_of(reading.filter, values)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(meant=filters, rows=st.lists(rows, min_size=1, max_size=6))
async def test_sql_says_what_the_filter_means(database: AsyncConnection, meant: Meant, rows: list[Row]) -> None:
    expected = [n for n, row in enumerate(rows) if meant.holds(row)]
    assert await kept(database, rows, condition(meant.text)) == expected, meant.text
    reading = read_filter(meant.text)
    assert reading.filter is not None
    again = read_filter(worded(reading.filter)) if "[" not in meant.text.replace("in [", "") else reading
    assert again.filter is not None


WHOLE = {"year": 2021, "lang": "de", "tags": ["a", "b"], "draft": False}


@pytest.mark.parametrize(
    "written",
    [
        "metadata.year >= 2020 && metadata.lang in ['de', 'en']",
        "metadata.year < 2020.5 || metadata.draft",
        "!metadata.draft && 'b' in metadata.tags",
        "metadata.lang.startsWith('d') && !metadata.lang.endsWith('n')",
        "has(metadata.year) && metadata.lang.contains('e')",
        "document.name.startsWith('handbook/') && document.size > 10",
        "document.name == 'handbook/a.md' || metadata.lang != 'de'",
        "metadata.lang >= 'da' && metadata.lang <= 'dz'",
    ],
)
async def test_sql_agrees_with_cel_where_every_field_is_there(database: AsyncConnection, written: str) -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    row = {"name": "handbook/a.md", "size": 11, "pages": 1, "created_at": moment, "metadata": WHOLE}
    holds = Condition(written).holds({"metadata": WHOLE, "document": {"name": row["name"], "size": row["size"]}})
    assert (await kept(database, [row], condition(written)) == [0]) is holds


@settings(max_examples=100, deadline=None)
@given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), other=plain_text)
def test_the_statement_is_the_same_whatever_the_text_is(value: str, other: str) -> None:
    for form in (
        "metadata.x == {}",
        "metadata.x in [{}]",
        "document.name.contains({})",
        "{} in metadata.x",
        "metadata.x < {}",
    ):
        one, two = condition(form.format(cel(value))), condition(form.format(cel(other)))
        assert one.sql == two.sql
        assert list(one.values) == list(two.values)
    by_name = condition("metadata.x == g0", g0=value)
    assert by_name.sql == condition("metadata.x == g0", g0=other).sql
    assert condition(f"metadata[{cel(value or 'k')}] == 1").sql == condition("metadata.y == 1").sql


async def test_given_values_are_values(database: AsyncConnection) -> None:
    row = {"name": "a", "size": 1, "pages": None, "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    rows = [{**row, "metadata": {"lang": lang}} for lang in ("de", "en", "x') OR true --")]
    assert await kept(database, rows, condition("metadata.lang in g0", g0=["de", "x') OR true --"])) == [0, 2]
    assert await kept(database, rows, condition("metadata.lang == g0", g0="x') OR true --")) == [2]
    assert await kept(database, rows, condition("metadata.lang in g0", g0=[])) == []
    assert await kept(database, rows, condition("metadata.lang == g0", g0={"a": 1})) == []
    for name, value in {
        "no list": "de",
        "many": ["x"] * 10_001,
        "NUL": ["\0"],
        "half": ["\ud800"],
        "inf": [1e999],
    }.items():
        with pytest.raises(InvalidInput):
            condition("metadata.lang in g0", g0=value)
            pytest.fail(name)


async def test_moments(database: AsyncConnection) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = [
        {"name": "a", "size": 1, "pages": None, "created_at": noon + timedelta(days=day), "metadata": {}}
        for day in range(3)
    ]
    assert await kept(database, rows, condition("document.created_at < '2026-03-02'")) == [0]
    assert await kept(database, rows, condition("document.created_at > '2026-03-02T13:00:00+02:00'")) == [1, 2]
    assert await kept(database, rows, condition("document.created_at == g0", g0=noon.isoformat())) == [0]
    assert await kept(database, rows, condition("document.created_at > g0", g0="soon")) == []
    assert await kept(database, rows, condition("document.created_at > '0001-01-01T00:00:00Z'")) == [0, 1, 2]


async def test_readers(database: AsyncConnection) -> None:
    row = {"name": "a", "size": 1, "pages": None, "created_at": datetime(2026, 1, 1, tzinfo=UTC), "metadata": {}}
    names: list[list[str] | None] = [None, ["user:ada"], ["group:sales", "user:bob"], ["role:admin"], []]
    rows = [{**row, "readers": readers} for readers in names]
    for asker, expected in (
        (Asker(), [0]),
        (Asker("ada"), [0, 1]),
        (Asker("eve", groups=("sales",)), [0, 2]),
        (Asker(roles=("admin",)), [0, 3]),
        (Asker("sales', 'user:ada"), [0]),
        (Asker("ada", ("sales",), ("admin",)), [0, 1, 2, 3]),
    ):
        assert await kept(database, rows, readable_by(asker)) == expected
    narrowed = both(readable_by(Asker("ada")), condition("document.size > 5"))
    assert await kept(database, rows, narrowed) == []
    assert both(EVERYTHING, EVERYTHING) == EVERYTHING


SCHEMA = {
    "type": "object",
    "properties": {
        "year": {"type": "integer"},
        "lang": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


@pytest.mark.parametrize(
    ("written", "column", "says", "help_"),
    [
        ("metadata.yaer > 2020", 10, "no field 'yaer'", "did you mean 'year'?"),
        ("metadata.year > 'x'", 15, "whole number", None),
        ("document.nmae == 'a'", 10, "no field 'nmae'", "did you mean 'name'?"),
        ("metadata.year = 3", 15, "'=' does not compare", "write =="),
        ("metadata.lang == metadata.lang", 18, "two fields", "with a value"),
        ("year > 3", 1, "nothing is called 'year'", "document, metadata"),
        ("metadata.tags.exists(t, t == 'a')", 1, "no 'exists'", "in metadata.list"),
        ("document.created_at > 'soon'", 23, "no date", "2026-03-01"),
        ("document.created_at.startsWith('2026')", 1, "no text", "compare"),
        ("metadata.lang.matches('a+')", 1, "can ask", "a filter knows"),
        ("size(metadata.lang) > 3", 23, "has to be a field", None),
        ("metadata.year", 1, "not true or false", "compare"),
        ("'\\u0000' == metadata.lang", 1, "NUL", None),
        ("", 1, "empty", None),
        ("metadata.lang == 'a' " + "|| metadata.lang == 'a' " * 100, 1, "more than 400", "as a value"),
        ("metadata.lang == '" + "a" * 4000 + "'", 1, "more than 4000", "as a value"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_place(written: str, column: int, says: str, help_: str | None) -> None:
    reading = read_filter(written, SCHEMA)
    assert reading.filter is None
    finding = reading.findings[0]
    assert finding.offset + 1 == column
    assert says in finding.message
    assert help_ is None or help_ in (finding.help or "")


@settings(max_examples=300, deadline=None)
@given(written=st.text(max_size=60) | filters.map(lambda meant: meant.text[:-1]))
def test_any_text_is_read_or_refused(written: str) -> None:
    reading = read_filter(written, SCHEMA)
    assert (reading.filter is None) == bool(reading.findings)
    assert all(0 <= finding.offset <= len(written) for finding in reading.findings)
