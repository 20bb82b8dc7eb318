"""One node: which verb it has, and its configuration as that verb's own model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict

from girih.language.spec.diagnostics import Diagnostic, Related, has_errors
from girih.language.spec.findings import Subject, keys_of, shaped
from girih.language.spec.memory import Memory
from girih.language.spec.model import GraphNode, Route
from girih.language.spec.policies import Policies
from girih.language.spec.routes import Rules, normalize_routes, read_rules
from girih.language.spec.suggest import did_you_mean, one_of
from girih.language.spec.tree import JsonObject, JsonValue, Tree
from girih.language.spec.words import found

COMMON_KEYS = ("next", "title", "description", *Policies.model_fields)
"""The keys of every node, whatever its verb."""


class Kind(Protocol):
    """What the parser asks of a node kind."""

    @property
    def verb(self) -> str:
        """The key that says what the node does."""
        ...

    @property
    def Config(self) -> type[Any]:  # noqa: N802 - the contract's own name
        """The node's model."""
        ...


_BESIDE = frozenset({"title", "description", "retry", "timeout", "cache"})
"""Keys whose faults hide nothing else of their node."""


class UnreadConfig(BaseModel):
    """All that is known of a node that could not be read: where it leads, as far as that was sound."""

    model_config = ConfigDict(frozen=True)

    title: str | None = None
    description: str | None = None
    next: Annotated[tuple[Route, ...], BeforeValidator(normalize_routes)] = ()


@dataclass(frozen=True)
class NodeParser:
    """Reads the nodes of one document; `faults` takes what is wrong with them."""

    tree: Tree
    kinds: Mapping[str, Kind]
    faults: list[Diagnostic]
    memory: Memory | None = None

    def node(self, name: str, value: JsonValue) -> GraphNode:
        """The node; one that cannot be read is not `sound`."""
        memory = self.memory if not self.tree.damage.is_within(("nodes", name)) else None
        mark = memory.print_of(value) if memory is not None else None
        if memory is None or mark is None:
            return self._node(name, value)
        node: GraphNode | None = memory.get(("node", name, mark))
        if node is None:
            before = len(self.faults)
            node = self._node(name, value)
            if len(self.faults) == before:  # findings have places, which are others next time
                memory.put(("node", name, mark), node)
        return node

    def _node(self, name: str, value: JsonValue) -> GraphNode:
        path = ("nodes", name)
        if not isinstance(value, dict):
            message = f"node '{name}' must be a mapping, found {found(value)}"
            self._add(message, self.tree.key_at(path), "write a verb and its keys below the name")
            return GraphNode(name, "", UnreadConfig(), {}, sound=False, is_routed=False)
        verb = self._verb(name, value)
        subject = f"{verb} node '{name}'".removeprefix("None ")
        rules = read_rules(value["next"], self.tree, (*path, "next"), subject) if "next" in value else None
        faults: list[Diagnostic] = []
        config = self._config(name, verb, value, subject, rules, faults) if verb else _unread(rules)
        self.faults.extend((*faults, *(rules.faults if rules else ())))
        is_damaged = self.tree.damage.is_within(path)
        is_read = verb is not None and not isinstance(config, UnreadConfig) and not is_damaged
        sound = is_read and (not has_errors(faults) or self._is_read_beside(name, str(verb), value, rules))
        is_routed = (rules.is_complete if rules else not is_damaged) and not _is_handling_lost(value, config)
        return GraphNode(name, verb or "", config, value, sound=sound, is_routed=is_routed)

    def _config(
        self, name: str, verb: str, value: JsonObject, subject: str, rules: Rules | None, faults: list[Diagnostic]
    ) -> Any:
        own = Subject(self.tree, ("nodes", name), self.kinds[verb].Config, subject)
        routed = {**value, "next": list(rules.sound)} if rules and rules.faults else value
        config = shaped(self.kinds[verb].Config, routed, own, faults)
        return config if config is not None else _unread(rules)

    def _is_read_beside(self, name: str, verb: str, value: JsonObject, rules: Rules | None) -> bool:
        """Whether all faults are in keys that change nothing about what the node needs, gives, and where it leads."""
        faults: list[Diagnostic] = []
        rest = {key: item for key, item in value.items() if key not in _BESIDE}
        self._config(name, verb, rest, "", rules, faults)
        return not has_errors(faults)

    def _verb(self, name: str, value: JsonObject) -> str | None:
        verbs = [key for key in value if key in self.kinds]
        owners = [verb for verb in verbs if set(verbs) <= set(keys_of(self.kinds[verb].Config))]
        if owners:
            return owners[0]
        if verbs:
            first, second = verbs[:2]
            related = (Related(self.tree.key_at(("nodes", name, first)), "the first verb"),)
            place = self.tree.key_at(("nodes", name, second))
            message = f"node '{name}' has two verbs, '{first}' and '{second}'"
            self.faults.append(Diagnostic("E002", message, place, help="make two nodes of it", related=related))
            return None
        self._no_verb(name, value)
        return None

    def _no_verb(self, name: str, value: JsonObject) -> None:
        for key in value:
            near = did_you_mean(key, self.kinds) if key not in COMMON_KEYS else None
            if near is not None:
                self.faults.append(unknown_verb(self.tree, name, key, near, self.kinds))
                return
        message = f"node '{name}' has no verb: nothing says what it does"
        self._add(message, self.tree.key_at(("nodes", name)), f"add one; verbs: {one_of(self.kinds)}")

    def _add(self, message: str, place: Any, help: str) -> None:
        self.faults.append(Diagnostic("E002", message, place, help=help))


def _is_handling_lost(value: JsonObject, config: Any) -> bool:
    """Whether where a failure leads to could not be read."""
    handling = getattr(config, "on_error", None)
    return "on_error" in value and (handling is None or handling.to is handling.value is None)


def _unread(rules: Rules | None) -> UnreadConfig:
    return UnreadConfig.model_validate({"next": list(rules.sound) if rules else None})


def unknown_verb(tree: Tree, node: str, key: str, near: str, kinds: Mapping[str, Kind]) -> Diagnostic:
    """The finding for a key that was meant to be a verb."""
    way_out = f"did you mean '{near}'? verbs: {one_of(kinds)}"
    return Diagnostic("E002", f"unknown verb '{key}' in node '{node}'", tree.key_at(("nodes", node, key)), help=way_out)
