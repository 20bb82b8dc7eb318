"""A small bundle that is signed, made without a server."""

from __future__ import annotations

from typing import Any

from girih.language.bundles.manifest import DocumentEntry, Manifest, VersionEntry, write
from girih.language.bundles.statement import Statement, hash_of, hash_of_report, kept_text
from girih.language.compiler.pipeline import compile_workspace
from girih.language.compiler.workspace import Workspace
from girih.language.spec.canonical import canonical_json
from girih.providers.signing.keys import KeyRing, SigningKey

GRAPH = """\
kind: graph/v1
name: bundled
inputs: { name: string }
use: { m: model://small }
nodes:
  a: { llm: m, prompt: "Hello ${ inputs.name }", next: $end }
outputs: { text: "${ a.text }" }
"""
SMALL = "kind: model/v1\nname: small\nprovider: demo\n"
KEY = SigningKey.made()
RING = KeyRing([KEY.public])
REPORT = {"outcome": "none", "counts": {}, "ms": 0, "at": "2026-01-01T00:00:00Z", "girih": "1", "tests": []}


def statement(**said: Any) -> Statement:
    made = compile_workspace(Workspace({"bundled.yaml": GRAPH, "small.yaml": SMALL}))
    plan = made.plans["bundled"]
    return Statement(
        **{
            "name": "bundled",
            "version": "1.0.0",
            "digest": plan.digest,
            "language": 1,
            "plan": hash_of(kept_text(plan.model_dump(mode="json"))),
            "source": hash_of(GRAPH),
            "path": "bundled.yaml",
            "lock": [],
            "report": hash_of_report(REPORT),
            "forced": False,
            "created_at": "2026-01-01T00:00:00+00:00",
            "created_by": "key:1",
            "commit": None,
            "dirty": None,
            "message": None,
            **said,
        }
    )


def made(signed: Statement | None = None, *, key: SigningKey = KEY, model: str = SMALL) -> bytes:
    """A bundle that says what `statement` says; its signature may be of another statement."""
    compiled = compile_workspace(Workspace({"bundled.yaml": GRAPH, "small.yaml": model}))
    (spec,) = compiled.others
    plan = compile_workspace(Workspace({"bundled.yaml": GRAPH, "small.yaml": SMALL})).plans["bundled"]
    files = {
        "g.yaml": GRAPH,
        "p.json": kept_text(plan.model_dump(mode="json")),
        "r.json": canonical_json(REPORT),
        "m.yaml": model,
    }
    entry = VersionEntry(
        statement=statement(),
        signature=key.sign((signed or statement()).as_bytes()),
        source="g.yaml",
        plan="p.json",
        report="r.json",
    )
    document = DocumentEntry(
        kind="model/v1", name="small", digest=spec.digest, version=None, path="small.yaml", file="m.yaml"
    )
    manifest = Manifest(
        girih_bundle=1,
        girih="1",
        root="bundled@1.0.0",
        versions=[entry],
        documents=[document],
        absent=[],
        keys=[],
        files={},
    )
    return write(manifest, {name: content.encode() for name, content in files.items()})


BUNDLE = made()
