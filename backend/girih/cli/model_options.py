"""Options of `girih models bind`, and the binding that they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import yaml

from girih.cli.client import fail
from girih.cli.output import USAGE
from girih.language.spec.tree import JsonObject

Ability = Literal["native", "prompted", "none"]

File = Annotated[
    Path | None, typer.Option("--file", help="For `bind`: the binding as YAML or JSON; options go before it.")
]
Provider = Annotated[
    Literal["openai", "demo"] | None,
    typer.Option("--provider", help="For `bind`: `openai` is any OpenAI-compatible server, and the default."),
]
Url = Annotated[str | None, typer.Option("--url", help="For `bind`: the provider's base URL, `https://…/v1`.")]
Endpoint = Annotated[
    str | None, typer.Option("--endpoint", help="For `bind`: the operator's name of the base URL instead.")
]
Model = Annotated[str | None, typer.Option("--model", help="For `bind`: the provider's name of the model.")]
SecretName = Annotated[str | None, typer.Option("--secret", help="For `bind`: the name of the stored key.")]
Params = Annotated[
    list[str] | None, typer.Option("--param", help="For `bind`: `NAME=JSON`, goes to the provider; repeatable.")
]
Prices = Annotated[
    str | None, typer.Option("--price", help="For `bind`: USD per million tokens, as `IN/OUT`: `0.25/2`.")
]
CallsTools = Annotated[Ability | None, typer.Option("--tools", help="For `bind`: how it calls tools.")]
KeepsShape = Annotated[Ability | None, typer.Option("--structured-output", help="For `bind`: how it keeps to a shape.")]
Fallbacks = Annotated[
    list[str] | None, typer.Option("--fallback", help="For `bind`: who is asked when it is away; repeatable.")
]


def binding_of(file: Path | None, given: JsonObject) -> JsonObject:
    """The binding that was asked for: the file's, with what options say over it. What cannot be read ends the command.

    `given` has the options by the names of a binding's keys, as they were written.
    """
    abilities = {key: given.pop(key) for key in ("tools", "structured_output")}
    given["secret"] = f"secret://{str(given['secret']).removeprefix('secret://')}" if given["secret"] else None
    given |= {"params": _params(given["params"]), "price": _price(given["price"])}
    given["capabilities"] = {key: value for key, value in abilities.items() if value is not None}
    return {"provider": "openai", **_read(file), **{key: value for key, value in given.items() if value}}


def _read(file: Path | None) -> JsonObject:
    if file is None:
        return {}
    found: Any = None
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as fault:
        fail(f"{file} cannot be read: {fault.strerror}", "write the binding into a file", code=USAGE)
    except (yaml.YAMLError, UnicodeDecodeError):
        found = None
    if not isinstance(found, dict):
        fail(f"{file} is neither a YAML nor a JSON object", "write `provider: openai` and so on", code=USAGE)
    return found


def _params(written: list[str] | None) -> JsonObject:
    found: JsonObject = {}
    for one in written or ():
        key, equals, value = one.partition("=")
        if not equals or not key:
            fail(f"--param takes NAME=JSON, not {one}", "--param temperature=0.3", code=USAGE)
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found


def _price(written: str | None) -> JsonObject | None:
    if written is None:
        return None
    read, _, said = written.partition("/")
    try:
        return {"input_per_million": float(read), "output_per_million": float(said)}
    except ValueError:
        fail(f"--price takes IN/OUT, not {written}", "--price 0.25/2", code=USAGE)
