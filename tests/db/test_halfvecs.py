"""Vectors in binary form: what the database makes of them, and what it is not even sent."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from girih.db.halfvecs import LARGEST, halfvec, take_halfvecs
from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.errors import InvalidInput

VECTORS = [
    [0.0, -0.0, 1.0, -1.0],
    [1 / 3, math.pi, 2049.0, 2051.0],
    [6.1e-5, 5.96e-8, 2.9e-8, -3.1e-8],
    [LARGEST, -LARGEST, 1e-30, 0.1],
]


async def test_the_database_reads_what_it_would_have_made_itself(uow: UnitOfWork, scope: OrgScope) -> None:
    for _ in range(2):  # a connection is told once, and used again
        async with uow(scope) as work:
            await take_halfvecs(work.session)
            sent = text(
                "SELECT v::text, v::real[] FROM unnest(CAST(:sent AS halfvec[])) WITH ORDINALITY AS g (v, n) ORDER BY n"
            )
            there = (await work.session.execute(sent, {"sent": [halfvec(array("f", one)) for one in VECTORS]})).all()
            for vector, row in zip(VECTORS, there, strict=True):
                made = await work.session.scalar(
                    text("SELECT CAST(CAST(:v AS real[]) AS halfvec)::text"), {"v": vector}
                )
                assert row[0] == made
                assert row[1] == pytest.approx(vector, rel=1e-3, abs=1e-7)
            [alone] = await work.session.execute(text("SELECT CAST(:v AS halfvec)"), {"v": halfvec(VECTORS[1])})
            assert alone[0] == halfvec(VECTORS[1])


@given(st.lists(st.floats(-LARGEST, LARGEST, width=32), min_size=1, max_size=50))
def test_a_vector_takes_two_bytes_for_a_number(numbers: list[float]) -> None:
    assert len(halfvec(numbers)) == 4 + 2 * len(numbers)
    assert halfvec(numbers) == halfvec(array("f", numbers))


@pytest.mark.parametrize("number", [65_520.0, -1e6, 3e38])
def test_numbers_that_are_too_large_are_refused_in_words(number: float) -> None:
    with pytest.raises(InvalidInput, match="65,504") as refused:
        halfvec([0.5, number])
    assert refused.value.help == "let the embedder give vectors of length 1"
