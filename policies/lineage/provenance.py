"""Where does each argument come from, and may it be believed?

Read off the plan before it runs. An argument is a literal, an input, a fact about the run, or a
field of what another step gave; in a loop, a part of one item of a list. A step's output is what
its tool says it is, or what its arguments were where the tool only passes on. Where another step
or a value may stand in, it is the worst of all that it can be.

Besides what flows there is what decides: a guard, the length of a loop's list, an error that has
another step stand in or other arguments put in. It is told apart (`steered`), because a rule about
a recipient's address asks for the one, and a rule about what happens at all for the other.

Each step is looked at once, after what it draws from, and sets are shared or whole numbers: the
cost grows with the plan and not with its paths. Where there is no such order, or a step is missing,
nothing is believed.
"""

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from graphlib import CycleError, TopologicalSorter

from lockstep.fallback import owners, stand_ins
from lockstep.pointer import pointer
from lockstep.provenance import Provenance
from lockstep.reference import Malformed, Reference
from lockstep.trust import ANY, Emits, Trust, emitted, worst
from policies.cedar.targets import may_name
from policies.lineage.given import TRUSTED, UNTRUSTED, Answer, Output, Own
from policies.lineage.labels import Labels
from policies.lineage.origin import Found, Origin
from policies.lineage.traced import Parts, Traced

MAX_HOPS = 100
"""Of a witness: nobody reads a longer way back."""


