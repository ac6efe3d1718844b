"""The benchmark's tools as Lockstep's: what they take is its word, what they do is ours.

The labels stand in `tools.toml`, one table for each tool, and know of no task and of no attack.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from lockstep.record import Record
from lockstep.tool import Effect, Idempotency, ToolSpec
from lockstep.trust import FieldLabels

LABELS = Path(__file__).with_name("tools.toml")


class Label(Record):
    """`composed` are arguments of free text, `days` times of which only the day matters; `mutates`
    says of a read that the next read may find something else.
    """

    effect: Effect
    outward: bool | None = None
    sensitive: bool = False
    emits: FieldLabels = {}
    composed: tuple[str, ...] = ()
    days: tuple[str, ...] = ()
    mutates: bool = False

    @property
    def changes(self) -> bool:
        """Whether a call may leave the world other than it was."""
        return self.effect is not Effect.READ or self.mutates

    @property
    def stays_inside(self) -> bool:
        """Whether a call neither acts nor tells anybody anything."""
        return self.effect is Effect.READ and not self.outward


class Signature(Record):
    """What the benchmark says of a tool; the schemas are JSON Schemas."""

    name: str
    description: str
    input: dict[str, Any]
    output: dict[str, Any]


def labels() -> dict[str, Label]:
    with LABELS.open("rb") as file:
        return {name: Label.model_validate(said) for name, said in tomllib.load(file).items()}


def specs(found: Iterable[Signature], said: Mapping[str, Label]) -> dict[str, ToolSpec]:
    """By name; KeyError for a tool that has no label, so that none is trusted by oversight."""
    return {one.name: _spec(one, said[one.name]) for one in found}


def _spec(one: Signature, label: Label) -> ToolSpec:
    read = label.effect is Effect.READ
    return ToolSpec(
        name=one.name,
        description=one.description,
        effect=label.effect,
        idempotency=Idempotency.NATURAL if read else Idempotency.NONE,
        input=one.input,
        output=one.output,
        timeout=timedelta(seconds=10),
        heartbeat=timedelta(seconds=10),
        attempts=1,
        emits=label.emits,
        sensitive=label.sensitive,
        outward=label.outward,
    )
