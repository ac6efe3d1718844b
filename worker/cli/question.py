"""A question as a person is asked it: who, what, why, until when, and the words to answer with."""

from pathlib import Path
from shlex import quote

from lockstep.agent import ANYONE, Silence
from lockstep.amount import Amount
from lockstep.duration import write_duration
from lockstep.escalation import Ground, Question, Verdict
from lockstep.revision import Signal
from worker.cli.terminal import counted, out, safe


def show_question(question: Question, plan: Path | None = None) -> None:
    """`plan` is the file that the proposal of a planning was kept in."""
    planning = question.ground is Ground.PLANNING
    what, end = _what(question)
    silence = end if planning or question.silence is Silence.ABORT else "the step is skipped"
    who = ", ".join(question.approvers) if ANYONE not in question.approvers else "anyone"
    out.print(f"[yellow]?[/yellow] {what} waits for a human: {safe(question.why)}")
    if planning:
        out.print(f"  goal       {safe(question.step_reason)}")
        kept = f", kept in {safe(plan)}" if plan else ""
        out.print(f"  proposed   {safe(question.shown)}{kept}")
    elif question.ground in (Ground.PLAN, Ground.REPLAN):
        for line in _signals(question):
            out.print(f"  because    {safe(line)}")
        out.print(f"  plan       {safe(question.shown)}")
        for line in _rest(question):
            out.print(f"    {safe(line)}")
        if question.ground is Ground.REPLAN:
            show = f"lockstep runs show {question.run} --out FILE"
            out.print(f"  [dim]in full: {safe(show)}[/dim]")
        _show_rules(question)
    else:
        out.print(f"  proposed   {safe(question.tool)}({safe(question.shown)})")
        out.print(f"  reason     {safe(question.step_reason) or '-'}")
        if len(question.rules) > 1 and question.ground is Ground.APPROVAL:
            # A yes lifts the rules of the roles that whoever gives it holds, and may be one of two.
            _show_rules(question)
    if question.untrusted:
        out.print(f"  untrusted  {safe(', '.join(question.untrusted))}")
    out.print(f"  answer by  {question.deadline:%Y-%m-%d %H:%M} UTC, or {silence}")
    out.print(f"  may answer {safe(who)}")
    for offer in question.offers:
        out.print(
            f"    lockstep inbox {offer} {safe(question.run)} {safe(quote(question.id))}"
            f"{_tail(question, offer)}"
        )
        if offer is Verdict.APPROVE and question.standing is not None:
            most = write_duration(question.standing)
            out.print(f"      [dim]--standing {most}, or less, for every run of this lock[/dim]")
        if offer is Verdict.EDIT and _large(question):
            show = f"lockstep inbox show {question.run} {quote(question.id)} --format json"
            out.print(f"      [dim]{safe(show)} | jq .arguments > args.json[/dim]")


def _show_rules(question: Question) -> None:
    for rule in question.rules:
        roles = " or ".join(rule.approvers)
        out.print(f"  rule       {safe(rule.id)}: {safe(rule.reason)} ({safe(roles)})")


def _what(question: Question) -> tuple[str, str]:
    """What waits, and what becomes of it if nobody answers."""
    match question.ground:
        case Ground.PLANNING if question.tool == "Run":
            return "planning the rest anew", "the run stops"
        case Ground.PLANNING:
            return "planning", "the planning stops"
        case Ground.REPLAN:
            return "the new rest of the plan", "the run stops"
        case Ground.PLAN if question.tool == "LockPlan":
            return "the plan as a whole", "it is not locked"
        case Ground.PLAN:
            return "the plan as a whole", "the run does not start"
        case _:
            return f"step `{safe(question.step)}`", "the run stops"


def _signals(question: Question) -> list[str]:
    """What went wrong, where that is why something is planned anew."""
    facts = question.args.preview
    if question.ground is not Ground.REPLAN or not isinstance(facts, dict):
        return []
    signals = facts["signals"]
    found = [Signal.model_validate(one) for one in signals] if isinstance(signals, list) else []
    return [str(one) for one in found]


def _rest(question: Question) -> list[str]:
    """What is still to be done, and what it may cost, where that is what is asked about."""
    facts = question.args.preview
    if question.ground is not Ground.REPLAN or not isinstance(facts, dict):
        return []
    rest = facts["rest"] if isinstance(facts["rest"], list) else []
    most = Amount.model_validate({part: facts[part] for part in Amount.model_fields})
    money = f", ${most.microdollars / 1e6:,.2f}" if most.microdollars else ""
    cost = f"at most {counted(most.calls, 'call')}, {counted(most.tokens, 'token')}{money}"
    return [*map(str, rest), cost]


def _tail(question: Question, offer: Verdict) -> str:
    """What an answer needs besides its name, and what it does where that is not plain."""
    if question.ground is Ground.REPLAN:
        told = "give another rest: the steps still to be done"
        return f" --args @PLAN   [dim]{told}[/dim]" if offer is Verdict.EDIT else ""
    if question.ground is not Ground.PLANNING:
        if offer is Verdict.SUPPLY:
            return " --output @output.json   [dim]the step's output, in the tool's place[/dim]"
        if offer is not Verdict.EDIT:
            return ""
        return " --args @args.json" if _large(question) else " --args '{…}'"
    match offer:
        case Verdict.EDIT if question.tool == "Run":
            return " --args @PLAN   [dim]give the rest: the steps still to be done[/dim]"
        case Verdict.EDIT:
            return " --args @PLAN   [dim]give a plan[/dim]"
        case Verdict.RETRY:
            return "   [dim]let the model go on[/dim]"
        case _:
            return "   [dim]stop[/dim]"


def _large(question: Question) -> bool:
    """Whether there are more arguments than anybody types: they are edited in a file."""
    planning = question.ground in (Ground.PLANNING, Ground.REPLAN)
    return not planning and question.args.preview is None


def show_waiting(lasting: bool) -> None:
    """What is needed for an answer to be taken."""
    if not lasting:
        out.print(
            "it is kept and waits; nothing is running that could take an answer: "
            "start `lockstep dev` first"
        )
