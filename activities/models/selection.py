"""Which part of a large catalogue a model is shown: what is nearest to the goal in words.

A model that is shown hundreds of tools plans worse and costs more. What is left out is not
forbidden: the whole catalogue counts where a plan is checked. The choice is plain arithmetic over
words (Okapi BM25), so that the same goal is shown the same part on every machine; embeddings would
find synonyms as well, and would be a second model to trust.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_SATURATION, _LENGTH = 1.2, 0.75
"""BM25's usual constants: how soon a repeated word stops to count, and how much length does."""
_NAME_COUNTS = 3
"""A word in a name says more than one in a description."""
_PLACES = 9
"""Decimals by which scores are told apart: the last ones differ between machines."""


def words(text: str) -> list[str]:
    """Of `FetchMetrics` and `node_load1`: `fetch`, `metric`, `node`, `load`, `1`."""
    found = (word.casefold() for word in _WORD.findall(text))
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in found]


def nearest(asked: str, offers: Mapping[str, str], most: int, always: Iterable[str]) -> list[str]:
    """At most `most` of the names that are offered, sorted; all of `always` come before others, and
    those that are asked for by name. `offers` says what each name stands for.
    """
    if len(offers) <= most:
        return sorted(offers)
    wanted = set(always) | set(re.findall(r"[\w.:/-]+", asked))
    scores = _scores(asked, offers)
    ranked = sorted(offers, key=lambda name: (name not in wanted, -scores[name], name))
    return sorted(ranked[:most])


def _scores(asked: str, offers: Mapping[str, str]) -> dict[str, float]:
    counted = {
        name: Counter(words(name) * _NAME_COUNTS + words(about)) for name, about in offers.items()
    }
    lengths = {name: sum(count.values()) for name, count in counted.items()}
    usual = sum(lengths.values()) / len(lengths)
    scores = dict.fromkeys(offers, 0.0)
    for word in sorted(set(words(asked))):
        having = [name for name, count in counted.items() if word in count]
        rarity = math.log(1 + (len(offers) - len(having) + 0.5) / (len(having) + 0.5))
        for name in having:
            often = counted[name][word]
            damped = often + _SATURATION * (1 - _LENGTH + _LENGTH * lengths[name] / usual)
            scores[name] += rarity * often * (_SATURATION + 1) / damped
    return {name: round(score, _PLACES) for name, score in scores.items()}
