"""What becomes of inputs that are longer than a model is to be shown: cut in the open, or refused.

An estimate that is too high costs a little room, one that is too low breaks a budget; so it counts
more tokens than any tokenizer known makes of English and JSON, and every escape letter by letter.
Of several inputs the longest are cut, to one length. A list loses whole items from its end, a text
its end; anything else is not cut, since half an object says something else than the whole.
"""

import json
from collections.abc import Mapping

from pydantic import JsonValue

from lockstep.compose import Cut, Unit

_BYTES_A_TOKEN = 2


class TooLong(ValueError):
    """The inputs do not fit; the message says by how much."""


def written(value: JsonValue) -> str:
    """JSON in ASCII on one line, and without tags: nothing in it ends the block that it is in."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def tokens_at_most(text: str) -> int:
    """More tokens than a model will count in a text of ours: one for two letters, and one for each
    letter of an escape, of which there are six.
    """
    # Counted and not searched for: it may be megabytes, and a search would hold up all else.
    return -(-len(text) // _BYTES_A_TOKEN) + 3 * text.count("\\u")


def fitted(
    inputs: Mapping[str, JsonValue], most: int, *, cut: bool
) -> tuple[dict[str, JsonValue], tuple[Cut, ...]]:
    """The inputs as they are shown, and what was cut of them; TooLong where that is not allowed, or
    would not help.
    """
    sizes = {name: tokens_at_most(written(value)) for name, value in inputs.items()}
    total = _framed(sizes)
    if total <= most:
        return dict(inputs), ()
    if not cut:
        raise TooLong(f"about {total:,} tokens, and {most:,} are allowed")
    room = _level(sizes, most - (total - sum(sizes.values())))
    shown: dict[str, JsonValue] = {}
    cuts: list[Cut] = []
    for name, value in inputs.items():
        if sizes[name] <= room:
            shown[name] = value
            continue
        if not isinstance(value, str | list):
            raise TooLong(
                f"`{name}` has about {sizes[name]:,} tokens, there is room for {room:,}, and only "
                "texts and lists are cut"
            )
        count = _longest(value, room)
        if count == 0:
            raise TooLong(f"there is room for {room:,} tokens of `{name}`, too few to begin it")
        shown[name] = value[:count]
        unit: Unit = "characters" if isinstance(value, str) else "items"
        cuts.append(Cut(input=name, shown=count, of=len(value), unit=unit))
    return shown, tuple(cuts)


def _framed(sizes: Mapping[str, int]) -> int:
    """All values, with their names and what stands between them."""
    return sum(sizes.values()) + sum(tokens_at_most(written(name)) + 2 for name in sizes) + 2


def _level(sizes: Mapping[str, int], most: int) -> int:
    """The length to which the longest are cut so that all fit."""
    left = most
    waiting = sorted(sizes.values())
    while waiting and waiting[0] * len(waiting) <= left:
        left -= waiting.pop(0)
    return max(left, 0) // max(len(waiting), 1)


def _longest(value: str | list[JsonValue], room: int) -> int:
    """How many characters or items from the beginning fit."""
    # No character and no item is less than half a token.
    low, high = 0, min(len(value), room * _BYTES_A_TOKEN)
    while low < high:
        middle = (low + high + 1) // 2
        if tokens_at_most(written(value[:middle])) <= room:
            low = middle
        else:
            high = middle - 1
    return low
