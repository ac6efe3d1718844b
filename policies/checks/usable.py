"""Each step of a plan by itself, held against its tool and the environment.

Many steps of a plan differ in nothing but their names and in what they wait for: the same call for
another shard, a check after each change. What is found of a call with these very arguments is found
once. A step with something wrong in it is looked at by itself, since a finding names its place; so
is one that goes round a loop. Guards and fallbacks are looked at with every step.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from lockstep.action import Recoveries
from lockstep.finding import Finding, errors_in
from lockstep.plan import Step
from lockstep.tool import ToolSpec
from policies.checks.arguments import Sources, check_arguments
from policies.checks.fallbacks import check_fallbacks
from policies.checks.guards import check_guards
from policies.checks.handling import check_handling
from policies.checks.loops import check_loop, item_of
from policies.checks.missing import missing_resources
from policies.checks.offered import check_offered, check_tighter
from policies.familiar import Call, call_of
from policies.foreseen import Foreseen
from policies.world import World


@dataclass(frozen=True)
class Usable:
    """Finds out which steps can be used; `known` is what is done here about tools' errors."""

    world: World
    sources: Sources
    known: Recoveries
    _seen: dict[Call, Foreseen] = field(default_factory=dict)
    _sound: set[Call] = field(default_factory=set)

    def look(self, step: Step, said: Step, room: int) -> tuple[list[Finding], Foreseen | None]:
        """All that is wrong with a step, and what can be foreseen of its call if it can be used.
        `said` is the step without what the environment adds to it; of names that do not exist no
        more are told than there is `room` for.
        """
        call, bare = call_of(step), _is_bare(step)
        sound = call in self._sound
        if call is not None and sound and bare:
            return [], self._seen[call]
        problems = list(check_offered(step, self.world))
        if problems:
            return problems, None
        spec, sources = step.spec(self.world.tools), self.sources
        seen = self._foreseen(step, spec, call)
        here = replace(sources, item=item_of(step, sources)) if step.for_each else sources
        known = here if "$" in step.spelled else None
        missing = missing_resources(f"step `{step.id}`", seen.named, self.world)
        problems = [
            *(() if bare else check_loop(step, sources)),
            *(() if sound else check_arguments(step.id, spec, step.args, known)),
            *(() if bare else self._beside(step, said, spec)),
            *(() if sound else islice(missing, room)),
        ]
        if call is not None and not problems:
            self._sound.add(call)
        return problems, None if errors_in(problems) else seen

    def _beside(self, step: Step, said: Step, spec: ToolSpec) -> Iterator[Finding]:
        """What is wrong with a step beside its arguments and its loop."""
        yield from check_guards(step.id, step.when, self.sources)
        yield from check_fallbacks(step, spec, self.sources.outputs)
        yield from check_handling(said, spec, self.known)
        yield from check_tighter(step, spec)

    def _foreseen(self, step: Step, spec: ToolSpec, call: Call | None) -> Foreseen:
        found = self._seen.get(call) if call is not None else None
        if found is None:
            found = self.world.familiar.foreseen(step, spec)
            if call is not None:
                self._seen[call] = found
        return found


def _is_bare(step: Step) -> bool:
    """Whether there is nothing to be wrong with beside the call itself. What the environment has
    in an output's place is in `on_error` by now.
    """
    return step.kind == "tool" and not (
        step.when or step.on_error or step.for_each or step.timeout or step.attempts
    )
