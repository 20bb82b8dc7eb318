"""The code node: what goes to the sandbox, what comes back, and how long it may take."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.language.nodes.fake_context import Turns, World, scope

from girih.errors import NodeError
from girih.language.nodes.code import CodeConfig, CodeNode
from girih.language.spec.tree import JsonObject
from girih.providers.sandbox.monty import MontySandbox

NODE = CodeNode()
WRITTEN: JsonObject = {"code": "{'n': n + 1}", "with": {"n": 1}, "returns": {"n": "integer"}}


async def coded(**changes: Any) -> Any:
    written = {**WRITTEN, **changes}
    context = World(Turns([])).context()
    sandbox = MontySandbox(processes=1)
    context = replace(context, ports=replace(context.ports, sandbox=sandbox))
    try:
        return await NODE.run(
            NODE.lower(CodeConfig.model_validate(written), scope()), {"with": written["with"]}, context
        )
    finally:
        await sandbox.close()


async def test_values_go_in_and_fields_come_out() -> None:
    assert await coded() == {"n": 2}


async def test_what_is_no_dict_is_refused() -> None:
    with pytest.raises(NodeError, match="must be a dict with the fields of returns, it is a list") as caught:
        await coded(code="[n]")
    assert (caught.value.kind, caught.value.can_pass) == ("invalid_output", False)


@pytest.mark.parametrize(
    ("timeout", "seconds"), [(None, 5.0), ("200ms", 0.2), ({"attempt": 3, "total": 9}, 3.0), ("2h", 60.0)]
)
def test_the_timeout_of_an_attempt_bounds_the_program(timeout: Any, seconds: float) -> None:
    config = CodeConfig.model_validate({**WRITTEN, "timeout": timeout})
    assert NODE.lower(config, scope()) == {"code": WRITTEN["code"], "timeout": seconds, "memory_mb": 64}


def test_a_program_in_a_file_is_a_program_not_a_prompt() -> None:
    config = CodeConfig.model_validate({**WRITTEN, "code": {"file": "scripts/add.py"}})
    (file,) = NODE.files(config)
    assert (file.path, file.file, file.passed, file.noun) == (("code", "file"), "scripts/add.py", ("n",), "program")
    known = replace(scope(), prompts={"scripts/add.py": "{'n': 1}"})
    assert NODE.lower(config, known)["code"] == "{'n': 1}"
