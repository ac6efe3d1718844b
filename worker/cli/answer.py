"""A human's answer on its way: read from the command line, sent, and what became of it told."""

import asyncio
from pathlib import Path

from lockstep.errors import LockstepError
from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.loading import parse_json, read
from worker.cli.options import person
from worker.cli.terminal import emit_json, is_json, out, safe, say
from worker.home import Home
from worker.inbox import answer, find, leave
from worker.runs import resolve
from worker.session import session


def give(
    run: str,
    question: str | None,
    verdict: Verdict,
    as_: str | None,
    note: str,
    later: bool,
    args: dict[str, object] | None = None,
    output: dict[str, object] | None = None,
) -> None:
    """Send an answer, and tell of it."""
    id, found = asyncio.run(
        sent(run, question, verdict, as_, note, later, args=args, output=output)
    )
    tell(id, found, verdict, later)


async def sent(
    run: str,
    question: str | None,
    verdict: Verdict,
    as_: str | None,
    note: str,
    later: bool,
    **more: object,
) -> tuple[str, Question]:
    """Send an answer; the run and the question that it was for."""
    async with session(Home.find(), say) as open_:
        id = await resolve(open_.client, run)
        found = await find(open_.client, id, question)
        given = Answer.model_validate(
            {
                "question": found.id,
                "verdict": verdict,
                "by": person(as_),
                "args_digest": found.args.digest,
                "note": note,
                **more,
            }
        )
        await (leave if later else answer)(open_.client, id, given)
        return id, found


def tell(run: str, found: Question, verdict: Verdict, later: bool, **more: object) -> None:
    state = "left for the next worker" if later else "taken"
    if is_json():
        emit_json({"run": run, "question": found.id, "verdict": verdict, "state": state, **more})
        return
    out.print(f"[green]{state}[/green]: {verdict} of {safe(found.id)} in {safe(run)}")
    if found.ground is Ground.PLANNING and verdict is not Verdict.DENY:
        say(f"`lockstep runs show {run} --out LOCK` writes the lock, once there is one")


def args_given(given: str) -> dict[str, object]:
    """All the arguments that the step shall have, read strictly."""
    return _object(
        given,
        "--args",
        "all the step's arguments or, of a planning, the plan",
        "write --args '{\"name\": …}'; `lockstep inbox show` has the present ones",
    )


def output_given(given: str) -> dict[str, object]:
    return _object(
        given, "--output", "what the tool would have given", "write --output '{\"name\": …}'"
    )


def _object(given: str, option: str, wanted: str, fix: str) -> dict[str, object]:
    path = Path(given[1:]) if given.startswith("@") else None
    value = None
    if given:
        value = parse_json(given, option) if path is None else parse_json(read(path), str(path))
    if not isinstance(value, dict):
        raise LockstepError.of(
            "LS-CLI-001",
            option,
            f"wanted a JSON object: {wanted}; found {_found(given)}",
            fix,
        )
    return value


def _found(given: str) -> str:
    return f"`{given[:40]}`" if given else "none"
