"""What the compiler says of programs is what the sandbox does with them: sound ones run, refused ones fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from girih.errors import NodeError
from girih.language.programs.check import check_program
from girih.language.programs.syntax import read_program
from girih.language.spec.conform import contract
from girih.language.spec.types import object_schema
from girih.providers.sandbox.monty import MontySandbox

GIVEN: dict[str, Any] = {
    "rows": {"type": "array", "items": object_schema({"name": "string", "n": "integer", "note": "string?"})},
    "text": {"type": "string"},
    "count": {"type": "integer"},
    "ratio": {"type": "number"},
    "flags": {"type": "object", "additionalProperties": {"type": "boolean"}},
}
VALUES: dict[str, Any] = {
    "rows": [{"name": "a", "n": 2}, {"name": "b", "n": 3, "note": "x"}],
    "text": "Hello there",
    "count": 4,
    "ratio": 0.5,
    "flags": {"on": True, "off": False},
}
RETURNS = object_schema({"x": "any"})
SOUND = [
    "{'x': [r['name'].upper() for r in rows if r['n'] > count / 4]}",
    "by = {}\nfor r in rows:\n    by.setdefault(r['name'], []).append(r['n'])\n{'x': by}",
    "by = {r['name']: r for r in rows}\n{'x': by['a']['n'] + by['b']['n']}",
    "total = 0\nfor i, r in enumerate(rows):\n    total += r['n'] * i\n{'x': total}",
    "names = []\nfor r in rows:\n    names.append(r['name'])\nnames.sort(reverse=True)\n{'x': ', '.join(names)}",
    "def f(row):\n    row['new'] = 1\n    return row\n{'x': [f(r)['new'] for r in rows] + [rows[0]['new']]}",
    "first, *rest = rows\n{'x': [first['name'], len(rest)]}",
    "a, b = text.split()\n{'x': a + b, }",
    "best = max(rows, key=lambda r: r['n'])\n{'x': best['name'] * 2 + str(best['n'])}",
    "import json, math\n{'x': json.loads(json.dumps(flags))['on'] and math.floor(ratio)}",
    "x = count if flags['on'] else text\nif isinstance(x, int):\n    x = x + 1\n{'x': x}",
    "note = rows[0].get('note')\n{'x': note.upper() if note else 'none'}",
    "out = {'x': 1}\nout['y'] = 2\ndel_y = out.pop('y')\nout",
    "try:\n    n = int(text)\nexcept ValueError as fault:\n    n = str(fault)\n{'x': n}",
    "n = 10\nwhile n > 0:\n    n -= 3\n{'x': n, }",
    "grid = [[0] * 3 for _ in range(2)]\ngrid[0][1] = 'q'\n{'x': grid[0][1].upper()}",
    "from collections import Counter\n{'x': dict(Counter(text.lower()))}",
    "s = text[::-1]\n{'x': s[0] + s[-1] + f'{count:03d}'}",
    "last = None\nfor r in rows:\n    last = r\n{'x': last['name']}",
    "value = 'a'\nvalue = 3\n{'x': value + 1}",
    "items = sorted(rows, key=lambda r: (-r['n'], r['name']))\n{'x': items[0]['name']}",
    "pairs = zip([1, 2], ['a', 'b'])\n{'x': {b: a for a, b in pairs}}",
    "{'x': sum(r['n'] for r in rows) // len(rows), **{}}",
    "text += '!'\ncount *= 2\n{'x': text + str(count)}",
    "x = [1, 'a', None]\nx.append({})\n{'x': x[1].upper()}",
    "match rows[0]:\n    case {'name': name}:\n        out = name.upper()\n    case _:\n        out = ''\n{'x': out}",
    "if (n := len(rows)) > 1:\n    out = n * 'ab'\nelse:\n    out = ''\n{'x': out}",
    "rows[0]['n'] = 'now text'\n{'x': rows[0]['n'].upper()}",
    "copy = rows\ncopy[0]['more'] = 1\n{'x': rows[0]['more']}",
    "for r in rows:\n    r.update(more=1)\n{'x': rows[0]['more']}",
]
WRONG = [
    "{'x': rows[0].name}",
    "{'x': rows['name']}",
    "{'x': rows[0]['nam']}",
    "{'x': text + count}",
    "{'x': text.uper()}",
    "{'x': len(count)}",
    "{'x': [n for n in count]}",
    "{'x': count < text}",
    "{'x': txt}",
    "{'x': text - 1}",
    "{'x': text['a']}",
    "{'x': sorted(ratio)}",
    "{'x': rows.add(1)}",
    "{'x': count.upper()}",
    "{'x': count[0]}",
]


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[MontySandbox]:
    sandbox = MontySandbox(processes=1)
    yield sandbox
    await sandbox.close()


def faults(code: str, returns: dict[str, Any] = RETURNS) -> list[str]:
    program, found = read_program(code)
    if program is not None and not found:
        found = check_program(program, GIVEN, returns)
    return [fault.message for fault in found]


@pytest.mark.parametrize("code", SOUND)
async def test_what_runs_is_not_refused(sandbox: MontySandbox, code: str) -> None:
    result = await sandbox.run(code, VALUES, timeout=5, memory_mb=64)
    assert "x" in result
    assert faults(code) == []


@pytest.mark.parametrize("code", WRONG)
async def test_what_is_refused_does_not_run(sandbox: MontySandbox, code: str) -> None:
    assert len(faults(code)) == 1
    with pytest.raises(NodeError) as caught:
        await sandbox.run(code, VALUES, timeout=5, memory_mb=64)
    assert caught.value.kind == "invalid_output"


@pytest.mark.parametrize(
    "code", ["{'x': 'text'}", "{'y': 1}", "x = {'x': [1]}\nx", "[1]", "{'x': True}", "{'x': 1, 'z': 2}"]
)
async def test_a_result_that_is_refused_does_not_fit(sandbox: MontySandbox, code: str) -> None:
    returns = object_schema({"x": "integer"})
    assert faults(code, returns) != []
    assert contract(returns).misfits(await sandbox.run(code, VALUES, timeout=5, memory_mb=64))


def test_programs_of_any_shape_are_followed_or_left_alone() -> None:
    chain = "".join(f"a{n} = a{n + 1} + 1\n" for n in range(900))
    assert faults(f"{chain}a900 = 1\n{{'x': a0}}") == []
    assert faults("a = 1\n" + "a = a + 1\n" * 1500 + "{'x': a}") == []
    assert len(faults("{'x': [" + ", ".join(f"b{n}" for n in range(2000)) + "]}")) == 50


@given(st.text(max_size=200) | st.text("abxr[]{}()'\":,.=+-*/<>% \n\tdefiorwhilnamesuctx0123\\@", max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_without_a_fault_of_ours(code: str) -> None:
    program, found = read_program(code)
    assert (program is None) <= bool(found)
    if program is not None:
        found = [*found, *check_program(program, GIVEN, RETURNS)]
    for fault in found:
        assert 0 <= fault.offset <= max(0, len(code))
        assert fault.length >= 1
