"""May this person give this answer to this question?

The same judgement stands behind both doors, the update that can reject and the signal that cannot.
"""

from lockstep.agent import ANYONE
from lockstep.canonical import canonical
from lockstep.duration import write_duration
from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.finding import Finding

MAX_EDIT_BYTES = 64 * 1024
MAX_PLAN_BYTES = 512 * 1024
"""Of a plan that a human gives in place of a model's."""


def judge(question: Question, answer: Answer) -> Finding | None:
    """None if the answer may be taken, or why it may not."""
    place = f"question `{question.id}`"
    if answer.verdict not in question.offers:
        offers = ", ".join(f"`{offer}`" for offer in question.offers)
        denied = question.ground == "denied" and answer.verdict is Verdict.APPROVE
        problem = (
            "policy denies this step, and a denial cannot be approved"
            if denied
            else f"`{answer.verdict}` is not offered here"
        )
        return _finding("LS-ASK-002", place, problem, f"answer one of {offers}")
    if ANYONE not in question.approvers and answer.by not in question.approvers:
        roles = ", ".join(f"`{role}`" for role in question.roles) or "nobody"
        return _finding(
            "LS-ASK-003",
            place,
            f"`{answer.by}` may not answer",
            f"ask somebody who holds {roles}",
        )
    if answer.args_digest != question.args.digest:
        return _finding(
            "LS-ASK-004",
            place,
            "the answer is about other arguments than those asked about",
            "look at the question again and answer that",
        )
    if (answer.args is not None) != (answer.verdict is Verdict.EDIT):
        return _finding(
            "LS-ASK-005", place, "arguments go with `edit`, and only with it", "correct the answer"
        )
    if (answer.output is not None) != (answer.verdict is Verdict.SUPPLY):
        return _finding(
            "LS-ASK-005", place, "an output goes with `supply`, and only with it", "correct it"
        )
    given = answer.args if answer.args is not None else answer.output
    size = len(canonical(given)) if given is not None else 0
    most = MAX_PLAN_BYTES if question.ground in (Ground.PLANNING, Ground.REPLAN) else MAX_EDIT_BYTES
    if size > most:
        return _finding(
            "LS-ASK-005",
            place,
            f"what is given has {size:,} bytes, more than {most:,}",
            "name the data instead of writing it out",
        )
    return _standing(place, question, answer)


def _standing(place: str, question: Question, answer: Answer) -> Finding | None:
    """Why the yes may not stand for as long as it is meant to."""
    asked, most = answer.standing, question.standing
    if asked is None:
        return None
    if answer.verdict is not Verdict.APPROVE:
        return _finding("LS-ASK-005", place, "only a yes can stand", "leave `standing` out")
    if most is None:
        return _finding(
            "LS-ASK-007",
            place,
            "a yes holds for this run, and for no other",
            "approve without `standing`; or set `asking.standing` in agent.toml and lock again",
        )
    if asked > most:
        return _finding(
            "LS-ASK-007",
            place,
            f"a yes may stand for {write_duration(most)}, and {write_duration(asked)} was given",
            "give a shorter time",
        )
    return None


def _finding(code: str, place: str, problem: str, fix: str) -> Finding:
    return Finding(code=code, place=place, problem=problem, fix=fix)
