"""A prompt as nodes take it: an inline text with `${ … }`, or a file of the workspace with the data passed to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from girih.language.expressions.templates import render_template
from girih.language.nodes.base import STRING, PromptFile, Scope, Slot
from girih.language.spec.model import Strict
from girih.language.spec.tree import JsonObject


class Prompt(Strict):
    """Exactly one of `text` (written as a plain string) and `file`."""

    file: str | None = None
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    text: str | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.text is None) == (self.file is None):
            raise PydanticCustomError("one_of", "needs either a text or 'file', and not both")
        if self.text is not None and self.with_:
            raise PydanticCustomError("one_of", "'with' belongs to a prompt file; a text reads ${ … } by itself")
        return self

    def slots(self, key: str) -> Iterable[Slot]:
        """The prompt's slots; `key` is the node's key that holds it."""
        if self.text is not None:
            yield Slot(key, (key,), self.text, STRING)
        else:
            yield Slot(key, (key, "with"), self.with_)

    def files(self, key: str) -> Iterable[PromptFile]:
        """The file, if the prompt is one."""
        if self.file is not None:
            yield PromptFile((key, "file"), self.file, tuple(self.with_))

    def lower(self, scope: Scope) -> JsonObject:
        """The template's text, when the prompt is a file."""
        return {} if self.file is None else {"template": scope.prompts.get(self.file, ""), "file": self.file}


def _from_text(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


PromptField = Annotated[Prompt, BeforeValidator(_from_text, json_schema_input_type=str | Prompt)]
"""How a node's model declares a prompt."""


def rendered(settings: JsonObject, value: Any) -> str:
    """The prompt's final text: `settings` as `Prompt.lower` made them, `value` the evaluated slot."""
    return render_template(settings["template"], value) if "template" in settings else str(value)
