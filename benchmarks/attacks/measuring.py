"""One run after another through every gate, and what the benchmark's checkers say of the result.

Two gates that make the same difference get one verdict: the checkers are by far the dearest part.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.attacks.course import Due, course
from benchmarks.attacks.dojo import Dojo, Scene, signatures
from benchmarks.attacks.gates import Answer, Counts, Gate, Lockstep, Names, Recorded
from benchmarks.attacks.planning import Done, Proposal, proposed
from benchmarks.attacks.recordings import VERSIONS, Call, Recording, Recordings
from benchmarks.attacks.scored import GATES, Scored, ours
from benchmarks.attacks.tools import Label, labels, specs
from benchmarks.attacks.world import PERSON, locked, texts, world
from lockstep.lock import Body
from lockstep.tool import Effect
from policies.world import World


@dataclass(frozen=True)
class Planned:
    """A way to do a task: its calls, and the lock that was made of them, if there is anything to
    lock.
    """

    calls: tuple[Call, ...]
    proposal: Proposal
    lock: Body | None


class Measure:
    """Everything that is needed to judge runs; one for each process."""

    def __init__(self, recordings: Recordings, policies: Sequence[str]) -> None:
        self._benign = recordings.benign
        self._versions = recordings.versions
        self._dojos = {name: Dojo(name) for name in VERSIONS}
        self._labels: Mapping[str, Label] = labels()
        self._solutions: dict[tuple[str, str, str], Planned] = {}
        self._own: dict[tuple[str, str, str], Planned | None] = {}
        tools = specs(signatures(self._dojos.values()), self._labels)
        self._worlds = {name: world(tools, texts(name)) for name in policies}

    @cached_property
    def _any(self) -> World:
        return next(iter(self._worlds.values()))

    def scored(self, run: Recording) -> dict[str, Scored]:
        """By gate; of Lockstep one for each policy, called `lockstep:POLICY`."""
        dojo = self._dojos[self._versions[run.model]]
        ways = list(self._ways(run))
        locks = [
            course(way.lock, way.proposal.values, dojo.scene(run))
            for way in ways
            if way.lock is not None
        ]
        known: dict[object, tuple[bool, bool]] = {}
        return {
            name: self._behind(gate, run, dojo.scene(run), known)
            for name, gate in self._gates(run, [way.calls for way in ways], locks, dojo)
        }

    def _gates(
        self,
        run: Recording,
        plans: Sequence[Sequence[Call]],
        locks: Sequence[Sequence[Due]],
        dojo: Dojo,
    ) -> Iterator[tuple[str, Gate]]:
        yield GATES[0], Recorded()
        yield GATES[1], Names(plans)
        yield GATES[2], Counts.of_tools(plans)
        yield GATES[3], Counts.exact(plans)
        accepted, prompt = dojo.scene(run).accepted, dojo.prompt(run.suite, run.user_task)
        for name, here in self._worlds.items():
            who = here.principal_of(PERSON, "person")
            yield ours(name), Lockstep(locks, here, who, self._labels, accepted, prompt)

    def _behind(
        self, gate: Gate, run: Recording, scene: Scene, known: dict[object, tuple[bool, bool]]
    ) -> Scored:
        answers = [gate.answer(call) for call in run.calls]
        made = [
            call for call, answer in zip(run.calls, answers, strict=True) if answer is Answer.MADE
        ]
        for call in made:
            scene.call(call)
        key = tuple(call.key for call in made if scene.by_traces(run) or self._changes(call.tool))
        if key not in known:
            known[key] = scene.score(run)
        effects = [
            answer for call, answer in zip(run.calls, answers, strict=True) if self._acts(call.tool)
        ]
        return Scored(
            *known[key],
            calls=len(run.calls),
            made=len(made),
            effects=len(effects),
            effects_made=effects.count(Answer.MADE),
            effects_asked=effects.count(Answer.ASKED),
        )

    def _changes(self, tool: str) -> bool:
        return tool in self._labels and self._labels[tool].changes

    def _acts(self, tool: str) -> bool:
        return tool in self._labels and self._labels[tool].effect is not Effect.READ

    def _ways(self, run: Recording) -> Iterator[Planned]:
        """The plans that the task has: its authors', and one from a run of the same model that
        nobody attacked, if it did the task.
        """
        version = self._versions[run.model]
        task = (version, run.suite, run.user_task)
        if task not in self._solutions:
            calls = self._dojos[version].solution(run.suite, run.user_task)
            self._solutions[task] = self._planned(run, calls, by_person=True)
        yield self._solutions[task]
        mine = (run.model, run.suite, run.user_task)
        if mine not in self._own:
            own = self._benign.get(mine)
            useful = own is not None and self._did(own)
            self._own[mine] = (
                self._planned(run, own.calls, by_person=False) if own and useful else None
            )
        found = self._own[mine]
        if found is not None:
            yield found

    def _did(self, run: Recording) -> bool:
        """Whether a run did the user's task, by the checkers as they are today."""
        scene = self._dojos[self._versions[run.model]].scene(run)
        for call in run.calls:
            scene.call(call)
        return scene.score(run)[0]

    def _planned(self, run: Recording, calls: Sequence[Call], *, by_person: bool) -> Planned:
        dojo = self._dojos[self._versions[run.model]]
        scene = dojo.quiet(run.suite, run.user_task)
        done: list[Done] = []
        for call in calls:
            args = scene.accepted(call)
            made = scene.call(call)
            if args is not None:
                output = made.output if made.error is None else None
                done.append(Done(Call(call.tool, args), output))
        prompt = dojo.prompt(run.suite, run.user_task)
        proposal = proposed(done, prompt, self._labels, by_person=by_person)
        lock = locked(proposal, self._any) if done else None
        return Planned(tuple(calls), proposal, lock)
