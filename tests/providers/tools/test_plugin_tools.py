"""Plug-ins with real entry points: their contracts, calls in threads and as coroutines, and what is wrong with some."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.providers.tools.plugin_package import install

from girih.errors import NodeError
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.providers.tools.plugins import PluginError, Plugins, PluginTools


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    install(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Plugins()
    yield found
    found.close()
    sys.modules.pop("shop_plugins", None)


def contract(plugin: str, parameters: dict[str, Any], returns: dict[str, Any]) -> dict[str, Any]:
    return {"name": "t", "python": {"plugin": plugin}, "parameters": parameters, "returns": returns}


PRICE = contract("shop.price", {"article": "string", "pieces": "integer?"}, {"amount": "number", "currency": "string?"})
STOCK = contract(
    "shop.stock",
    {
        "article": "string",
        "size": {"type": "any?", "anyOf": [{"enum": ["s", "l"], "type": "string"}, {"type": "null"}]},
    },
    {"items": ["integer"]},
)


async def call(plugins: Plugins, tool: dict[str, Any], timeout: float = 5, **arguments: Any) -> Any:
    return await PluginTools(plugins).call(tool, arguments, timeout=timeout, idempotency_key="k")


async def test_functions_and_coroutines_are_called_with_their_types(plugins: Plugins) -> None:
    assert await call(plugins, PRICE, article="A", pieces=2) == {"amount": 5.0, "currency": "EUR"}
    assert await call(plugins, STOCK, article="A", size="s") == {"items": [3, 4]}
    with pytest.raises(NodeError, match="do not fit") as caught:
        await call(plugins, PRICE, article=3)
    assert caught.value.kind == "invalid_output"


def test_the_contract_in_the_file_is_held_against_the_function(plugins: Plugins) -> None:
    assert plugins.misfit(PRICE) is None
    assert plugins.misfit(STOCK) is None
    described = {**PRICE["parameters"], "article": {"type": "string", "description": "Which one."}}
    assert plugins.misfit({**PRICE, "parameters": described}) is None, "words are the author's"
    for wrong, said in (
        ({**PRICE, "parameters": {"article": "string"}}, "'pieces' is missing"),
        ({**PRICE, "parameters": {**PRICE["parameters"], "article": "integer"}}, "'article' is of another type there"),
        ({**PRICE, "parameters": {**PRICE["parameters"], "pieces": "integer"}}, "'pieces' is optional there"),
        ({**PRICE, "returns": {**PRICE["returns"], "vat": "number"}}, "the function has no 'vat'"),
    ):
        assert said in (plugins.misfit(wrong) or "")


async def test_time_and_failures(plugins: Plugins) -> None:
    slow = contract("shop.slow", {"seconds": "number"}, {"value": "string"})
    assert await call(plugins, slow, seconds=0) == {"value": "done"}
    with pytest.raises(NodeError, match="took more than") as caught:
        await call(plugins, slow, timeout=0.05, seconds=0.3)
    assert caught.value.kind == "timeout"
    with pytest.raises(NodeError, match="the plug-in failed .ValueError.") as caught:
        await call(plugins, contract("shop.broken", {"article": "string"}, {"value": "string"}), article="A")
    assert caught.value.kind == "tool_error"
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shop.prise", "is not installed on this server"),
        ("shop.gone", "cannot be loaded (ModuleNotFoundError)"),
        ("shop.untyped", "does not say what it returns"),
        ("shop.unsaid", "does not say what it returns"),
        ("shop.number", "is no function"),
    ],
)
async def test_what_is_no_plug_in(plugins: Plugins, name: str, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        plugins.get(name)
    assert said in caught.value.message
    with pytest.raises(NodeError) as failed:
        await call(plugins, contract(name, {}, {}))
    assert (failed.value.kind, failed.value.can_pass) == ("unavailable", False)


def test_validation_loads_no_plug_in(plugins: Plugins) -> None:
    del plugins
    tool = "kind: tool/v1\nname: a\ndescription: d\npython: { plugin: shop.price }\nparameters: { article: string }\n"
    made = compile_workspace(Workspace({"a.yaml": tool}))
    assert made.diagnostics == ()
    assert made.others[0].document["python"] == {"plugin": "shop.price"}
    assert "shop_plugins" not in sys.modules
