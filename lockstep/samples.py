"""How much a model's plans for one goal differ: samples, and the plans they come to.

A measurement, made of what a history recorded. Plans that mean the same are one, whoever's words
they are in; an answer that is no plan is counted beside them, by what became of it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.canonical import Digest, digest
from lockstep.checked import Checked
from lockstep.difference import Change, changes
from lockstep.meaning import meaning, normal
from lockstep.plan import Plan
from lockstep.record import Record

MAX_SAMPLES = 50
"""Of one measurement: with all that was said and checked they fit one history."""


@dataclass(frozen=True)
class Sample:
    """One first proposal: its number, the document, and the verdict on it.

    `plan` is None where the document has not even the shape of one.
    """

    number: int
    document: JsonValue
    plan: Plan | None
    checked: Checked


class Cluster(Record):
    """Samples that mean the same; `plan` is the first of them as it came.

    `passed` counts those that the check let through, `codes` are of the findings of all of them;
    `checked` is the verdict on the first. `differs` is what must change in the plan of most samples
    to come to this one, both with their steps called by what they do.
    """

    meaning: Digest
    samples: tuple[int, ...]
    passed: int
    codes: tuple[str, ...]
    checked: Checked
    plan: JsonValue
    differs: tuple[Change, ...] = ()


def clustered(samples: Sequence[Sample]) -> tuple[Cluster, ...]:
    """The distinct plans, most samples first; of equally many, the one that was sampled first."""
    groups: dict[Digest, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda one: one.number):
        groups[_meaning(sample)].append(sample)
    ordered = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[1][0].number))
    usual = _normal(ordered[0][1][0]) if ordered else None
    return tuple(_cluster(name, group, usual) for name, group in ordered)


def _cluster(name: Digest, group: Sequence[Sample], usual: JsonValue) -> Cluster:
    first = group[0]
    found = [found for one in group for found in one.checked.findings]
    return Cluster(
        meaning=name,
        samples=tuple(one.number for one in group),
        passed=sum(one.checked.passed for one in group),
        codes=tuple(sorted({one.code for one in found})),
        checked=first.checked,
        plan=first.document,
        differs=tuple(changes(usual, _normal(first))),
    )


def _meaning(sample: Sample) -> Digest:
    """Of what has not the shape of a plan, nothing is known but its text."""
    return digest(sample.document) if sample.plan is None else meaning(sample.plan)


def _normal(sample: Sample) -> JsonValue:
    return sample.document if sample.plan is None else normal(sample.plan)
