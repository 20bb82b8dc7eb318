"""Texts that the tests of agents publish."""

from __future__ import annotations

HELLO = """\
kind: graph/v1
name: hello
title: Greeter
inputs: { name: string }
nodes:
  a:
    set: { text: "Hello ${ inputs.name }" }
    next: $end
outputs: { text: "${ a.text }" }
"""

ASKING = """\
kind: graph/v1
name: asking
inputs: { name: string }
use: { hello: "graph://hello" }
nodes:
  a:
    graph: hello
    with: { name: "${ inputs.name }" }
    next: $end
outputs: { text: "${ a.text }" }
"""

SMALL = "kind: model/v1\nname: small\nprovider: demo\n"

LOOKUP = """\
kind: tool/v1
name: crm.lookup
description: Finds a customer
http: { endpoint: crm, method: GET, path: "/customers/{customer_id}" }
parameters: { customer_id: string }
returns: { name: string, tier: { enum: [free, gold] } }
idempotent: true
"""

BOOK = "kind: collection/v1\nname: book\ndescription: A book\nembedder: hashing\n"