class Lineage:
    """The provenance of every step of one plan."""

    def __init__(self, steps: Iterable[Traced], labels: Labels) -> None:
        self._labels = labels
        self._steps = {step.id: step for step in steps}
        self._whose = owners(self._steps.values())
        names = sorted({step.tool for step in self._steps.values()})
        self._bits = {name: 1 << number for number, name in enumerate(names)}
        self._read: dict[str, Parts] = {}
        self._alike: dict[tuple[str, str | tuple[str, ...]], Own] = {}
        self._names = cache(self._tools)
        self._own: dict[str, Own] = {}
        self._outputs: dict[str, Output] = {}
        drawn = self._drawn()
        for step, is_over in self._order():
            if not is_over:
                self._own[step.id] = self._told(step)
            elif step.id in drawn:
                self._outputs[step.id] = self._output(step)

    def of(self, step: str) -> Provenance:
        """What policy is told of a step."""
        return self._own[step].provenance

    def signals(self, step: str) -> Trust:
        """How far to believe what an error of the step's tool says."""
        return self._own[step].signals

    def is_private(self, step: str) -> bool:
        """Whether what the step gives, its errors included, may tell of something sensitive."""
        return self._own[step].sensitive

    def origins(self, step: str) -> Iterator[Origin]:
        """Where each argument comes from, or each part of one that is put together."""
        here = self._parts(self._steps[step])
        for at, found in here.args:
            yield self._origin(here, at, found)

    def witness(self, step: str, at: str) -> tuple[Origin, ...]:
        """From an untrusted argument back to what makes it so: each origin feeds the one before
        it, and the last is untrusted by itself, or as far back as anybody follows.
        """
        chain: list[Origin] = []
        while len(chain) < MAX_HOPS:
            here = next((one for one in self.origins(step) if one.at == at), None)
            if here is None:
                break
            chain.append(here)
            cause = self._cause(here)
            if cause is None:
                break
            step, at = cause.step, next(iter(self._own[cause.step].provenance.untrusted), "")
        return tuple(chain)

    def _drawn(self) -> set[str]:
        """The steps whose outputs anybody gets."""
        drawn = {id for step in self._steps.values() for id in step.draws}
        return drawn.union(self._whose)

    def _order(self) -> Iterator[tuple[Traced, bool]]:
        """Each step twice: when it begins, and when it and what may stand in for it are over."""
        if self._is_in_order():
            for step in self._steps.values():
                yield step, False
                yield step, True
            return
        graph: dict[tuple[str, bool], list[tuple[str, bool]]] = {}
        for id, step in self._steps.items():
            owner = self._whose.get(id)
            begins = [(one, True) for one in step.draws if one in self._steps and one != owner]
            graph[id, False] = [*begins, *([(owner, False)] if owner else [])]
            others = [(one, True) for one in stand_ins(step) if one in self._steps]
            graph[id, True] = [(id, False), *others]
        try:
            order = list(TopologicalSorter(graph).static_order())
        except CycleError:
            # Nothing is known of any output then, and each step is told so.
            order = [(id, False) for id in self._steps]
        for id, is_over in order:
            yield self._steps[id], is_over

    def _is_in_order(self) -> bool:
        """Whether the steps stand in such an order already, as most plans are written."""
        if self._whose:
            return False
        seen: set[str] = set()
        for id, step in self._steps.items():
            for one in step.draws:
                if one not in seen and one in self._steps:
                    return False
            seen.add(id)
        return True

    def _parts(self, step: Traced) -> Parts:
        found = self._read.get(step.id)
        if found is None:
            found = self._read[step.id] = Parts.of(step)
        return found

    def _told(self, step: Traced) -> Own:
        """What hangs on nothing but its arguments, and what they refer to, is told the same as any
        other such call; where none of them is a reference, as any with arguments of those names.
        """
        if step.when or step.for_each or step.id in self._whose:
            return self._traced(step)
        spelled = step.spelled
        alike = (step.tool, spelled if "$" in spelled else tuple(step.args))
        found = self._alike.get(alike)
        if found is None:
            found = self._alike[alike] = self._traced(step)
        return found

    def _traced(self, step: Traced) -> Own:
        spec = self._labels.tools.get(step.tool)
        parts = self._parts(step)
        trusts = {one: self._trust(parts, one) for one in {one for _, one in parts.args}}
        found = [(at, trusts[one]) for at, one in parts.args]
        given = worst(trust for _, trust in found)
        drawn = [self._outputs.get(one) for one in step.draws]
        owner = self._own.get(self._whose.get(step.id, ""))
        steered = (
            any(one is None or one.steered for one in drawn)
            or self._is_steered(parts)
            or (owner is not None and (owner.provenance.steered or owner.signals is UNTRUSTED))
        )
        reached = any(one is None or one.sensitive for one in drawn)
        reached = reached or (owner is not None and owner.sensitive)
        sources = 0
        for name in step.fed_by:
            output = self._outputs.get(name)
            sources |= output.sources if output is not None else 0
        signals, private = UNTRUSTED, True
        if spec is not None:
            signals = Answer(spec, given, looped=False, step=step.id).trust(())
            if given is UNTRUSTED and any(
                one is not None and may_name(spec.input, at) and self._trust(parts, one) is given
                for at, one in parts.args
            ):
                # That a name is not there is an error too, and not one that the tool vouches for.
                signals = UNTRUSTED
            private = spec.sensitive or (reached and not spec.declassifies)
        # Its own error then decides which of two calls it is.
        steered = steered or (step.tool in self._labels.substituted and signals is UNTRUSTED)
        return Own(
            provenance=_provenance(
                # The order of arguments means nothing, and a lock has one digest.
                tuple(sorted(at for at, trust in found if trust is UNTRUSTED)),
                steered,
                reached or spec is None or spec.sensitive,
                self._names(sources),
            ),
            given=given,
            signals=signals,
            sensitive=private,
            sources=sources,
        )

    def _output(self, step: Traced) -> Output:
        own, spec = self._own[step.id], self._labels.tools.get(step.tool)
        answers: dict[tuple[str, Trust, bool], Answer] = {}
        if spec is not None:
            answer = Answer(spec, own.given, step.for_each is not None, step.id)
            answers[answer.key] = answer
        others = [self._outputs.get(one) for one in stand_ins(step)]
        for other in others:
            answers = {**(other.answers if other is not None else {}), **answers}
        fallbacks = step.on_error.values()
        known = [one for one in others if one is not None]
        lost = spec is None or len(known) < len(others)
        sources = own.sources | self._bits[step.tool]
        for other in known:
            sources |= other.sources
        return Output(
            answers={} if lost else answers,
            written=any(one.output is not None for one in fallbacks)
            or any(one.written for one in known),
            steered=own.provenance.steered
            or lost
            or (bool(fallbacks) and own.signals is UNTRUSTED)
            or any(one.steered for one in known),
            sensitive=own.sensitive or lost or any(one.sensitive for one in known),
            sources=sources,
        )

    def _is_steered(self, step: Parts) -> bool:
        """Whether the step's own guards or the length of its list hang on what is untrusted."""
        if any(self._trust(step, one) is UNTRUSTED for one in step.guards):
            return True
        if step.list is None:
            return False
        # How many items there are is one question, what stands in them another.
        return self._origin(step, "", step.list, below=False).trust is UNTRUSTED

    def _trust(self, step: Parts, found: Found) -> Trust:
        if found is None:
            return self._labels.literals
        return self._origin(step, "", found).trust

    def _origin(self, step: Parts, at: str, found: Found, *, below: bool = True) -> Origin:
        """`found` None is a literal; without `below` only a list itself is judged."""
        if found is None:
            return Origin(at, "literal", self._labels.literals)
        if isinstance(found, Malformed):
            return Origin(at, "nowhere", UNTRUSTED)
        parts, item = found.parts, False
        if found.source == "$item":
            source = step.list
            if not isinstance(source, Reference) or source.source == "$item":
                return Origin(at, "nowhere", UNTRUSTED)
            parts, item, found = (*source.parts, ANY, *found.parts), True, source
        path = pointer(parts)
        match found.source:
            case "$input":
                return Origin(at, "input", self._input(parts), path=path, item=item)
            case "$run":
                return Origin(at, "run", TRUSTED, path=path)
            case _:
                output, producer = self._outputs.get(found.step), self._steps.get(found.step)
                if output is None or producer is None or not output.answers:
                    return Origin(at, "nowhere", UNTRUSTED, step=found.step, path=path)
                trust = output.trust(parts, self._labels.literals, below)
                return Origin(at, "step", trust, found.step, producer.tool, path, item)

    def _input(self, parts: tuple[str, ...]) -> Trust:
        inputs = self._labels.inputs
        if not parts:
            return worst(inputs.values())
        return inputs.get(parts[0], UNTRUSTED)

    def _cause(self, origin: Origin) -> Answer | None:
        """The step that only passed on what makes a value untrusted; None where nothing did."""
        output = self._outputs.get(origin.step)
        if origin.trust is TRUSTED or output is None:
            return None
        parts = Reference("$from", origin.path).parts
        bad = [one for one in output.answers.values() if one.trust(parts) is UNTRUSTED]
        for answer in bad:
            path = parts[1:] if answer.looped else parts
            if Emits.UNTRUSTED in emitted(answer.spec.emits, path):
                return None
        return bad[0] if bad else None

    def _tools(self, sources: int) -> tuple[str, ...]:
        return tuple(name for name, bit in self._bits.items() if sources & bit)


@lru_cache(maxsize=1024)
def _provenance(
    untrusted: tuple[str, ...], steered: bool, sensitive: bool, sources: tuple[str, ...]
) -> Provenance:
    return Provenance(untrusted=untrusted, steered=steered, sensitive=sensitive, sources=sources)
