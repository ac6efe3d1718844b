"""What a compose step may say its answer looks like: a closed JSON Schema that both sides decide.

A provider compiles it into a grammar and takes only so much; we validate with it and know whether
one step can feed another. So there is one subset, the smaller of both: objects with all their
fields, lists, the plain types, choices of words. Bounds on numbers and lengths are not in it: no
provider keeps to them, and an answer that is measured afterwards is a step that fails afterwards.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, JsonValue

from lockstep.canonical import ExactObject, canonical
from lockstep.pointer import pointer

MAX_BYTES = 16 * 1024
MAX_LEVELS = 6
MAX_FIELDS = 100
MAX_UNIONS = 16
MAX_WORDS = 200
"""Of one `enum`."""

_PLAIN = ("string", "integer", "number", "boolean", "null")
_TYPES = frozenset({*_PLAIN, "object", "array"})
_WORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems"},
    "string": {"enum"},
}
_ALWAYS = {"type", "description", "title"}
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)

At = tuple[int | str, ...]


def _closed(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    size = len(canonical(schema))
    if size > MAX_BYTES:
        raise ValueError(f"a schema of {size:,} bytes, more than {MAX_BYTES:,}")
    if schema.get("type") != "object":
        raise ValueError("an output is an object: wanted `type`: `object`")
    nodes = list(_nodes(schema, ()))
    for at, node in nodes:
        problem = _unfit(node, at)
        if problem:
            raise ValueError(f"at `{pointer(at) or '/'}`: {problem}")
    count = sum(len(_fields(node)) for _, node in nodes)
    if count > MAX_FIELDS:
        raise ValueError(f"{count} fields, more than {MAX_FIELDS}")
    unions = sum(isinstance(node.get("type"), list) for _, node in nodes)
    if unions > MAX_UNIONS:
        raise ValueError(f"{unions} choices of types, more than {MAX_UNIONS}")
    return schema


OutputSchema = Annotated[ExactObject, AfterValidator(_closed)]
"""The declared output of a compose step."""


def _nodes(node: Mapping[str, Any], at: At) -> Iterator[tuple[At, Mapping[str, Any]]]:
    """Every schema in a schema; as deep as `ExactObject` lets it be."""
    yield at, node
    for name, inner in _fields(node).items():
        if isinstance(inner, dict):
            yield from _nodes(inner, (*at, "properties", name))
    items = node.get("items")
    if isinstance(items, dict):
        yield from _nodes(items, (*at, "items"))


def _fields(node: Mapping[str, Any]) -> dict[str, Any]:
    found = node.get("properties")
    return found if isinstance(found, dict) else {}


def _unfit(node: Mapping[str, Any], at: At) -> str | None:
    levels = 1 + sum(part in ("properties", "items") for part in at[::2])
    if levels > MAX_LEVELS:
        return f"nested more than {MAX_LEVELS} levels deep"
    kind = node.get("type")
    if isinstance(kind, list):
        if len(kind) != 2 or kind[1] != "null" or kind[0] not in _PLAIN[:-1]:
            return 'a choice of types is a plain one or null, as in ["string", "null"]'
        kind = kind[0]
    if not isinstance(kind, str) or kind not in _TYPES:
        return f"`type` is one of {', '.join(f'`{one}`' for one in sorted(_TYPES))}"
    strange = sorted(node.keys() - _ALWAYS - _WORDS.get(kind, set()))
    if strange:
        return f"`{strange[0][:60]}` cannot be said of a `{kind}` here"
    if not all(isinstance(node.get(word, ""), str) for word in ("description", "title")):
        return "`description` and `title` are text"
    match kind:
        case "object":
            return _open(node)
        case "array" if not isinstance(node.get("items"), dict):
            return "a list says in `items` what stands in it"
        case "array" if node.get("minItems", 0) not in (0, 1):
            return "`minItems` may be 0 or 1"
        case "string" if "enum" in node:
            return _wordless(node["enum"], isinstance(node["type"], list))
        case _:
            return None


def _open(node: Mapping[str, Any]) -> str | None:
    named, needed = _fields(node), node.get("required")
    if not named or not all(isinstance(inner, dict) for inner in named.values()):
        return "an object names its fields in `properties`, each with a schema"
    for name in named:
        if not _FIELD.fullmatch(name):
            return "a field's name is letters, digits and `_`, and no longer than 63"
    if node.get("additionalProperties") is not False:
        return "an object says `additionalProperties`: false"
    texts = [one for one in needed if isinstance(one, str)] if isinstance(needed, list) else []
    if sorted(texts) != sorted(named):
        return "`required` names every field; one that may be missing is of a type or null"
    return None


def _wordless(words: Any, nullable: bool) -> str | None:
    if not isinstance(words, list) or not 0 < len(words) <= MAX_WORDS:
        return f"`enum` is a list of 1 to {MAX_WORDS} words"
    texts = [word for word in words if isinstance(word, str)]
    rest = [word for word in words if not isinstance(word, str)]
    if rest not in ([], [None]) or (rest and not nullable):
        return "`enum` holds text, and null where the type may be null"
    if len({text.casefold() for text in texts}) < len(texts):
        # No provider promises to keep to the case of a word.
        return "two words of `enum` differ in nothing but their case"
    return None
