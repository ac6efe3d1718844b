"""A catalogue that somebody else keeps: the names that exist in an environment, fetched and pinned.

A list of hundreds of metrics is not written by hand. It is not asked for while a plan is checked
either, or the verdict would depend on a server and a minute. So it is fetched once, into a file
beside the manifest that is committed and reviewed like the manifest, and everything reads the file.

What a server sends are names, and nothing but names: what policy decides by, the attributes, is
written by people.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal, Self

from pydantic import JsonValue, model_validator

from lockstep.canonical import Digest, digest
from lockstep.environment import Attribute, Catalogue, Environment, Source
from lockstep.names import ResourceKind, ResourceName
from lockstep.record import Record

LONGEST_NAME = 512
"""As long as a resource's name may be."""

_NAMES: dict[Source, re.Pattern[str]] = {
    Source.PROMETHEUS: re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*"),
}

Members = dict[ResourceName, dict[str, Attribute]]


def fits(source: Source, name: str) -> bool:
    """Whether a source's members can be called this; what does not fit is no name but an attempt
    at something else.
    """
    return len(name) <= LONGEST_NAME and _NAMES[source].fullmatch(name) is not None


class Pinned(Record):
    """A pinned catalogue, as its file holds it."""

    lockstep: Literal["catalogue/1"]
    kind: ResourceKind
    source: Source
    members: Members

    @model_validator(mode="after")
    def _are_names(self) -> Self:
        for name in self.members:
            if not fits(self.source, name):
                raise ValueError(f"`{name[:80]}` is not a name in {self.source.value}")
        return self

    @property
    def digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))


class Change(Record):
    """What a newly fetched catalogue has that the pinned one has not, and the other way round."""

    added: tuple[str, ...]
    removed: tuple[str, ...]


def change(before: Iterable[str], after: Iterable[str]) -> Change:
    old, new = set(before), set(after)
    return Change(added=tuple(sorted(new - old)), removed=tuple(sorted(old - new)))


class Stocked(Environment):
    """An environment in which the members of its pinned catalogues exist as well.

    `resources` is all that exists; `own` are the names among them that the manifest gives itself,
    and `pinned` the digests of the files that the others come from.
    """

    own: dict[ResourceKind, frozenset[ResourceName]]
    pinned: dict[ResourceKind, Digest]

    @property
    def written(self) -> Catalogue:
        return {
            kind: {name: members[name] for name in members if name in self.own.get(kind, ())}
            for kind, members in self.resources.items()
        }

    def parts(self) -> dict[str, JsonValue]:
        """One part for a catalogue, however many members it has: its table, and the digest of its
        file.
        """
        tables = {kind: table.model_dump(mode="json") for kind, table in self.catalogues.items()}
        catalogues: dict[str, JsonValue] = {
            f"catalogues.{kind}": [tables[kind], pinned] for kind, pinned in self.pinned.items()
        }
        return dict(sorted({**super().parts(), **catalogues}.items()))


def stocked(manifest: Environment, pinned: Mapping[ResourceKind, Pinned]) -> Environment:
    """The environment with its catalogues' members; what the manifest says itself wins.

    `pinned` has the file of each catalogue that the manifest names.
    """
    if not manifest.catalogues:
        return manifest
    resources = {kind: dict(members) for kind, members in manifest.resources.items()}
    for kind, table in manifest.catalogues.items():
        given = manifest.resources.get(kind, {})
        fetched = {
            name: {**table.attributes, **attributes, **given.get(name, {})}
            for name, attributes in pinned[kind].members.items()
        }
        resources[kind] = dict(sorted({**given, **fetched}.items()))
    return Stocked.model_validate(
        {
            **dict(manifest),
            "resources": resources,
            "own": {kind: frozenset(members) for kind, members in manifest.resources.items()},
            "pinned": {kind: pinned[kind].digest for kind in manifest.catalogues},
        }
    )
