"""A manifest that extends another: what it inherits, what is its own, and where each value stands.

Tables merge key by key, everything else is replaced whole, and `without` takes out. What an
environment is (its name, its stage, its description) is never inherited: a manifest that does not
say of itself that it is `prod` is not.

We decided against inheriting silently what changes the world: see `unnamed`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import StringConstraints

from lockstep.finding import Finding
from lockstep.names import EnvironmentName
from lockstep.pointer import pointer
from lockstep.record import Record

BASE = "base/1"
"""What a manifest calls itself that is there to be extended, and is no environment."""

OWN = ("lockstep", "name", "stage", "description", "extends", "without")
"""Never inherited."""

MAX_FILES = 8
"""Of one chain; whoever has to open more to know what holds does not know it."""

At = tuple[str, ...]

Pointer = Annotated[str, StringConstraints(pattern=r"^/[a-z]+/.+$", max_length=1000)]
"""A place below one of a manifest's tables (RFC 6901), as errors name it too."""


@dataclass(frozen=True)
class Extended:
    """A manifest with all that it inherits.

    `files` are the chain, the manifest itself first; `origins` says of each table and value which
    of them it stands in, the nearest where several give a table.
    """

    document: dict[str, Any]
    origins: Mapping[At, str]
    files: tuple[str, ...]

    def file_of(self, at: At) -> str:
        """The file where a value stands; for one that stands nowhere, where its table does."""
        while at and at not in self.origins:
            at = at[:-1]
        return self.origins[at] if at else self.files[0]

    def names(self, *at: str) -> bool:
        """Whether the manifest itself, and not one that it extends, speaks of this."""
        return self.origins.get(at) == self.files[0]

    def placed(self, found: Finding) -> Finding:
        """The finding with the file in which the value stands that it is about."""
        here = self.files[0]
        if found.place != here and not found.place.startswith(f"{here}/"):
            return found
        rest = found.place[len(here) :]
        return found.model_copy(update={"place": f"{self.file_of(_parts(rest))}{rest}"})


def alone(document: Mapping[str, Any], file: str) -> Extended:
    """A manifest that extends nothing."""
    return Extended(dict(document), dict.fromkeys(_places(document), file), (file,))


def over(parent: Extended, document: Mapping[str, Any], file: str) -> Extended:
    """A manifest laid over the one that it extends; `strangers` are looked for
    before."""
    inherited = {name: value for name, value in parent.document.items() if name not in OWN}
    origins = {at: where for at, where in parent.origins.items() if at[0] not in OWN}
    for at in removed(document):
        _take_out(inherited, at)
        origins = {known: where for known, where in origins.items() if known[: len(at)] != at}
    own = alone(document, file)
    # First what it is, then what it has.
    head = {name: document[name] for name in OWN if name in document}
    merged = {**head, **_merged(inherited, own.document)}
    there = set(_places(merged))
    return Extended(
        merged,
        {at: where for at, where in {**origins, **own.origins}.items() if at in there},
        (file, *parent.files),
    )


class Head(Record):
    """What a manifest says of how it stands to others; `without` holds JSON pointers."""

    extends: EnvironmentName | None = None
    without: tuple[Pointer, ...] = ()


def removed(document: Mapping[str, Any]) -> list[At]:
    """The places that `without` names, of a document whose head was read."""
    return [_parts(place) for place in document.get("without", ())]


def strangers(parent: Extended, document: Mapping[str, Any]) -> Iterator[tuple[At, list[str]]]:
    """The places that `without` names and nothing is inherited at, each with what there is beside
    it.
    """
    for at in removed(document):
        here: Any = {name: one for name, one in parent.document.items() if name not in OWN}
        for depth, part in enumerate(at):
            beside = list(here) if isinstance(here, dict) else []
            if part not in beside:
                yield at, [pointer((*at[:depth], name)) for name in beside]
                break
            here = here[part]


def unnamed(manifest: Extended, changing: Iterable[str]) -> list[str]:
    """The tools that change the world and exist here only because another file names them.

    Reads are inherited. A tool that writes or destroys is a decision of its own in each
    environment: otherwise whoever adds one to a file for many gives it to all of them, a sandbox
    that extends `prod` and mocks all that it knows of included.
    """
    return [
        name
        for name in changing
        if name in manifest.document.get("tools", {}) and not manifest.names("tools", name)
    ]


def _parts(place: str) -> At:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in place.split("/")[1:])


def _merged(under: Mapping[str, Any], upon: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for name, value in upon.items():
        known = merged.get(name)
        tables = isinstance(known, dict) and isinstance(value, dict)
        merged[name] = _merged(known or {}, value) if tables else value
    return merged


def _take_out(document: dict[str, Any], at: At) -> None:
    here = document
    for part in at[:-1]:
        if part not in here:
            # Taken out with its table already.
            return
        # A copy on the way: the parent's own tables are left as they are.
        here[part] = dict(here[part])
        here = here[part]
    here.pop(at[-1], None)


def _places(value: Mapping[str, Any], at: At = ()) -> Iterator[At]:
    for name, inner in value.items():
        yield (*at, name)
        if isinstance(inner, dict):
            yield from _places(inner, (*at, name))
