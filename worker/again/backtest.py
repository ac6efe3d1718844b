"""Had this policy been in force: what histories say policy was asked, put to policy as it is now.

What a run knew (arguments, where they come from, who started it, what was signalled) is taken from
its record; what a tool or a resource is, from the agent as it is now. Nothing is called and nothing
is written.

A lock's steps are asked about once, in whichever run it is met first, and not at all where the
planning that made the lock was read before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from temporalio.client import WorkflowHistory

from activities.contract.validator import Change, Permitted, Proposal, Verified, Verify
from activities.package import AgentPackage
from activities.store import Store
from lockstep.canonical import Digest
from lockstep.checked import Checked
from lockstep.decision import Decision
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.outcome import Completed, Dispatch, Signalled, Unfit, Withheld
from lockstep.revision import Progress
from policies.trials.hindsight import Revisited
from policies.world import World
from worker.again.bearings import UNMADE, Bearings, in_short, unknown
from worker.again.revisit_calls import called, edited, lost, unanswered
from worker.again.revisit_plans import checked, locked, permitted, verified
from worker.records.recorded import VERDICTS, Lost, Rechecked, Recorded, Scheduled, given, recorded
from worker.runs import lock_of, subject_of


@dataclass
class Backtest:
    """An agent as it is now, and the values that runs have left. Takes one history at a time.
    `worlds` are its environments as far as they are known, or why there is none.
    """

    package: AgentPackage
    store: Store
    worlds: dict[str, World | str] = field(default_factory=dict)
    _locks: set[Digest] = field(default_factory=set)

    def revisited(self, history: WorkflowHistory) -> Iterator[Revisited]:
        """All that policy was asked in it; LS-POLICY-001 where there is no policy to ask."""
        subject, steps = subject_of(history), list(recorded(history.events))
        if not steps:
            # It has not begun, or was refused for what it was started with.
            return
        name = subject[1] if subject else ""
        at = Bearings(history.workflow_id, name, self._world(name), self.store)
        if subject is None:
            yield _unread(at, None, "it is neither a run nor a planning that this version can read")
            return
        lock = lock_of(history) if _began(steps) else None
        if lock is not None and lock.digest not in self._locks:
            yield from locked(lock, at)
        made = (end for _, end in steps if isinstance(end, Lock))
        locks = {one.digest: one for one in (lock, *made) if one is not None}
        self._locks |= locks.keys()
        for scheduled, end in steps:
            try:
                yield from _asked(scheduled, end, locks, steps, at)
            except UNMADE as error:
                yield _unread(at, scheduled, f"it cannot be put again: {in_short(error)}")

    def _world(self, environment: str) -> World | str:
        if environment not in self.worlds:
            self.worlds[environment] = self._loaded(environment)
        return self.worlds[environment]

    def _loaded(self, environment: str) -> World | str:
        if environment not in self.package.environments:
            return f"environment `{environment}` does not exist any more"
        try:
            return self.package.world(environment)
        except LockstepError as error:
            if error.code == "LS-POLICY-001":
                raise
            return f"environment `{environment}` cannot be loaded: {in_short(error)}"


def _asked(
    scheduled: Scheduled,
    end: object,
    locks: Mapping[Digest, Lock],
    steps: Sequence[Recorded],
    at: Bearings,
) -> Iterator[Revisited]:
    """What policy was asked by one activity."""
    match end:
        case Finding():
            yield _unread(at, scheduled, end.problem)
        case (
            Completed(decision=Decision() as then)
            | Withheld(decision=Decision() as then)
            | Signalled(decision=Decision() as then)
            | Unfit(decision=Decision() as then)
            | Lost(decision=Decision() as then)
        ):
            yield called(given(scheduled, Dispatch), then, at)
        case Withheld():
            # Something was wrong before it came to a question.
            return
        case Unfit(attempts=attempts) | Lost(attempts=attempts) | Signalled(attempts=attempts):
            yield lost(given(scheduled, Dispatch), attempts, at)
        case Checked():
            yield from checked(given(scheduled, Proposal), end, at)
        case Verified():
            yield from verified(given(scheduled, Verify), end, locks, partial(_who, steps), at)
        case Rechecked():
            yield from edited(given(scheduled, Change), end.findings, at)
        case Permitted():
            yield permitted(given(scheduled, Progress), end, at)
        case None if not scheduled.activity_type.name.startswith(VERDICTS):
            yield unanswered(given(scheduled, Dispatch), at)
        case _:
            return


def _began(steps: Sequence[Recorded]) -> bool:
    """Whether the run's lock was found to be what it says: of one that was refused nobody can say
    that policy said it.
    """
    found = next((end for _, end in steps if isinstance(end, Verified)), None)
    return found is not None and not found.findings


def _who(steps: Sequence[Recorded]) -> tuple[str, str] | None:
    """Who had a run started, and by what; said with everything that it sends out."""
    for scheduled, _ in steps:
        if not scheduled.activity_type.name.startswith(VERDICTS):
            run = given(scheduled, Dispatch).run
            return run.started_by, run.trigger
    return None


def gone(run: str) -> Revisited:
    """A run whose history is not there any more."""
    one = Revisited(run=run, environment="", about="call", step="", tool="")
    return unknown(one, "the run's history is not kept any more")


def _unread(at: Bearings, scheduled: Scheduled | None, why: str) -> Revisited:
    """What was asked there cannot even be read."""
    step, tool = (scheduled.activity_id, scheduled.activity_type.name) if scheduled else ("", "")
    return unknown(at.about("call", step, tool), why)
