"""What is different about the rest of a run once it was planned anew, in lines that a person reads
before saying yes.
"""

import json
from collections.abc import Iterator, Sequence

from lockstep.canonical import canonical
from lockstep.lock import Body, LockedStep
from lockstep.names import StepId, ToolName
from lockstep.record import Record
from lockstep.shown import shown

MAX_LINES = 100
"""Nobody reads more in a question; the lock itself can be written out and compared."""
_LONGEST = 1000
"""Characters of a line; of arguments that are longer, the beginnings are shown."""


class Tail(Record):
    """`kept` are over and stay, `given_up` were sent out and gave nothing; `removed`, `changed` and
    `added` are of the steps to come, and `tools` names the tool of each of those that are left or
    new.

    `lines` tell them one by one: `! ` what is given up, `- ` what is not done any more; then, in
    the order in which they may run, `~ ` what is done otherwise, `+ ` what is new, and `  ` what
    stays as it was.
    """

    kept: tuple[StepId, ...]
    given_up: tuple[StepId, ...]
    removed: tuple[StepId, ...]
    changed: tuple[StepId, ...]
    added: tuple[StepId, ...]
    tools: dict[StepId, ToolName]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        """In one line."""
        counts = (
            ("given up", self.given_up),
            ("new", self.added),
            ("changed", self.changed),
            ("dropped", self.removed),
        )
        told = [f"{len(steps)} {what}" for what, steps in counts if steps]
        count = len(self.kept)
        stay = f"{count} step{'' if count == 1 else 's'} stay{'s' if count == 1 else ''}"
        return f"{stay}; {', '.join(told) or 'nothing to come changes'}"


def tail(old: Body, new: Body, kept: frozenset[str], given_up: frozenset[str]) -> Tail:
    """Of two locks of one run, of which these steps are over, and these are given up."""
    before = {step.id: step for step in old.steps if step.id not in kept}
    after = {step.id: step for step in new.steps if step.id not in kept}
    changed = [id for id in after if id in before and _said(after[id]) != _said(before[id])]
    lost = [id for id in before if id in given_up]
    removed = [id for id in before if id not in after and id not in given_up]
    lines = [
        *(_line("!", before[id]) for id in lost),
        *(_line("-", before[id]) for id in removed),
        *_marked(before, after, changed),
    ]
    return Tail(
        kept=tuple(step.id for step in new.steps if step.id in kept),
        given_up=tuple(lost),
        removed=tuple(removed),
        changed=tuple(changed),
        added=tuple(id for id in after if id not in before),
        tools={step.id: step.tool for step in after.values()},
        lines=fitting(lines, MAX_LINES),
    )


def fitting(lines: Sequence[str], most: int, size: int | None = None) -> tuple[str, ...]:
    """So many lines, of so many bytes, in their order: rather those of what is new or changed,
    since that is what somebody says yes to, than those of what is not done any more or stays.
    """
    kept: set[int] = set()
    used = 0
    for marks in ("+~…", "!", "-", " "):
        for number, line in enumerate(lines):
            if line[0] not in marks:
                continue
            long = len(canonical(line))
            if len(kept) < most and (size is None or used + long <= size):
                kept.add(number)
                used += long
    more = len(lines) - len(kept)
    told = [f"… {more:,} line{'s' if more > 1 else ''} more"] if more else []
    return (*(line for number, line in enumerate(lines) if number in kept), *told)


def _marked(
    before: dict[str, LockedStep], after: dict[str, LockedStep], changed: list[str]
) -> Iterator[str]:
    for id, step in after.items():
        mark = "~" if id in changed else " " if id in before else "+"
        yield _line(mark, step)


def _line(mark: str, step: LockedStep) -> str:
    """`+ tell  Echo(text="…") after fetch; why`."""
    parts = [f"{mark} {step.id}  {step.tool}({_called(step)})"]
    if step.needs:
        parts.append(f"after {', '.join(step.needs)}")
    if step.for_each is not None:
        items = json.dumps(step.for_each.model_dump(mode="json")["in"])
        parts.append(f"for each of at most {step.for_each.max} in {items}")
    if step.when:
        parts.append(f"when {'; '.join(map(str, step.when))}")
    for error, fallback in sorted(step.on_error.items()):
        instead = json.dumps(fallback.model_dump(mode="json"))
        parts.append(f"on {error} {shortened(instead, _LONGEST // 4)}")
    line = " ".join(parts) + (f": {step.reason}" if step.reason else "")
    return shortened(line, _LONGEST)


def _called(step: LockedStep) -> str:
    """In full, as far as a line has room for it: what is run is what was read."""
    full = ", ".join(f"{name}={json.dumps(value)}" for name, value in step.args.items())
    return full if len(full) <= _LONGEST // 2 else shown(step.args)


def shortened(text: str, most: int) -> str:
    """So many characters of it at most, and a sign where there are more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _said(step: LockedStep) -> bytes:
    """All of it but the verdict on it, and where its arguments are taken to come from: both follow
    from the plan it stands in.
    """
    return canonical(step.model_dump(mode="json", exclude={"expected", "provenance"}))
