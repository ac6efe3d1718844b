"""Can policy be shown a tool's arguments as the tool will read them?

Policy, rules and provenance know an argument by the one name that its schema gives it. What a model
reads under a second name would stand there unseen, so such a model is refused where it is declared,
as is one that writes other names than it reads, or what has no order.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

_HOLDERS = ("model", "dataclass", "typed-dict")
_BY_NAME = ("validate_by_name", "populate_by_name")


def judgeable(name: str, model: type[BaseModel]) -> None:
    """TypeError for a model of arguments that policy could not be shown as it is."""
    reads = model.model_json_schema(mode="validation")
    if _spelled(reads) != _spelled(model.model_json_schema(mode="serialization")):
        raise TypeError(
            f"tool `{name}`: its model `{model.__name__}` reads other names than it writes; "
            "leave out computed fields, and aliases that are not the same both ways"
        )
    twice = next(_read_twice(model.__pydantic_core_schema__), None)
    if twice is not None:
        raise TypeError(
            f"tool `{name}`: its model `{model.__name__}` reads one argument as {twice}, and rules "
            "know it by one name; leave out `populate_by_name`, `AliasChoices` and `AliasPath`"
        )
    if any(part.get("uniqueItems") for part in _parts(reads)):
        raise TypeError(
            f"tool `{name}`: its model `{model.__name__}` holds a set, which has no order and so "
            "no digest; use a list"
        )


def _spelled(schema: dict[str, Any]) -> dict[str, list[str]]:
    """The names of the properties of a schema and of each of its definitions."""
    shapes = {"": schema, **schema.get("$defs", {})}
    return {name: sorted(shape.get("properties", ())) for name, shape in shapes.items()}


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from _parts(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _parts(inner)


def _read_twice(core: Any, by_name: bool = False) -> Iterator[str]:
    """The names under which a model would read an argument that its schema calls otherwise; from
    pydantic's own description of the model, in which every model below it stands.
    """
    if isinstance(core, list | tuple):
        for inner in core:
            yield from _read_twice(inner, by_name)
    elif isinstance(core, dict):
        if core.get("type") in _HOLDERS:
            config = core.get("config") or {}
            by_name = any(config.get(word) for word in _BY_NAME)
        alias = core.get("validation_alias")
        if isinstance(alias, list):
            yield " or ".join(f"`{_written(one)}`" for one in _choices(alias))
        for name, field in _fields(core):
            if by_name and isinstance(field.get("validation_alias"), str):
                yield f"`{name}` or `{field['validation_alias']}`"
        for inner in core.values():
            yield from _read_twice(inner, by_name)


def _fields(core: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of a model, or of what is like one, by the names that its code has for them."""
    match core.get("fields"):
        case dict() as named:
            yield from ((name, field) for name, field in named.items() if isinstance(field, dict))
        case list() as listed:
            yield from ((str(one.get("name")), one) for one in listed if isinstance(one, dict))
        case _:
            return


def _choices(alias: list[Any]) -> list[Any]:
    """One path, or several to choose from."""
    return alias if all(isinstance(one, list) for one in alias) else [alias]


def _written(path: Any) -> str:
    return "/".join(map(str, path)) if isinstance(path, list) else str(path)
