"""Performs a compose step: as a tool's call is performed, but that a model is asked.

Resolving, deciding, the account of attempts, the store and mocks are the same code as a tool's.
What differs is here: whom the call goes to, what its failures mean, and that its output is held to
the step's own schema.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from temporalio.exceptions import ApplicationError

from activities.answer import Answering
from activities.failure import failure
from activities.models.conversation import (
    ComposeRequest,
    Conversation,
    Written,
    misfits,
    prompt_digest,
)
from activities.models.model import Completion, Model, ModelError, Prompt
from activities.models.providers import provider
from activities.placeholders import Filled
from lockstep.compose import REFUSED, ComposeSettings, ComposeSpec, Rates, compose_spec
from lockstep.environment import Binding
from lockstep.finding import Finding
from lockstep.lock import LockedComposeStep
from lockstep.outcome import Completed, Unfit
from lockstep.tool import Tool, ToolSpec
from lockstep.usage import Bill, Usage
from lockstep.value import Value


@dataclass(frozen=True)
class Composer:
    """Who is asked; without a `model` nobody, because of what `unable` says."""

    model: Model | None
    unable: tuple[Finding, ...] = ()


def offered(settings: ComposeSettings) -> ComposeSpec:
    """`Compose` by the settings of one environment, at the prices of today."""
    rates = Rates() if settings.mock is not None else _rates(settings)
    return compose_spec(settings, prompt_digest(), rates)


def _rates(settings: ComposeSettings) -> Rates:
    """A million tokens, which no model sells at less than its dearest rate."""
    seller = provider(settings.provider)
    read, wrote = Usage(cache_write=1_000_000), Usage(output=1_000_000)
    return Rates(
        input=max(seller.price(model, read)[0] for model in settings.models),
        output=max(seller.price(model, wrote)[0] for model in settings.models),
    )


@dataclass(frozen=True)
class Composition(Answering):
    """One call of a compose step that policy has allowed."""

    conversation: Conversation

    @property
    def binding(self) -> Binding:
        settings = self.house.world.environment.compose
        if settings is None:
            return Binding()
        return Binding(mock=settings.mock, faults=settings.faults)

    def _filled(self) -> Filled:
        # The provider's address and key are the composer's own, and reach no step.
        return Filled(endpoint="", settings={}, secrets={})

    def _fitting(self, output: Any, filled: Filled) -> Completed | Unfit:
        wrong = next(misfits(self.conversation.step, output.root), None)
        if wrong is not None:
            problem = f"the mock's output does not fit: {wrong.problem}"
            return self._unfit("LS-STEP-001", problem, "correct the mock")
        found = super()._fitting(output, filled)
        if isinstance(found, Completed):
            return found.model_copy(update={"composed": self.conversation.composed})
        return found

    async def _asked_about(self, error: str) -> Value | None:
        if error != REFUSED:
            return await super()._asked_about(error)
        # Unless somebody provides for it, a human is asked about these very words.
        return await asyncio.to_thread(self.house.kept, self.args)

    def _surprise(self, error: BaseException, filled: Filled) -> ApplicationError:
        if not isinstance(error, ModelError):
            return super()._surprise(error, filled)
        place = f"step `{self.call.label}`"
        finding = error.findings[0].model_copy(update={"place": place})
        return failure(self.attempts, finding, again=error.again, after=error.after)


class NobodyAsked(Model):
    """Stands where no model can be asked, and says why."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    async def complete(self, prompt: Prompt, heard: Callable[[Bill], None]) -> Completion:
        raise ModelError(self._finding, again=False)


_NOBODY = Finding(
    code="LS-MODEL-001",
    place="compose",
    problem="a mock answers here, and no model is asked",
    fix="take `mock` out of `[compose]`, and start the worker again with a key",
)


def compose_tool(spec: ToolSpec, conversation: Conversation) -> Tool:
    """The step as something that can be called."""
    return Tool(spec, conversation.answer, ComposeRequest, Written, takes_call=True)


def conversation_of(step: LockedComposeStep, composer: Composer) -> Conversation:
    """What an attempt at the step says to whom."""
    model = composer.model or NobodyAsked(next(iter(composer.unable), _NOBODY))
    return Conversation(step, model)
