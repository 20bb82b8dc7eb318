"""What names mean in expressions, and what kinds of errors there are, in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping

NAMES: Mapping[str, str] = {
    "inputs": "what the run was given",
    "NODE": "the result of a node that has run: `classify.intent`",
    "state": "the values under `state:`; with `chat:` also `state.messages`",
    "errors": "by node, a failure that `on_error` took care of: `errors.NODE.kind`, `errors.NODE.message`",
    "item, index": "in the branch of an `each`: the item (or the name `as` gives it) and its place, from 0",
    "run": "`run.id`, `run.started_at`, `run.attempt`, `run.user` where there is one",
    "visits('NODE')": "how often a node has finished in this graph so far",
    "args": "in an approval: the arguments of the call",
}

ERRORS: Mapping[str, str] = {
    "rate_limit": "a service has had too many requests",
    "timeout": "something took longer than it may",
    "invalid_output": "a model, a program or an event gave data of another shape than was declared",
    "tool_error": "a tool answered with an error",
    "refused": "something may not be done: a key that is not accepted, `$fail`, an `end` with `status: failed`",
    "budget": "a limit of the run was met, or a size",
    "unavailable": "a service could not be reached",
    "internal": "a fault of girih itself, or one of a kind of its own",
}
