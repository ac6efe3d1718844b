"""A plan as a person reviews it: every step with what it needs, what it does, why, and whether
policy lets it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

from pydantic import JsonValue
from rich.text import Text

from lockstep.action import Recoveries, StandIn, defaults, escalates
from lockstep.checked import Checked
from lockstep.decision import Decision, Outcome
from lockstep.fallback import Fallback, edges, owners
from lockstep.graph import order
from lockstep.guard import Guard
from lockstep.loop import ForEach
from lockstep.plan import Composing
from lockstep.reference import Malformed, as_reference
from lockstep.shown import shown
from worker.plain import plain

COLOURS = {
    Outcome.ALLOW: "green",
    Outcome.UNDECIDED: "cyan",
    Outcome.REQUIRE_APPROVAL: "yellow",
    Outcome.DENY: "red",
}
_WIDEST = 100
_NOTHING: Recoveries = MappingProxyType({})


class Drawn(Protocol):
    """What proposed and locked steps have in common."""

    @property
    def id(self) -> str: ...
    @property
    def tool(self) -> str: ...
    @property
    def args(self) -> dict[str, JsonValue]: ...
    @property
    def when(self) -> tuple[Guard, ...]: ...
    @property
    def for_each(self) -> ForEach | None: ...
    @property
    def on_error(self) -> Mapping[str, Fallback]: ...
    @property
    def draws(self) -> tuple[str, ...]: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def reason(self) -> str: ...


def drawing(steps: Iterable[Drawn], checked: Checked) -> Iterator[Text]:
    """Lines: the steps in an order they may run in, numbered; without an order, as they stand."""
    found = _ordered(list(steps))
    decisions = {decision.step: decision for decision in checked.decisions}
    whose = owners(found)
    for made in before(checked, found):
        line = Text("  ·  ", style="dim")
        line.append(f"{plain(made.step)}  ", style="bold").append(f"{plain(made.tool)}  ")
        line.append(made.outcome, style=f"not dim {COLOURS[made.outcome]}")
        yield line.append(f"  {plain(made.told)}")
    ids, tools = (max((len(name) for name in names), default=0) for names in _names(found))
    for number, step in enumerate(found, start=1):
        decision = decisions.get(step.id)
        line = Text(f"{number:>3}  ", style="dim")
        line.append(plain(step.id).ljust(ids + 2), style="bold")
        line.append(plain(step.tool).ljust(tools + 2), style="not dim")
        if decision is None:
            line.append("-  see below", style="red")
        else:
            line.append(decision.outcome, style=f"not dim {COLOURS[decision.outcome]}")
            line.append(f"  {plain(decision.told)}")
        yield line
        says = checked.says(step.id) if is_held(decision) else ()
        whole = _told(step, whose.get(step.id), checked.recoveries)
        for told in (*whole, *map(plain, says)):
            yield Text(f"       {told}", style="dim")


def before(checked: Checked, steps: Iterable[Drawn]) -> list[Decision]:
    """The verdicts on what is called before the first step, and is none of the plan's."""
    own = {step.id for step in steps}
    return [decision for decision in checked.decisions if decision.step not in own]


def is_held(decision: Decision | None) -> bool:
    """Whether a human is asked; of a denial, the finding says why."""
    return decision is not None and decision.outcome is Outcome.REQUIRE_APPROVAL


def _names(steps: list[Drawn]) -> tuple[list[str], list[str]]:
    return [plain(step.id) for step in steps], [plain(step.tool) for step in steps]


def called(args: Mapping[str, JsonValue]) -> str:
    """Arguments on one line: `frame=fetch, metric="node_load1", title=$input/title`."""
    return ", ".join(f"{plain(name)}={_value(value)}" for name, value in args.items())


def _value(value: JsonValue) -> str:
    try:
        reference = as_reference(value)
    except Malformed:
        reference = None
    if reference is not None:
        return plain(str(reference))
    return shown({"": value}).removeprefix("=")


def conditions(step: Drawn, known: Recoveries = _NOTHING) -> Iterator[str]:
    """On what it depends whether the step runs, and what is done about its errors, a line each."""
    if step.for_each is not None:
        yield plain(str(step.for_each))
    if step.when:
        yield f"when {' and '.join(plain(str(guard)) for guard in step.when)}"
    errors = known.get(step.tool, {})
    given = {**defaults(errors), **step.on_error}
    for error in (*errors, *(one for one in step.on_error if one not in errors)):
        ways = [str(action) for action in errors.get(error, ()) if not isinstance(action, StandIn)]
        if error in given and not escalates(errors.get(error, ())):
            ways.append(_stand_in(given[error]))
        yield plain(f"on {error}: {'; then '.join(ways)}")


def _stand_in(fallback: Fallback) -> str:
    given = "" if fallback.output is None else f" {shown({'': fallback.output})[1:]}"
    return f"{fallback}{given}"


def _told(step: Drawn, whose: str | None, known: Recoveries) -> Iterable[str]:
    if whose is not None:
        yield f"stands in for {plain(whose)}"
    arguments = called(step.args)
    if arguments:
        yield _short(arguments)
    if isinstance(step, Composing):
        yield _short(f"gives {', '.join(map(plain, _fields(step)))}")
    yield from conditions(step, known)
    silent = sorted({*step.needs} - {*step.draws, whose})
    if silent:
        # What flows shows in the arguments and guards.
        yield f"after {', '.join(map(plain, silent))}"
    if step.reason:
        yield plain(json.dumps(step.reason, ensure_ascii=False))


def _fields(step: Composing) -> list[str]:
    """What the answer is made of, at its top."""
    fields = step.output.get("properties")
    return sorted(fields) if isinstance(fields, dict) else []


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _ordered(steps: list[Drawn]) -> list[Drawn]:
    known = {step.id: step for step in steps}
    needs = {id: [one for one in found if one in known] for id, found in edges(steps).items()}
    if len(known) != len(steps):
        return steps
    try:
        return [known[id] for id in order(needs)]
    except ValueError:
        return steps
