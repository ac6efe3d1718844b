"""Plans put to policy again: each step while it is only planned, the whole, what is left of a run.

Where a step's arguments come from is a fact of then, and is asked about as it was. Whether the plan
passes everything else (its rules, its environment, its limits) is told beside the decisions: policy
has rules about graphs, too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from activities.contract.validator import Permitted, Proposal, Verified, Verify
from activities.proposed import proposed_in
from activities.store import peek
from lockstep.canonical import Digest, digest
from lockstep.checked import Checked
from lockstep.decision import PLAN, REPLAN, AnyGrant, Decision
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.lock import Lock
from lockstep.plan import Plan, Step
from lockstep.provenance import Provenance
from lockstep.revision import Progress
from lockstep.submission import SUBJECT, Submission
from policies.checks.preflight import looks
from policies.locks.today import today
from policies.replanning import lineage_of, ruled
from policies.request import planned
from policies.submission import started
from policies.trials.hindsight import SILENT, Revisited, Said, asked_again
from policies.world import World
from worker.again.bearings import UNMADE, Bearings, in_short, unknown
from worker.again.recheck import verdict
from worker.records.account import is_place_of

_DENIED = {"LS-POLICY-002", "LS-POLICY-003"}
"""What a decision is told as that is told as a decision."""


@dataclass(frozen=True)
class _Before:
    """What was said of a step while it was only planned; without the digest of its arguments in a
    lock, which has the arguments themselves.
    """

    step: str
    tool: str
    said: Said
    provenance: Provenance
    args: Digest | None = None

    def asked(self, at: Bearings) -> Revisited:
        return at.about("planned", self.step, self.tool, self.said)


def locked(lock: Lock, at: Bearings) -> Iterator[Revisited]:
    """A lock's steps, and whether its plan still passes."""
    body = lock.body
    before = [
        _Before(step.id, step.tool, Said(outcome=step.expected, rules=None), step.provenance)
        for step in body.calls
    ]
    world = at.here(stage=body.stage, role=body.role)
    if isinstance(world, str):
        yield from (unknown(one.asked(at), world) for one in before)
        return
    by = next((one.by for one in lock.statements), "nobody")
    try:
        now = today(lock, world, by, partial(peek, at.store))
        steps = shaped(Plan, now.plan, "lock").steps
    except UNMADE as error:
        why = f"the lock's plan cannot be checked again: {in_short(error)}"
        yield from (unknown(one.asked(at), why) for one in before)
        return
    yield from _steps(before, now.checked, _asker(steps, by, world), at)
    yield _passing((), now.checked.errors, at)


def checked(proposal: Proposal, then: Checked, at: Bearings) -> Iterator[Revisited]:
    """A proposed plan: its steps, whether it passes, and the whole of it."""
    before = [
        _Before(made.step, made.tool, Said.by(made), made.provenance, made.args_digest)
        for made in then.decisions
    ]
    world = at.here()
    if isinstance(world, str):
        yield from (unknown(one.asked(at), world) for one in before)
        return
    now = verdict(proposal, world)
    try:
        steps: Iterable[Step] = proposed_in(proposal, world, partial(peek, at.store)).steps
    except LockstepError:
        steps = ()
    yield from _steps(before, now, _asker(steps, proposal.by, world), at)
    yield _passing(then.errors, now.errors, at)
    if then.plan is not None or now.plan is not None:
        said = Said.by(then.plan) if then.plan else _silence(then, "policy did not weigh the plan")
        one = at.about("plan", SUBJECT, PLAN, said)
        if now.plan is not None:
            yield one.answered(now.plan)
        else:
            silence = _silence(now, "policy would not come to weigh the plan")
            yield one.model_copy(update={"now": silence if world.decider.weighs_plans else SILENT})


def _silence(found: Checked, why: str) -> Said:
    return SILENT if found.passed else Said(outcome=None, why=why)


_Ask = Callable[[str, Provenance], Decision | None]
"""Policy's answer about a step whose arguments come from there."""


