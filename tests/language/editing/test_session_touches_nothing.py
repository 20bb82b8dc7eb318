"""A whole session executes nothing and touches nothing: no process, no connection, no file but those of its folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, sys
from pathlib import Path
from girih.language.editing import completion, prompts
from girih.language.editing.definitions import definitions, references
from girih.language.editing.formatting import layout_edits
from girih.language.editing.hovers import hover
from girih.language.editing.outlines import outline
from girih.language.editing.positions import Edit, Position, Range
from girih.language.editing.renaming import renamed_at
from girih.language.editing.repairs import repairs
from girih.language.editing.session import Session
from girih.language.programs.syntax import PROGRAM as NAME

root = Path(sys.argv[1])
HOSTILE = [
    "kind: graph/v1\\nname: e\\nnodes:\\n  a:\\n    set: { x: !!python/object/apply:os.system [id] }\\n",
    "kind: graph/v1\\nname: c\\nnodes:\\n  a:\\n    set: { x: '${ __import__(\\"os\\").system(\\"id\\") }' }\\n    next: $end\\n",
    "kind: graph/v1\\nname: p\\nuse: { m: 'model://demo' }\\nnodes:\\n  a:\\n    llm: m\\n"
    "    prompt: { file: ../../../../etc/passwd }\\n    next: $end\\n",
    "kind: graph/v1\\nname: g\\nnodes:\\n  a:\\n    code: |\\n      import os\\n      os.system('id')\\n"
    "    returns: { x: integer }\\n    next: $end\\n",
]


def session():
    mine = Session()
    mine.add_folder(root.as_uri())
    for number, text in enumerate([*HOSTILE, (root / "triage.yaml").read_text()]):
        uri = (root / f"h{number}.yaml").as_uri()
        room, file = mine.open(uri, text)
        mine.change(uri, [Edit(Range(Position(4, 0), Position(4, 0)), "# 😀\\n")])
        reading = room.analyse()
        room.take(reading)
        source = reading.source(file)
        for index in range(0, len(source.text), 40):
            completion.completions(source, index, reading, room.last_good(file))
            hover(reading, file, index, lambda code: None)
            definitions(reading, file, index)
            references(reading, file, index, with_definition=True)
            renamed_at(reading, file, index)
        prompts.completions(source, 5, reading)
        tree = reading.tree(file)
        if tree is not None:
            outline(tree)
        layout_edits(source)
        repairs(reading, file, Range(Position(0, 0), Position(99, 0)), room.analysed)
        mine.close(uri)


session()  # once before the watch, so that what is loaded lazily is loaded
seen = []
WATCHED = ("exec", "compile", "import", "os.", "socket.", "subprocess.", "shutil.", "urllib.", "ctypes.", "open")
READING = ("os.listdir", "os.scandir")


def note(event, args):
    if not event.startswith(WATCHED) or event in READING or (event == "compile" and args[1] == NAME):
        return
    if event == "open" and str(args[0]).startswith(str(root)) and not set(str(args[1])) & set("wax+"):
        return
    seen.append([event, str(args)[:200]])


sys.addaudithook(note)
session()
print(json.dumps(list(seen)))
"""


def test_no_event_of_execution_is_seen() -> None:
    command = [sys.executable, "-c", PROGRAM, str(ROOT / "agent_specs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
