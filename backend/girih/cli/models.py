"""`girih models`: who answers under the names of models on a server; binding and trying them."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from girih.cli.client import Server, fail, open_server, segment
from girih.cli.model_options import (
    CallsTools,
    Endpoint,
    Fallbacks,
    File,
    KeepsShape,
    Model,
    Params,
    Prices,
    Provider,
    SecretName,
    Url,
    binding_of,
)
from girih.cli.output import FINDINGS, USAGE, harmless, note
from girih.language.spec.tree import JsonObject

_TEST_SECONDS = 300.0


def models(
    action: Annotated[
        Literal["list", "show", "bind", "unbind", "history", "test"], typer.Argument(help="What to do.")
    ] = "list",
    name: Annotated[str | None, typer.Argument(help="The model; not for `list`, nor for `test` of all.")] = None,
    file: File = None,
    provider: Provider = None,
    url: Url = None,
    endpoint: Endpoint = None,
    model: Model = None,
    secret: SecretName = None,
    param: Params = None,
    price: Prices = None,
    tools: CallsTools = None,
    structured_output: KeepsShape = None,
    fallback: Fallbacks = None,
    all_: Annotated[bool, typer.Option("--all", help="For `test`: every model.")] = False,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")] = "text",
) -> None:
    """List models with who answers, what it can do and costs; bind one to something else, or try whether it answers."""
    given: JsonObject = {"provider": provider, "url": url, "endpoint": endpoint, "model": model, "secret": secret}
    given |= {"params": param, "price": price, "tools": tools, "structured_output": structured_output}
    given["fallbacks"] = fallback
    with open_server() as server:
        if action == "list":
            _list(list(server.pages("/v1/models")), as_json=format == "json")
        elif action == "test":
            _test(server, name, all_models=all_, as_json=format == "json")
        elif name is None:
            fail(f"`girih models {action}` needs a model", "`girih models` lists them", code=USAGE)
        elif action == "bind":
            _bind(server, name, binding_of(file, given), as_json=format == "json")
        else:
            _act(server, action, f"/v1/models/{segment(name)}")


def _act(server: Server, action: str, place: str) -> None:
    if action == "unbind":
        server.call("DELETE", f"{place}/binding")
        note("unbound: it answers as its document says, everywhere within five seconds")
    elif action == "history":
        _print(list(server.pages(f"{place}/revisions")))
    else:
        _print(server.call("GET", place))


def _bind(server: Server, name: str, binding: JsonObject, *, as_json: bool) -> None:
    place = f"/v1/models/{segment(name)}"
    bound = server.call("PUT", f"{place}/binding", json=binding)
    if as_json:
        _print(bound)
        return
    found = server.call("GET", place)
    typer.echo(harmless(_line(found)))
    note(f"revision {bound['revision']}, everywhere within five seconds; try it: girih models test {name}")
    if not found["is_declared"]:
        note(f"no document of a model is named '{name}' here: is it the right name? `girih models` lists them")


def _test(server: Server, name: str | None, *, all_models: bool, as_json: bool) -> None:
    if name is None and not all_models:
        fail("say which model to try, or `--all`", "girih models test NAME", code=USAGE)
    names = [name] if name is not None else [str(one["name"]) for one in server.pages("/v1/models")]
    tried = []
    for one in names:
        found = server.call("POST", f"/v1/models/{segment(one)}/test", timeout=_TEST_SECONDS)
        tried.append(found)
        if not as_json:
            typer.echo(harmless("\n".join(_tried(found))))
    if as_json:
        _print({"models": tried})
    if not all(one["healthy"] for one in tried):
        raise typer.Exit(FINDINGS)


def _tried(found: JsonObject) -> list[str]:
    lines = [f"{found['name']}: {'healthy' if found['healthy'] else 'not healthy'}"]
    if found["first_token_ms"] is not None:
        how = "streams" if found["streams"] else "does not stream"
        lines.append(
            f"  {found['provider']} {found['model']}: {found['first_token_ms']:.0f} ms to the first token, {how}, "
            f"{found['input_tokens']} + {found['output_tokens']} tokens, {found['cost_usd']:.6f} USD"
        )
    for check in found["checks"]:
        how = f" ({check['declared']})" if check["declared"] else ""
        lines.append(f"  {'ok  ' if check['ok'] else 'FAIL'} {check['what']}{how}")
        lines += [f"       {check[key]}" for key in ("problem", "help") if check[key]]
    return lines


def _list(found: list[JsonObject], *, as_json: bool) -> None:
    if as_json:
        _print({"models": found})
        return
    for one in found:
        typer.echo(harmless(_line(one)))
    if not found:
        note("there are no models")


def _line(one: JsonObject) -> str:
    answers, price, able = one["answers"], one["price"], one["capabilities"]
    who = f"nobody: {answers['problem']}"
    if answers["provider"] is not None:
        who = f"{answers['provider']} {answers['model']}" + (
            f" at {answers['base_url']}" if answers["base_url"] else ""
        )
    cost = f"{price['input_per_million']:g}/{price['output_per_million']:g} USD" if price else "no price"
    abilities = f"tools {able['tools']}, structured {able['structured_output']}, images {able['images']}"
    behind = f", then {', '.join(one['fallbacks'])}" if one["fallbacks"] else ""
    said = f"binding {one['revision']}" if answers["said_by"] == "binding" else answers["said_by"]
    return f"{one['name']:20} {who}{behind}  [{said}]  {cost}  {abilities}"


def _print(answer: object) -> None:
    typer.echo(harmless(json.dumps(answer, indent=2, ensure_ascii=False)))