def _asker(steps: Iterable[Step], by: str, world: World) -> _Ask:
    by_id = {step.id: step for step in (*looks(world.environment), *steps)}

    def ask(step: str, told: Provenance) -> Decision | None:
        if step not in by_id:
            return None
        return world.decider.decide(planned(by_id[step], world, by, told))

    return ask


def _steps(then: Iterable[_Before], now: Checked, ask: _Ask, at: Bearings) -> Iterator[Revisited]:
    decided = {made.step: made for made in now.decisions}
    for before in then:
        one, made = before.asked(at), decided.pop(before.step, None)
        if made is None:
            yield _held(one, now)
            continue
        if before.tool != made.tool or before.args not in (None, made.args_digest):
            yield unknown(one, "the step calls another tool now, or with other arguments")
            continue
        restated = made.provenance != before.provenance
        if restated:
            made = ask(before.step, before.provenance) or made
        yield one.answered(made).model_copy(update={"restated": restated})
    for made in decided.values():
        said = Said(outcome=None, why="something else was wrong with the step")
        yield at.about("planned", made.step, made.tool, said).answered(made)


def _held(one: Revisited, now: Checked) -> Revisited:
    """A step that policy is not asked about any more, because something else is wrong with it."""
    about = (found for found in now.errors if is_place_of(found.place, one.step))
    found = next(about, next(iter(now.errors), None))
    if found is None:
        return unknown(one, "the environment does not look there any more before a run")
    return one.model_copy(update={"now": Said.held(found)})


def _passing(then: Iterable[Finding], now: Iterable[Finding], at: Bearings) -> Revisited:
    before, after = (
        Said.passing(one for one in found if one.code not in _DENIED) for found in (then, now)
    )
    return at.about("checks", SUBJECT, PLAN, before).model_copy(update={"now": after})


Who = Callable[[], tuple[str, str] | None]
"""Who had a run started, and whether that was a person or a schedule; looked up where it counts."""


def verified(
    request: Verify,
    then: Verified,
    locks: Mapping[Digest, Lock],
    who: Who,
    at: Bearings,
) -> Iterator[Revisited]:
    """A lock as a whole, when a run of it began. Nothing where policy spoke of no whole plans then
    and speaks of none now, or was not asked because the lock was refused.
    """
    one = at.about("plan", SUBJECT, PLAN, Said.by(then.plan) if then.plan else SILENT)
    world = at.here(stage=request.body.stage, role=request.body.role)
    if isinstance(world, str):
        if then.plan is not None:
            yield unknown(one, world)
        return
    if then.plan is None and (then.findings or not world.decider.weighs_plans):
        return
    asked = _submission(request, locks, who, world)
    if asked is None:
        yield unknown(one, "who had the run started is not on record")
        return
    grants = then.plan.grants if then.plan else ()
    first = world.decider.submit(asked)
    if first is None:
        yield one.model_copy(update={"now": SILENT})
        return

    def submit(holding: tuple[AnyGrant, ...]) -> Decision:
        return world.decider.submit(asked.model_copy(update={"grants": holding})) or first

    yield one.answered(asked_again(submit, grants, world), grants)


def _submission(
    request: Verify, locks: Mapping[Digest, Lock], who: Who, world: World
) -> Submission | None:
    """What was said about the lock is recorded where policy was asked then, and else stands with
    the lock itself.
    """
    body, given = request.body, request.submitted
    if given is not None:
        return started(
            body, given.lock, given.statements, world, by=given.by, trigger=given.trigger
        )
    name, found = digest(body.model_dump(mode="json")), who()
    if found is None or name not in locks:
        return None
    return started(body, name, locks[name].statements, world, by=found[0], trigger=found[1])


def permitted(progress: Progress, then: Permitted, at: Bearings) -> Revisited:
    """Planning anew what was left of a run."""
    one = at.about("replan", "run", REPLAN, Said.by(then.decision))
    world = at.here(stage=progress.body.stage, role=progress.body.role)
    if isinstance(world, str):
        return unknown(one, world)
    made = ruled(progress, world, lineage_of(progress, world)).decision
    restated = then.decision.asked not in (None, made.asked)
    return one.answered(made).model_copy(update={"restated": restated})
