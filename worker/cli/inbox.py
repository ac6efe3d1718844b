"""`lockstep inbox`: what waits for a human, and the answers."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from activities.package import AgentPackage
from activities.store import FolderStore, load
from lockstep.decision import StandingGrant
from lockstep.duration import parse_duration
from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Question, Verdict
from worker.cli.answer import args_given, give, output_given, sent, tell
from worker.cli.options import HereOption, PersonOption, RunArgument, agent_here, group
from worker.cli.question import show_question
from worker.cli.standing import keep, standing_in
from worker.cli.terminal import Format, FormatOption, emit_json, is_json, out, safe, say
from worker.home import Home
from worker.inbox import find, open_questions
from worker.plain import plain
from worker.records.history import fetch
from worker.records.proposals import proposals
from worker.runs import resolve
from worker.session import session

app = group(__doc__)

QuestionArgument = Annotated[
    str | None, typer.Argument(help="The question, or its step; needed where a run has several.")
]
NoteOption = Annotated[
    str, typer.Option("--note", "-m", metavar="TEXT", help="Why; it is recorded.")
]
LaterOption = Annotated[
    bool, typer.Option("--later", help="Leave the answer for when a worker is up (a signal).")
]


@app.command("list")
def list_(format: FormatOption = Format.HUMAN) -> None:
    """All questions that wait, the most urgent first."""

    async def work() -> list[Question]:
        async with session(Home.find(), say) as open_:
            return await open_questions(open_.client)

    waiting = asyncio.run(work())
    if is_json():
        emit_json([question.model_dump(mode="json") for question in waiting])
        return
    if not waiting:
        out.print("nothing waits for an answer")
        return
    for question in waiting:
        out.print(
            f"[bold]{safe(question.run)}[/bold] [yellow]{safe(question.id)}[/yellow]  "
            f"{safe(question.tool)}  by {question.deadline:%Y-%m-%d %H:%M} UTC"
        )
        out.print(f"  [dim]{safe(question.why)}[/dim]")


@app.command("show")
def show(
    run: RunArgument, question: QuestionArgument = None, format: FormatOption = Format.HUMAN
) -> None:
    """One question, with the exact arguments that an answer is about."""

    async def work() -> tuple[Question, object]:
        home = Home.find()
        async with session(home, say) as open_:
            id = await resolve(open_.client, run)
            found = await find(open_.client, id, question)
            history = await fetch(open_.client, id)
        args: object = found.args.preview
        if args is None and found.ground is Ground.PLANNING:
            # What a model proposed lies in the history and in no store.
            args = next((one.reply.plan for one in reversed(proposals(history))), None)
        elif args is None:
            args = load(FolderStore(home.values), found.args)
        return found, args

    found, args = asyncio.run(work())
    if is_json():
        emit_json({**found.model_dump(mode="json"), "arguments": args})
        return
    # Arguments may be long: what is asked, and how to answer, is still in sight below them.
    out.print(f"arguments of {safe(found.id)}  {found.args.digest}")
    # ASCII only: what is approved is these bytes, and nothing in them may look like other ones.
    out.print(_plain_block(json.dumps(args, indent=2)), markup=False)
    show_question(found)


def _plain_block(text: str) -> str:
    return "\n".join("    " + plain(line) for line in text.splitlines())


@app.command("approve")
def approve(
    run: RunArgument,
    question: QuestionArgument = None,
    as_: PersonOption = None,
    note: NoteOption = "",
    standing: Annotated[
        str | None,
        typer.Option(
            "--standing", metavar="TIME", help="Let the yes hold for every run of the lock: 30d."
        ),
    ] = None,
    agent: HereOption = None,
    later: LaterOption = False,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Say yes to these arguments, where approval is what is missing."""
    length = _length(standing)
    id, found = asyncio.run(sent(run, question, Verdict.APPROVE, as_, note, later, standing=length))
    if length is None:
        tell(id, found, Verdict.APPROVE, later)
        return
    files, problem = ([], "it is not taken yet") if later else _keep(id, found.id, agent)
    tell(id, found, Verdict.APPROVE, later, kept=[str(file) for file in files], not_kept=problem)
    for file in files:
        say(f"kept in {file}: review it, commit it, and deploy it to the workers")
    if problem:
        say(f"not written down: {problem}")
        say(f"do so in the agent's folder: `lockstep grants keep {id}`")


def _length(given: str | None) -> timedelta | None:
    try:
        return None if given is None else parse_duration(given)
    except ValueError as error:
        raise LockstepError.of("LS-CLI-001", "--standing", str(error), "write 30d") from None


def _keep(run: str, question: str, agent: Path | None) -> tuple[list[Path], str]:
    """The files that were written, and what hindered it: the answer is taken by now, and nothing
    undoes that.
    """

    async def work(package: AgentPackage) -> list[StandingGrant]:
        async with session(Home.find(), say) as open_:
            return await standing_in(open_.client, run, package)

    try:
        package = agent_here(agent)
        given = [one for one in asyncio.run(work(package)) if one.question == question]
        return keep(package, given, datetime.now(UTC)), ""
    except LockstepError as error:
        return [], str(error)


def _plain_answer(verdict: Verdict, told: str) -> None:
    """A command for an answer with nothing more to say."""

    @app.command(verdict.value, help=told)
    def plain_answer(
        run: RunArgument,
        question: QuestionArgument = None,
        as_: PersonOption = None,
        note: NoteOption = "",
        later: LaterOption = False,
        format: FormatOption = Format.HUMAN,
    ) -> None:
        give(run, question, verdict, as_, note, later)


_plain_answer(Verdict.DENY, "Say no: the run, or the planning, stops.")
_plain_answer(Verdict.SKIP, "Leave the step out, if the plan still holds without it.")
_plain_answer(
    Verdict.RETRY,
    "Call again, after an error or an unknown effect.",
)


@app.command("edit")
def edit(
    run: RunArgument,
    question: QuestionArgument = None,
    args: Annotated[
        str,
        typer.Option("--args", metavar="ARGS", help="The new arguments: a JSON object, or @FILE."),
    ] = "",
    as_: PersonOption = None,
    note: NoteOption = "",
    later: LaterOption = False,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Give the step other arguments; they are checked like the first."""
    give(run, question, Verdict.EDIT, as_, note, later, args_given(args))


@app.command("supply")
def supply(
    run: RunArgument,
    question: QuestionArgument = None,
    output: Annotated[
        str,
        typer.Option(
            "--output", metavar="OUTPUT", help="The step's output: a JSON object, or @FILE."
        ),
    ] = "",
    as_: PersonOption = None,
    note: NoteOption = "",
    later: LaterOption = False,
    format: FormatOption = Format.HUMAN,
) -> None:
    """Give the step's output where its tool signalled an error."""
    give(run, question, Verdict.SUPPLY, as_, note, later, output=output_given(output))
