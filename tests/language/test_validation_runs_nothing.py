"""Checking a workspace executes nothing: no code is run, no socket, process or file is touched.

Python itself says "compile" when it reads the program of a code node into a syntax tree, which makes nothing that could
be run: that event is let pass under the name such programs are read by, and any "exec" would still be seen.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, random, sys
from pathlib import Path
from girih.language.compiler.folder import read_folder
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace

workspace = read_folder(Path(sys.argv[1]))
hostile = {
    "evil.yaml": "kind: graph/v1\\nname: evil\\nnodes:\\n  a:\\n    set: { x: !!python/object/apply:os.system [id] }\\n",
    "code.yaml": "kind: graph/v1\\nname: code\\nnodes:\\n  a:\\n    set: { x: '${ __import__(\\"os\\").system(\\"id\\") }' }\\n"
    "    next: $end\\n",
    "prompt.yaml": "kind: graph/v1\\nname: prompt\\nuse: { m: 'model://demo' }\\nnodes:\\n  a:\\n    llm: m\\n"
    "    prompt: { file: ../../../../etc/passwd }\\n    next: $end\\n",
    "template.yaml": "kind: graph/v1\\nname: template\\nuse: { m: 'model://demo' }\\nnodes:\\n  a:\\n    llm: m\\n"
    "    prompt: { file: p.md }\\n    next: $end\\n",
    "program.yaml": "kind: graph/v1\\nname: program\\nnodes:\\n  a:\\n    code: |\\n      import os\\n"
    "      os.system('id')\\n      open('/etc/passwd')\\n      { 'x': 1 }\\n    returns: { x: integer }\\n    next: $end\\n",
    "p.md": "{{ ''.__class__.__mro__[1].__subclasses__() }} {% include '/etc/passwd' %}",
}
# A thousand more: each example with one line of it lost, doubled, or swapped with another.
dice = random.Random(20)
names = [name for name in workspace.files if name.endswith(".yaml")]


def broken():
    name = dice.choice(names)
    lines = workspace.files[name].split("\\n")
    at, other = dice.randrange(len(lines)), dice.randrange(len(lines))
    way = dice.randrange(4)
    if way == 0:
        del lines[at]
    elif way == 1:
        lines.insert(other, lines[at])
    elif way == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        cut = dice.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:cut] + dice.choice(["${ ", "}", "'", ": ", "[", "&a ", "*a", "!!python/name:os ", "{% "]) + lines[at][cut:]
    return Workspace({name: "\\n".join(lines)})


made = [broken() for _ in range(1000)]
# Once before the watch, so that what is loaded lazily is loaded.
compile_workspace(workspace)
found = compile_workspace(Workspace(hostile))
for one in made[:200]:
    compile_workspace(one)
seen = []
WATCHED = ("exec", "compile", "import", "open", "os.", "socket.", "subprocess.", "shutil.", "urllib.", "ctypes.")
from girih.language.programs.syntax import PROGRAM as NAME

def note(event, args):
    if event.startswith(WATCHED) and not (event == "compile" and args[1] == NAME):
        seen.append(event)

sys.addaudithook(note)
compile_workspace(workspace)
compile_workspace(Workspace(hostile))
for one in made:
    compile_workspace(one)
watched = list(seen)
print(json.dumps({"seen": watched, "files": sorted({d.place.file for d in found.diagnostics})}))
"""


def test_no_event_of_execution_is_seen() -> None:
    command = [sys.executable, "-c", PROGRAM, str(ROOT / "agent_specs")]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert said["seen"] == []
    assert {"evil.yaml", "code.yaml", "prompt.yaml", "program.yaml", "p.md"} <= set(said["files"])
