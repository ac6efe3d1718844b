"""An audit as a person reads it: the verdict in a few lines, or the whole page.

One account, told twice: to a terminal, and as Markdown for a ticket, where nothing that a plan, a
tool or a person wrote may turn into a link, a picture, a mention or a heading.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table

from lockstep.audited import AnswerTold, Audited, CallTold
from lockstep.statement import Approved, Proposed, Refreshed, Statement
from worker.audits.review import Reviewed
from worker.cli.terminal import counted, out, safe, show_findings
from worker.plain import plain

_SHOWN = 200
"""Calls and questions on a page; a program is given all of them."""
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&@!$])")


Entry = tuple[str, ...]
"""A line, and those that belong to it; in plain words that are not escaped yet."""


@dataclass(frozen=True)
class Section:
    title: str
    entries: tuple[Entry, ...]


def show_verdict(found: Audited) -> None:
    show_findings(found.findings, out)
    for note in found.notes:
        out.print(f"[yellow]note[/yellow] {safe(note)}")
    word = "[green]holds[/green]" if found.holds else "[red]does not hold[/red]"
    out.print(f"{word} {safe(found.run)}: {safe(found.ended)}")
    for line in (*_checked(found), _head(found)):
        out.print(f"  {safe(line)}")
    out.print("not shown by any of this:")
    for line in found.unproven:
        out.print(f"  {safe(line)}")


def show_review(rows: list[Reviewed]) -> None:
    if not rows:
        out.print("no runs in that time")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("run", "ended", "by", "calls", "denied", "held", "answers", "against", "policy"):
        first = column == "run"
        table.add_column(column, style="bold" if first else "", overflow="fold", no_wrap=not first)
    for row in rows:
        answers = ", ".join(f"{number} {verdict}" for verdict, number in row.answers.items())
        table.add_row(
            safe(row.run),
            f"{row.ended}{' (mock)' if row.mocked else ''}",
            safe(row.started_by),
            str(row.calls),
            str(row.denied),
            str(row.waited),
            answers,
            f"[red]{row.findings}[/red]" if row.findings else "0",
            (row.policy or "")[7:19],
        )
    out.print(table)


def show_page(found: Audited) -> None:
    out.print(f"[bold]Audit of {safe(found.run)}[/bold]")
    for section in page(found):
        out.print(f"\n[bold]{safe(section.title)}[/bold]")
        for first, *rest in section.entries:
            out.print(f"  {safe(first)}")
            for line in rest:
                out.print(f"      [dim]{safe(line)}[/dim]")


def markdown(found: Audited) -> str:
    parts = [f"# Audit of {_escaped(found.run)}\n"]
    for section in page(found):
        lines = "".join(
            f"- {_escaped(first)}\n" + "".join(f"  - {_escaped(line)}\n" for line in rest)
            for first, *rest in section.entries
        )
        parts.append(f"\n## {_escaped(section.title)}\n\n{lines}")
    return "".join(parts)


def page(found: Audited) -> tuple[Section, ...]:
    """What there is to say, in the order in which one asks."""
    told = (
        Section("What it was", _each(_what(found))),
        Section("Called", _some([_call(one) for one in found.made], "call")),
        Section("Held back", _some([_held(one) for one in _held_back(found)], "call")),
        Section("Asked of people", _some([_answer(one) for one in found.answers], "question")),
        Section("Refused answers", _some([*_each(found.refused)], "answer")),
        Section("Left out", _some([*_each(found.skipped)], "step")),
        Section("Cost", ((_cost(found),),)),
        Section("Policy", _each(_policy(found))),
        Section("Checked", _each((*_checked(found), _head(found)))),
        Section("What speaks against it", _each(found.findings) or (("nothing found",),)),
        Section("Not known in full", _each(found.notes)),
        Section("Not shown by any of this", _each(found.unproven)),
    )
    return tuple(section for section in told if section.entries)


def _each(lines: Iterable[object]) -> tuple[Entry, ...]:
    return tuple((str(line),) for line in lines)


def _what(found: Audited) -> list[str]:
    inputs = ", ".join(f"{name}={value!r}" for name, value in found.inputs.items())
    lines = [
        f"for: {found.goal or 'no goal was stated'}",
        f"agent {found.agent} as {found.role} in {found.environment} ({found.stage})",
        f"started by {found.started_by} ({found.trigger}) at {_at(found.started_at)}",
        f"{found.ended} at {_at(found.ended_at)}",
    ]
    lines += [f"because: {found.why}"] if found.why else []
    lines += [f"inputs: {inputs}"] if inputs else []
    lines += [f"lock {digest}" for digest in found.locks]
    lines += (f"{_statement(one)}, as is said beside the lock" for one in found.statements)
    lines += ["nobody says who proposed the plan"] if not found.statements else []
    if found.mocked:
        lines.append(f"NOT REAL: mocks answered for {', '.join(found.mocked)}")
    lines.append(f"worker {found.build or 'unknown: it was not verified'}")
    return lines


def _statement(one: Statement) -> str:
    match one:
        case Proposed(by=by, at=at, planner=planner):
            model = f", written by {planner.model}" if planner else ", written by hand"
            return f"plan proposed by {by} at {_at(at)}{model}"
        case Approved(by=by, at=at, rules=rules, roles=roles):
            return f"plan approved by {by} ({', '.join(roles)}) for {', '.join(rules)} at {_at(at)}"
        case Refreshed(by=by, at=at, of=of):
            return f"lock made anew by {by} at {_at(at)}, of {of[:19]}…"


def _call(one: CallTold) -> Entry:
    mock = " BY A MOCK" if one.mocked else ""
    tried = f" after {one.attempts} attempts" if one.attempts > 1 else ""
    detail = f": {one.detail}" if one.detail else ""
    output = f", gave {one.output[:19]}…" if one.output else ""
    lines = [
        f"{_at(one.at)}  {one.step}: {one.tool}({one.arguments})",
        f"{_allowed(one)}; {one.effect}; {one.end}{mock}{tried}{detail}{output}",
    ]
    lines += [f'because "{one.reason}"'] if one.reason else []
    lines += [f"arguments written by {one.edited_by}"] if one.edited_by else []
    return (*lines, _arguments(one))


def _arguments(one: CallTold) -> str:
    if one.args_digest is None:
        return "arguments as the plan has them: what was put to policy is not recorded"
    if one.given:
        return f"these are the arguments that policy was asked about: {one.args_digest[:19]}…"
    return f"arguments as the plan has them; policy was asked about {one.args_digest[:19]}…"


def _allowed(one: CallTold) -> str:
    if one.outcome is None:
        return "its decision is known by its digest alone"
    by = f" by {', '.join(one.rules)}" if one.rules else ""
    yes = f", with the yes of {'; '.join(one.approved)}" if one.approved else ""
    return f"{one.outcome}{by}{yes}"


def _held_back(found: Audited) -> list[CallTold]:
    return [one for one in found.calls if one.end == "held back"]


def _held(one: CallTold) -> Entry:
    said = f"{one.outcome}: " if one.outcome else ""
    return (
        f"{_at(one.at)}  {one.step}: {one.tool}({one.arguments})",
        f"{said}{one.detail or one.why}",
        _arguments(one),
    )


def _answer(one: AnswerTold) -> Entry:
    asked = f"{_at(one.asked_at)}  {one.question}, of {' or '.join(one.roles) or 'nobody'}: "
    about = f"about {one.shown} ({one.args_digest[:19]}…)"
    if not one.by:
        return (asked + one.why, about, one.end)
    note = f', saying "{one.note}"' if one.note else ""
    return (asked + one.why, about, f"{one.end} by {one.by} at {_at(one.at)}, {one.door}{note}")


def _cost(found: Audited) -> str:
    spent, most = found.spent, found.limits
    return (
        f"{counted(spent.calls, 'call')} of {most.calls:,}, {counted(spent.tokens, 'token')} of "
        f"{most.tokens:,}, ${spent.microdollars / 1e6:.4f} of ${most.microdollars / 1e6:.4f}, "
        f"{counted(found.planner_calls, 'planner call')}"
    )


def _policy(found: Audited) -> list[str]:
    engine = ", ".join(f"{name} {number}" for name, number in sorted(found.engine.items()))
    lines = [f"{name} {digest}" for name, digest in sorted(found.policy.items())]
    return [*lines, f"evaluated by {engine}"] if engine else lines


def _checked(found: Audited) -> list[str]:
    said = Counter(one.outcome for one in found.made if one.outcome is not None)
    decided = ", ".join(f"{number} {outcome}" for outcome, number in sorted(said.items()))
    yes = sum(bool(one.approved) for one in found.made)
    people = sorted({one.by for one in found.answers if one.by})
    lines = [
        f"{counted(len(found.made), 'call')}: {decided or 'no decision'}; {yes} under a human's yes"
    ]
    lines.append(f"{len(_held_back(found))} held back, {len(found.skipped)} left out")
    answered = f", answered by {', '.join(people)}" if people else ""
    lines.append(f"{counted(len(found.answers), 'question')}{answered}")
    if any(one.code.startswith("LS-REPLAY") for one in found.findings):
        lines.append("the history is not what the workflow asks for")
    else:
        lines.append(
            f"what the workflow asks for is what the history has: {found.activities} activities "
            f"and the end; {counted(found.outputs, 'output')} held against the digest"
        )
    lines += [f"NOT REAL: mocks answered for {', '.join(found.mocked)}"] if found.mocked else []
    return lines


def _head(found: Audited) -> str:
    kept = {None: "no head from elsewhere was compared", True: "the one that was kept", False: ""}
    said = kept[found.head_kept] or "NOT the one that was kept"
    return f"{counted(found.events, 'event')}, head {found.head}: {said}"


def _some(entries: list[Entry], noun: str) -> tuple[Entry, ...]:
    more = len(entries) - _SHOWN
    rest = ((f"and {counted(more, noun)} more: see --format json",),) if more > 0 else ()
    return (*entries[:_SHOWN], *rest)


def _at(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC" if when else "an unknown time"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, whoever wrote it."""
    marked = _MARKS.sub(r"\\\1", plain(text))
    marked = marked.replace("://", r":\//").replace("www.", r"www\.")
    return re.sub(r"^(\d{1,9})([.)])", r"\1\\\2", re.sub(r"^([-+=])", r"\\\1", marked))
