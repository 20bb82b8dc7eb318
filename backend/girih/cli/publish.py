"""`girih publish NAME`: points an alias of an agent at one of its versions, or gives the version a share."""

from __future__ import annotations

from typing import Annotated

import typer

from girih.cli.asking import told
from girih.cli.client import Server, fail, open_server, segment
from girih.cli.output import USAGE
from girih.language.spec.tree import JsonObject

_WHOLE = 100

Share = Annotated[
    int | None,
    typer.Option("--share", min=1, max=99, help="Percent of the traffic that the version gets; the rest stays."),
]
ErrorRate = Annotated[
    float | None,
    typer.Option("--max-error-rate", min=0, max=1, help="Go back when more of its runs fail, as 0.05."),
]
P95 = Annotated[float | None, typer.Option("--max-p95", help="Go back when 95 of 100 runs take longer, in seconds.")]
MinRuns = Annotated[int | None, typer.Option("--min-runs", min=1, help="Judge on no fewer runs. Default: 20.")]
PromoteAfter = Annotated[
    int | None, typer.Option("--promote-after", min=1, help="Give it everything after so many runs within the bounds.")
]


def publish(
    name: Annotated[str, typer.Argument(help="The agent.")],
    version: Annotated[str | None, typer.Option("--version", help="A version. Default: the newest.")] = None,
    alias: Annotated[str, typer.Option("--alias", help="The alias to move.")] = "prod",
    share: Share = None,
    max_error_rate: ErrorRate = None,
    max_p95: P95 = None,
    min_runs: MinRuns = None,
    promote_after: PromoteAfter = None,
    comment: Annotated[str | None, typer.Option("--comment", help="Why, for who has to approve it.")] = None,
) -> None:
    """Point an alias at a version: what callers of NAME@ALIAS get from now on. `girih rollback` leads it back.

    With --share the version gets a part of the traffic. With a bound it goes back by itself when it does worse. Where
    the alias is protected, a second person has to approve: the command ends with exit code 6 and says what waits.
    Runs that were started before keep the version they started on.
    """
    guard = _guard(max_error_rate, max_p95, min_runs, promote_after)
    body = {"comment": comment} | ({"guard": guard} if guard else {})
    with open_server() as server:
        wanted = version or server.call("GET", f"/v1/agents/{segment(name)}")["version"]
        path = f"/v1/agents/{segment(name)}/aliases/{segment(alias)}"
        if share is None:
            moved = server.call("PUT", path, json={"version": wanted} | body)
        else:
            moved = server.call("PUT", f"{path}/split", json={"weights": _weights(server, path, wanted, share)} | body)
    now = moved.get("aliases", {}).get(alias, wanted)
    told(moved, f"{name}@{alias} is now {now}" if share is None else f"{name}@{alias} gives {share} % to {wanted}")


def _guard(error_rate: float | None, p95: float | None, min_runs: int | None, promote_after: int | None) -> JsonObject:
    given = {"error_rate": error_rate, "p95_seconds": p95, "min_runs": min_runs, "promote_after": promote_after}
    guard: JsonObject = {name: value for name, value in given.items() if value is not None}
    if guard and error_rate is None and p95 is None:
        fail("nothing is watched without a bound", "add --max-error-rate or --max-p95", code=USAGE)
    if guard and promote_after is not None and min_runs is None:
        guard["min_runs"] = min(20, promote_after)
    return guard


def _weights(server: Server, path: str, version: str, share: int) -> JsonObject:
    """The version's share, and the rest for the version that the alias points at."""
    now = server.call("GET", path)["version"]
    if now == version:
        fail(f"it points at {version} already", "name another version with --version", code=USAGE)
    return {now: _WHOLE - share, version: share}
