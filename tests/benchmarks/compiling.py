"""How long graphs of some sizes take to compile, in processor time: `python tests/benchmarks/compiling.py`."""

from __future__ import annotations

import time

from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace

SIZES = (5, 20, 100, 500, 1000)
REPEATS = 12


def graph(nodes: int, salt: int) -> str:
    """A chain of structured model calls with conditions; `salt` keeps caches of other rounds from helping."""
    lines = ["kind: graph/v1\nname: big\ninputs: { q: string }\nuse: { m: model://default }\nnodes:"]
    for i in range(nodes):
        after = f"n{i + 1}" if i < nodes - 1 else "$end"
        lines.append(
            f'  n{i}:\n    llm: m\n    prompt: "${{ inputs.q }} {salt} {f"${{ n{i - 1}.text }}" if i else ""}"\n'
            f"    returns: {{ text: string, score: number, kind: {{ enum: [a, b] }} }}\n    next:\n"
            f"      - {{ if: \"n{i}.score > {salt}.{i} && n{i}.kind == 'a'\", to: {after} }}\n      - {{ else: {after} }}"
        )
    return "\n".join(lines) + '\noutputs: { text: "${ n1.text }" }\n'


def seconds(nodes: int, salt: int) -> float:
    """Processor time of one compilation."""
    workspace = Workspace({"a.yaml": graph(nodes, salt)})
    began = time.process_time()
    compilation = compile_workspace(workspace)
    took = time.process_time() - began
    if compilation.diagnostics:
        raise SystemExit(f"the graph is not sound: {compilation.diagnostics[0].message}")
    return took


def main() -> None:
    """The best of several rounds for each size: other work on the machine is not the compiler's.

    The last column is the time a node takes beside what it takes in the smallest graph: 1 or less is linear or better.
    """
    first = 0.0
    for nodes in SIZES:
        best = min(seconds(nodes, salt) for salt in range(REPEATS))
        first = first or best / nodes
        print(f"{nodes:>5} nodes  {best * 1000:7.1f} ms  {best / nodes / first:5.2f} of linear")


if __name__ == "__main__":
    main()
