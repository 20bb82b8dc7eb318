"""How long hostile texts of 256 KiB take to validate, and how much memory: `python tests/benchmarks/validating.py`.

Each text is checked in a process of its own, which is forked after all imports: its time is that of compiling and of
writing the findings, its memory is what the process grew by at most.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

from girih.cli.validate import first_of_each_file
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec import render
from girih.language.spec.source import Source

SIZE = 256 * 1024
MOST_SECONDS = 0.2
MOST_KEYS = 990
"""Nearly as many as one mapping may hold."""
MOST_MEGABYTES = 50

HEAD = "kind: graph/v1\nname: hostile\nuse: { m: model://default }\ninputs: { q: string }\n"
NODE = "nodes:\n  a: { llm: m, prompt: hi, next: $end }\n"
SOUND = HEAD + NODE


def filled(head: str, part: str | Callable[[int], str], tail: str = "", most: int = SIZE) -> str:
    """`head`, then parts until the text is as large as it may be or has `most` of them, then `tail`."""
    room = SIZE - len(head) - len(tail)
    parts: list[str] = []
    while room > 0 and len(parts) < most:
        parts.append(part if isinstance(part, str) else part(len(parts)))
        room -= len(parts[-1])
    return head + "".join(parts) + tail


def texts() -> Iterator[tuple[str, str]]:
    """The hostile texts by name."""
    bomb = SOUND + "title: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"k{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    yield "alias bomb", bomb
    yield "many aliases of a list", filled(SOUND + "title: &a [1, 2, 3]\nx:\n", "  - *a\n")
    yield "deep flow", filled(SOUND + "title: ", "[")
    yield "deep flow, closed", SOUND + "title: " + "[" * 120_000 + "]" * 120_000 + "\n"
    yield "deep mappings", filled(SOUND + "title: ", "{a: ")
    yield "deep blocks", SOUND + "title:\n" + "".join(" " * i + "k:\n" for i in range(1, 700))
    yield "deep dashes", SOUND + "title:\n  " + "- " * 120_000 + "x\n"
    yield "many keys", filled(SOUND, lambda i: f"k{i}: 1\n")
    yield "as many keys as may be", filled(SOUND, lambda i: f"k{i}: 1\n", most=MOST_KEYS)
    yield "many keys in inputs", filled(HEAD.replace("inputs: { q: string }\n", NODE + "inputs:\n"), "  k: string\n")
    yield (
        "many inputs",
        filled(HEAD.replace("inputs: { q: string }\n", NODE + "inputs:\n"), lambda i: f"  k{i}: strng\n"),
    )
    yield (
        "as many inputs as may be",
        filled(
            HEAD.replace("inputs: { q: string }\n", NODE + "inputs:\n"), lambda i: f"  k{i}: strng\n", most=MOST_KEYS
        ),
    )
    yield "many duplicate keys", filled(SOUND, "k: 1\n")
    yield "as many duplicate keys as may be", filled(SOUND, "k: 1\n", most=MOST_KEYS)
    yield "many nodes", filled(HEAD + "nodes:\n", lambda i: f"  n{i}: {{ set: {{ x: 1 }}, next: n{i + 1} }}\n")
    yield (
        "as many nodes as may be",
        filled(HEAD + "nodes:\n", lambda i: f"  n{i}: {{ set: {{ x: 1 }}, next: n{i + 1} }}\n", most=MOST_KEYS),
    )
    yield "many lost nodes", filled(HEAD + "nodes:\n", lambda i: f"  n{i}: {{ set: {{ x: 1 }}, next: $end }}\n")
    yield (
        "as many lost nodes as may be",
        filled(HEAD + "nodes:\n", lambda i: f"  n{i}: {{ set: {{ x: 1 }}, next: $end }}\n", most=MOST_KEYS),
    )
    yield "many misspelt nodes", filled(HEAD + "nodes:\n", lambda i: f"  n{i}: {{ sett: {{ x: 1 }}, nxt: n }}\n")
    yield (
        "as many misspelt nodes as may be",
        filled(HEAD + "nodes:\n", lambda i: f"  n{i}: {{ sett: {{ x: 1 }}, nxt: n }}\n", most=MOST_KEYS),
    )
    yield "many bad targets", filled(HEAD + "nodes:\n", lambda i: f"  n{i}: {{ set: {{ x: 1 }}, next: x{i} }}\n")
    yield (
        "as many bad targets as may be",
        filled(HEAD + "nodes:\n", lambda i: f"  n{i}: {{ set: {{ x: 1 }}, next: x{i} }}\n", most=MOST_KEYS),
    )
    yield (
        "many bad names",
        filled(HEAD + "nodes:\n", lambda i: f'  n{i}: {{ set: {{ x: "${{ y{i}.z }}" }}, next: $end }}\n'),
    )
    yield (
        "as many bad names as may be",
        filled(
            HEAD + "nodes:\n", lambda i: f'  n{i}: {{ set: {{ x: "${{ y{i}.z }}" }}, next: $end }}\n', most=MOST_KEYS
        ),
    )
    one = "  b:\n    set:\n"
    yield "many expressions", filled(SOUND + one, lambda i: f'      k{i}: "${{ inputs.q }}"\n')
    yield (
        "as many expressions as may be",
        filled(SOUND + one, lambda i: f'      k{i}: "${{ inputs.q }}"\n', most=MOST_KEYS),
    )
    yield "many bad expressions", filled(SOUND + one, lambda i: f'      k{i}: "${{ inputs.x{i} + }}"\n')
    yield (
        "as many bad expressions as may be",
        filled(SOUND + one, lambda i: f'      k{i}: "${{ inputs.x{i} + }}"\n', most=MOST_KEYS),
    )
    yield "unterminated ${", filled(SOUND + 'outputs:\n  x: "', "${ ", '"\n')
    yield "unterminated ${ in many texts", filled(SOUND + one, lambda i: f'      k{i}: "${{ a"\n')
    yield "many expressions in one text", filled(SOUND + 'outputs:\n  x: "', "${ a.text }", '"\n')
    yield "many bad expressions in one text", filled(SOUND + 'outputs:\n  x: "', "${ b }", '"\n')
    yield "many expressions in a block", filled(SOUND + "outputs:\n  x: |\n", "    ${ b }\n")
    yield "quotes in an expression", filled(SOUND + "outputs:\n  x: '${ ", '"\\', " }'\n")
    yield "brackets in an expression", filled(SOUND + "outputs:\n  x: '${ ", "(", " }'\n")
    yield "long line of findings", filled(SOUND.rstrip() + "\noutputs: {", lambda i: f' k{i}: "${{ b{i} }}",', "}\n")
    yield "long plain scalar", filled(SOUND + "title: ", "word ")
    yield "long plain scalar over lines", filled(SOUND + "title: a\n", "  word\n")
    yield "long quoted scalar", filled(SOUND + 'title: "', "a\\x41", '"\n')
    yield "long block", filled(SOUND + "title: |\n", "  line\n")
    yield "long key", filled(SOUND, "k", ": 1\n")
    yield "long name of a node", filled(HEAD + "nodes:\n  ", "n", ": { sett: 1 }\n")
    yield "long verb", filled(HEAD + "nodes:\n  a: { ", "set", ": 1 }\n")
    yield "unclosed quote", filled(SOUND + 'title: "', "word\n  ")
    yield "unclosed quotes", filled(SOUND, lambda i: f'k{i}: "a\n')
    yield "unclosed brackets", filled(SOUND, lambda i: f"k{i}: [a\n")
    yield "misaligned lines", filled(SOUND, lambda i: " " * (i % 7) + f"k{i}: a\n")
    yield "colons", filled(SOUND, lambda i: f"k{i}: a: b\n")
    yield "tabs", filled(SOUND, "\tk: a\n")
    yield "dashes", filled(SOUND, "-\n")
    yield "comments that ignore", filled(SOUND, "# girih: ignore[W003]\n")
    yield "traps", filled(SOUND + "title: [", "no, ", "]\n")
    yield "long numbers", filled(SOUND + "title: ", "9")
    yield (
        "hostile type",
        filled(HEAD + NODE.replace("nodes", "nodes") + "outputs: {}\nstate: { x: { type: ", "[", "} }\n"),
    )
    yield (
        "patterns",
        filled(HEAD + NODE.rstrip() + "\nlimits: {}\nchat:\n", lambda i: f"  k{i}: {{ pattern: '(a+)+$' }}\n"),
    )
    wide = ", ".join(f"v{i}" for i in range(20_000))
    yield "large enum", HEAD.replace("q: string", f"q: {{ enum: [{wide}] }}") + NODE
    yield "tags", filled(SOUND + "title: [", "!x 1, ", "]\n")
    deep = "".join(f'  e{i}: {{ each: e{i + 1}, over: "${{ [1] }}", as: x{i}, result: 1 }}\n' for i in range(400))
    yield "deep forks", HEAD + "nodes:\n" + deep + '  e400: { set: { x: "${ x3 }" } }\n'
    yield "unknown aliases", filled(SOUND + "title: [", "*x, ", "]\n")
    yield "anchors", filled(SOUND + "title: [", lambda i: f"&a{i} 1, ", "]\n")
    yield "carriage returns", filled(SOUND, "k: 1\r")
    yield "blank lines", filled(SOUND, "\n")
    yield "wide characters", filled(SOUND + "title: ", "😀é")


def check(text: str) -> int:
    """The number of findings; what is measured."""
    found = compile_workspace(Workspace({"a.yaml": text})).diagnostics
    shown, _ = first_of_each_file(found)
    render.text(shown, {"a.yaml": Source("a.yaml", text)})
    return len(found)


def _measured(text: str, out: Connection) -> None:
    # What imports and the first compilation cost is not the text's.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    count = check(text)
    out.send((time.process_time() - begun, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, count))


def main() -> int:
    """Print a line for each text; 1 if any is over the bounds."""
    context = multiprocessing.get_context("fork")
    check(SOUND)
    wanted = sys.argv[1:]
    slow = 0
    for name, text in texts():
        if wanted and name not in wanted:
            continue
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_measured, args=(text, sender))
        process.start()
        ready = receiver.poll(MOST_SECONDS * 10)
        seconds, megabytes, count = receiver.recv() if ready else (MOST_SECONDS * 10, 0.0, 0)
        process.kill()
        process.join()
        is_over = seconds > MOST_SECONDS or megabytes > MOST_MEGABYTES
        slow += is_over
        print(f"{name:36} {len(text) // 1024:4} KiB {seconds * 1000:8.0f} ms {megabytes:7.1f} MB {count:6} findings"
              f"{'  OVER' if is_over else ''}")  # fmt: skip
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
