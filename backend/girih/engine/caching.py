"""Results that stand in for running a node again: what makes two executions the same, and a cache that may be away."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from girih.engine.context import ResultCache
from girih.errors import GirihError, LeaseLost
from girih.language.compiler.plan import PlanNode, digest_of
from girih.language.expressions.values import evaluate
from girih.language.nodes.accepting import accepted
from girih.language.nodes.messages import NOTHING_GIVEN, AppGiven
from girih.language.spec.tree import JsonObject

logger = logging.getLogger(__name__)


def cache_key(
    node: PlanNode, values: JsonObject, data: Mapping[str, Any], given: AppGiven = NOTHING_GIVEN
) -> str | None:
    """The digest of all that decides a result; `None` for a node that is not cached. Raises `ExpressionError`.

    What the app has for the node's model always counts, also where the author names a key.
    """
    if node.cache is None:
        return None
    by = evaluate(node.cache.key[0], data) if node.cache.key else values
    own_key = bool(node.cache.key)
    taken = accepted(node.settings, given)
    more = {} if taken == NOTHING_GIVEN else {"given": asdict(taken)}
    told = {"verb": node.verb, "settings": node.settings, "returns": node.returns, "own": own_key, "by": by}
    return digest_of({**told, **more})


async def found(cache: ResultCache, key: str) -> JsonObject | None:
    """The cached result. A cache that is away has none: it must not be what a run fails of."""
    try:
        return await cache.get(key)
    except LeaseLost:
        raise
    except GirihError as fault:
        logger.warning("the cache gives nothing: %s", fault.message)
        return None


async def keep(cache: ResultCache, key: str, result: JsonObject, ttl: float) -> None:
    """Cache a result, if the cache is there."""
    try:
        await cache.put(key, result, ttl)
    except LeaseLost:
        raise
    except GirihError as fault:
        logger.warning("the cache keeps nothing: %s", fault.message)
