"""References that stand in documents of their own kind: `pipeline: pipeline://NAME`, `model: model://NAME`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from girih.language.spec.uris import PIPELINE, UriError, parse_uri


def _of(scheme: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            return str(parse_uri(text, (scheme,)))
        except UriError as fault:
            said = {"message": f"{fault.message}; {fault.help}"}
            raise PydanticCustomError("reference", "{message}", said) from fault

    return check


_NAME = "[a-z][a-z0-9]*([-.][a-z0-9]+)*"

PipelineRef = Annotated[
    str,
    AfterValidator(_of(PIPELINE)),
    WithJsonSchema({"type": "string", "pattern": f"^pipeline://{_NAME}(@.+)?$"}),
]
"""A published pipeline: `pipeline://NAME`, `pipeline://NAME@1.2.0` or a range, `@^1`, `@~1.2`."""

ModelRef = Annotated[
    str, AfterValidator(_of("model")), WithJsonSchema({"type": "string", "pattern": f"^model://{_NAME}$"})
]
"""A logical model: `model://NAME`."""
