"""The rest of a run, planned anew: asked of policy, proposed, checked, frozen, approved.

Nothing of the run is under way meanwhile. What comes of it is a lock that holds what is over as it
was and names the lock it departs from; the run goes on with that, or stops. The model's answers
count against what is left of the run's budget, and how often it is asked against the same limit as
any planning's. Where it cannot be asked, a human is, who may give the rest by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.contract.planner import Brief, Goal, Planner
from activities.contract.validator import Permitted, Submitted, Validator, Verify
from lockstep.action import dispatches
from lockstep.agent import ANYONE
from lockstep.amount import Amount
from lockstep.escalation import Answer, Ground
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.loop import label
from lockstep.outlay import Outlay
from lockstep.replanned import RunReplanned, RunReplanning, RunRevised
from lockstep.revision import ACTION, Progress, Signal
from lockstep.submission import Wanted
from lockstep.tail import shortened, tail
from workflows.approval import Subject, Yes, approved
from workflows.context import RunContext
from workflows.doors import Door
from workflows.midway import Midway
from workflows.planning import Candidate, Planning
from workflows.verdicts import verdict
from workflows.wanting import wanted_for

_FULL = 20 * 1024 * 1024
"""Bytes of history after which nothing is planned anew: past 50 MB the server would end the run."""

_MOST_TOLD = 1024 * 1024
"""Bytes of how far a run has come: with a proposal it has to fit one payload of 2 MiB."""


def is_about_replanning(question: str) -> bool:
    """Whether a question of this id is about planning anew; no step's name has a dot."""
    return question.startswith(f"{ACTION}.")


