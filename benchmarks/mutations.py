"""What hostile hands do to a document: to its text, or to its structure.

Seeded, so that one number makes the same document on any machine. Nothing clever is tried:
bytes, tokens that mean something there, parts in each other's places.
"""

import json
from random import Random
from typing import Any

TOKENS = (
    *('"', "{", "}", "[", "]", ":", ",", "\\", "\\ud800", "\\u202e", "null", "NaN", "-0", "1e999"),
    *(
        "99999999999999999999",
        "0.1",
        "\x00",
        "\ufeff",
        "\ud7ff",
        "${A}",
        "[[",
        "]]",
        "=",
        "#",
        '"""',
    ),
    *(
        "permit",
        "forbid",
        "when {",
        "};",
        "resource",
        "context.args.",
        " has ",
        "&&",
        "(",
        ")",
        "@id(",
    ),
    *('{"$from": "fetch", "path": "/"}', '{"$input": "/title"}', '{"$run": "/id"}', '"$from"'),
)
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**53, 1e308, "", "x" * 10_000, "\u202e\x1b[31m", "__class__", [], {}),
    *({"$from": "fetch"}, {"$from": "none", "path": "/a~1/0"}, {"$input": "/x"}, {"$run": ""}),
    *({"$from": 1}, {"$x": 1}, [{"$from": "detect"}] * 50, {"a": {"b": {"c": [[[[]]]]}}}),
)


def text_of(random: Random, text: str) -> str:
    """Some of the text cut out, doubled, moved, or replaced by what means something there."""
    for _ in range(random.randint(1, 6)):
        a, b = sorted(random.randrange(len(text) + 1) for _ in range(2))
        b = min(b, a + random.choice((1, 1, 4, 40, 400)))
        match random.randrange(6):
            case 0:
                text = text[:a] + text[b:]
            case 1:
                text = text[:b] + text[a:b] * random.choice((1, 2, 50)) + text[b:]
            case 2:
                text = text[:a] + random.choice(TOKENS) + text[b:]
            case 3:
                text = text[:a] + random.choice(TOKENS) * random.choice((1, 3, 200)) + text[a:]
            case 4:
                text = text[:a] + chr(random.randrange(0x20, 0x3000)) + text[a + 1 :]
            case _:
                at = random.randrange(len(text) + 1)
                text = text[:at] + text[a:b] + text[at:]
        text = text[:400_000] or "{"
    return text


def structure_of(random: Random, value: Any) -> Any:
    """Some parts of a JSON value replaced, renamed, doubled or put in another's place."""
    for _ in range(random.randint(1, 5)):
        holders = _holders(value)
        holder, key = random.choice(holders)
        match random.randrange(5):
            case 0:
                holder[key] = _copy(random.choice(ODD))
            case 1:
                other, place = random.choice(holders)
                holder[key] = _copy(other[place])
            case 2 if isinstance(holder, dict):
                holder[random.choice((key.upper(), key + "x", "$from", "", key))] = holder.pop(key)
            case 3 if isinstance(holder, list):
                holder.extend(_copy([holder[key]] * random.choice((1, 5, 60))))
            case _:
                del holder[key]
        if not _holders(value):
            return value
        if len(json.dumps(value)) > 400_000:
            return value
    return value


def _copy(value: Any) -> Any:
    """By way of text, so that nothing holds itself, and no document is part of another."""
    return json.loads(json.dumps(value))


def _holders(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys: Any = list(one) if isinstance(one, dict) else range(len(one))
        found += [(one, key) for key in keys]
        waiting += [one[key] for key in keys if isinstance(one[key], dict | list)]
    return found
