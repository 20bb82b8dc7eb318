"""Did you mean …? The nearest of the words that would have been right."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

_SHORTEST_PREFIX = 3
_LONGEST = 100
_NEAR = 0.6
_MANY = 24
_MOST_OPTIONS = 200


def did_you_mean(word: str, options: Iterable[str]) -> str | None:
    """The option nearest to `word`, or `None` when no option is near. Case does not count."""
    return _nearest(word.lower(), tuple(options))


@lru_cache(maxsize=256)
def _nearest(lower: str, options: tuple[str, ...]) -> str | None:
    """See `did_you_mean`; a file of wrong words asks the same question a thousand times."""
    by_lower, by_beginning = _indexed(options)
    if lower in by_lower:
        return by_lower[lower]
    if len(lower) > _LONGEST:
        return None
    # Of very many options those that begin alike, and not too many of them.
    many = len(by_lower) > _MOST_OPTIONS
    candidates = by_beginning.get(lower[:2], [])[:_MOST_OPTIONS] if many else by_lower
    alike = [option for option in candidates if _shares_letters(lower, option)]
    near = (
        [option for option in alike if _begins(option, lower)]
        or get_close_matches(lower, alike, n=1, cutoff=_NEAR)
        or [option for option in alike if _begins(lower, option)]
    )
    return by_lower[min(near, key=len)] if near else None


@lru_cache(maxsize=16)
def _indexed(options: tuple[str, ...]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The options by themselves in lower case, and these by their first two letters."""
    by_lower = {option.lower(): option for option in sorted(options, reverse=True)}
    by_beginning: dict[str, list[str]] = {}
    for option in by_lower:
        by_beginning.setdefault(option[:2], []).append(option)
    return by_lower, by_beginning


def _shares_letters(word: str, option: str) -> bool:
    """Whether two words can be near at all: most of what is compared is not, and this is cheap to see."""
    shared = sum(map(option.__contains__, word))
    return shared > 0 and (
        2 * shared >= _NEAR * (len(word) + len(option)) or _begins(word, option) or _begins(option, word)
    )


def _begins(word: str, prefix: str) -> bool:
    return len(prefix) >= _SHORTEST_PREFIX and word.startswith(prefix)


def one_of(words: Iterable[str]) -> str:
    """The words as a list to read: `a, b, c`; of very many, the first."""
    listed = list(words)
    more = f", … and {len(listed) - _MANY} more" if len(listed) > _MANY else ""
    return ", ".join(listed[:_MANY]) + more


def hint(word: str, options: Iterable[str], otherwise: str = "known", *, taken: Iterable[str] = ()) -> str | None:
    """The help for an unknown word: the nearest option not yet `taken`, and what there is to choose from."""
    if " " in word:
        return "quote a text that holds ', ': in { } and [ ] a comma ends a value"
    options, taken = list(options), set(taken)
    near = did_you_mean(word, (option for option in options if option not in taken))
    choice = f"{otherwise}: {one_of(options)}" if options else None
    if near is None:
        return choice
    return f"did you mean '{near}'?" + (f" {choice}" if choice and len(options) > 1 else "")