@dataclass
class Replanning:
    """Of one run, for the `number`th time. `used` is how often its model was asked before, `before`
    what planning has cost it so far.
    """

    run: RunContext
    number: int
    used: int
    before: Outlay
    kept: frozenset[str] = frozenset()
    planning: Planning | None = None

    @property
    def asked(self) -> int:
        """How often the model was asked."""
        return self.planning.asked if self.planning else 0

    @property
    def outlay(self) -> Outlay:
        """What planning has cost the run by now."""
        if self.planning is None:
            return self.before
        return self.before.and_more(self.planning.bill, self.planning.held)

    async def lock(self, parent: Lock, done: list[str], skipped: list[str]) -> Lock | Finding:
        """The lock to go on with, or why the run does not."""
        try:
            return await self._lock(parent, done, skipped)
        except ActivityError as error:
            if workflow.cancellation_reason() is not None:
                raise
            # What could not be looked at or frozen is not gone on with, and the run ends with that.
            why = shortened(str(error.cause or error), 300)
            return _finding(f"the new rest could not be checked: {why}", "see the worker's log")

    async def _lock(self, parent: Lock, done: list[str], skipped: list[str]) -> Lock | Finding:
        run = self.run
        progress = self._progress(parent, done, skipped)
        if len(progress.model_dump_json().encode(errors="replace")) > _MOST_TOLD:
            return _finding("the run is too large to be planned anew", "split its plan")
        self.kept = frozenset(step.id for step in progress.kept)
        permitted = await verdict(self._name("permit"), Validator.replan, progress)
        grounds = permitted.grounds
        run.journal.write(
            RunReplanning(
                number=self.number,
                signals=progress.signals,
                decision=permitted.decision,
                grounds=grounds if grounds and grounds.digest != run.facts.grounds else None,
            )
        )
        if permitted.findings:
            return permitted.findings[0]
        if permitted.approval is not None and not any(permitted.approval.people.values()):
            # Before a model is paid for what nobody could say yes to.
            return _finding("nobody may say yes to a new rest", "name approvers in agent.toml")
        if run.time_left() is None:
            # Before a model is paid for what could not be begun any more.
            return _finding("the run's time is spent", "raise `limits.wall`, and run again")
        if workflow.info().get_current_history_size() > _FULL:
            return _finding("the run's history has no room for another plan", "run again")
        self.planning = await self._planning(parent, progress, permitted)
        try:
            found = await self.planning.find()
            while isinstance(found, Candidate):
                given = await self._agreed(found, parent, permitted.approval)
                if given is not None:
                    return given
                found = self.planning.taken_by_hand()
            return found
        finally:
            run.ledger.limit = self.outlay.budget(run.body.limits.amount)

    async def take(self, given: Answer, door: Door) -> Finding | None:
        """Take an answer, or say why not."""
        assert self.planning is not None, "nobody is asked before there is a planning"
        return await self.planning.take(given, door)

    def _name(self, what: str) -> str:
        return f"replan.{self.number}.{what}"

    def _progress(self, parent: Lock, done: list[str], skipped: list[str]) -> Progress:
        run = self.run
        here = {step.id for step in parent.body.steps} | run.given_up.keys()
        return Progress(
            lock=parent.digest,
            body=parent.body,
            done=tuple(done),
            skipped=tuple(skipped),
            gone=tuple(sorted(run.gone)),
            begun=tuple(sorted(run.begun - {*done, *skipped})),
            given_up=tuple(run.given_up.values()),
            ends=_ends(run, {*done}),
            signals=tuple(run.signals),
            edits={step: args for step, args in run.edits.items() if step in here},
            hollow=tuple(sorted(run.hollow & here)),
            left=run.ledger.left,
            replans=self.used,
            started_by=run.facts.started_by,
            trigger=run.facts.trigger,
        )

    async def _planning(self, parent: Lock, progress: Progress, permitted: Permitted) -> Planning:
        run = self.run
        goal = Goal(
            goal=run.body.goal.strip() or "what this agent is for",
            agent=run.body.agent,
            environment=run.body.environment,
            by=run.facts.started_by,
            course=permitted.course,
        )
        midway = Midway(
            progress=progress,
            literals=permitted.literals,
            author=parent.author,
            used=self.used,
            ledger=run.ledger,
            prefix=self._name(""),
            questions=f"{ACTION}.{self.number}",
            brief=partial(self._brief, goal),
        )
        return Planning(goal, await self._brief(goal), run.journal, run.desk, midway)

    async def _brief(self, goal: Goal) -> Brief:
        """What planning may take, of what is left; and who is asked in a run: those who may
        approve, and not whoever started it.
        """
        run = self.run
        found = await verdict(self._name("brief"), Planner.brief, goal)
        self.before = self.before.model_copy(update={"limit": found.limit})
        run.ledger.limit = self.before.widest(run.body.limits.amount)
        people = {one for named in run.body.approvers.values() for one in named}
        return found.model_copy(
            update={
                "roles": tuple(sorted(run.body.approvers)),
                "approvers": (ANYONE,) if ANYONE in people else tuple(sorted(people)),
                "asking": run.body.asking,
            }
        )

    async def _agreed(
        self, found: Candidate, parent: Lock, approval: Wanted | None
    ) -> Lock | Finding | None:
        """The lock with each yes that it needs, or why there is none; None where a human gave
        another rest instead.
        """
        run = self.run
        frozen = await verdict(self._name("freeze"), Validator.freeze, found.proposal)
        child = frozen.made_of(parent)
        # As any lock is that is to be run: who starts it counts, and not only who planned it.
        verified = await verdict(self._name("verify"), Validator.verify, self._verify(child))
        revised = RunRevised(
            number=self.number,
            lock=child.digest,
            parent=parent.digest,
            tail=tail(parent.body, child.body, self.kept, frozenset(run.begun)),
            worst=self._worst(child),
            by=None if found.proposal.planner else found.proposal.by,
            plan=verified.plan,
        )
        run.journal.write(revised)
        if verified.findings:
            return verified.findings[0]
        info = workflow.info()
        if not found.checked.bounds.fit_after(
            info.get_current_history_length(), info.get_current_history_size()
        ):
            return _finding("the run's history has no room for the new rest", "run it by itself")
        dear = (run.ledger.committed + revised.worst).over(
            self.outlay.budget(child.body.limits.amount)
        )
        if dear:
            return _finding(
                f"planning anew has left too little of the run's {dear[0]}",
                f"raise `{dear[0]}` under `[limits]` in the manifest, and run again",
            )
        # Some rules ask before a plan is locked, some before a lock is run, and here it is both.
        asking = (approval, found.checked.approval, verified.approval)
        wanted = wanted_for([one for one in asking if one is not None], revised, run.signals)
        yes: tuple[Yes, ...] = ()
        if wanted is not None:
            subject = Subject(
                asking="Run",
                prefix=f"{ACTION}.{self.number}.approve",
                ground=Ground.REPLAN,
                shown=str(revised.tail),
                goal=run.body.goal,
            )
            answer = await approved(wanted, run.desk, run.journal, subject, revised.by or "")
            if not isinstance(answer, tuple):
                return answer
            yes = answer
        run.journal.write(RunReplanned(number=self.number, lock=child.digest, parent=parent.digest))
        return child.stating(*(one.about(child.digest, wanted) for one in yes if wanted))

    def _verify(self, child: Lock) -> Verify:
        run = self.run
        submitted = Submitted(
            lock=child.digest,
            statements=child.statements,
            by=run.facts.started_by,
            trigger=run.facts.trigger,
            at=workflow.now(),
        )
        return Verify(
            body=child.body,
            inputs=run.facts.inputs,
            submitted=submitted if child.body.whole else None,
        )

    def _worst(self, child: Lock) -> Amount:
        """The most that the steps to come may spend."""
        total = Amount()
        for step in child.body.steps:
            if step.id not in self.kept:
                often = dispatches(child.body.recoveries.get(step.tool, {}))
                total += step.worst_cost.times(often * (step.for_each.max if step.for_each else 1))
        return total


def stopped(signals: Sequence[Signal], why: Finding) -> Finding:
    """How a run ends whose rest was not planned anew: what was signalled, and why not."""
    first = signals[0]
    return Finding(
        code=why.code,
        place=f"step `{label(first.step, first.item)}`",
        problem=f"{first.tool} signalled {first.error}({first.detail}), and the rest was not "
        f"planned anew: {why.problem}",
        fix=why.fix,
    )


def _ends(run: RunContext, done: set[str]) -> dict[str, tuple[str, ...]]:
    """How calls ended that gave nothing, where the signals do not say it."""
    told = {(one.step, one.error) for one in run.signals}
    left = {
        step: tuple(sorted(one for one in ends if (step, one) not in told))
        for step, ends in sorted(run.ends.items())
        if step not in done
    }
    return {step: ends for step, ends in left.items() if ends}


def _finding(problem: str, fix: str) -> Finding:
    return Finding(code="LS-RUN-004", place="run", problem=problem, fix=fix)
