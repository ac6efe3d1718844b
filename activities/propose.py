"""Asks a model for a plan, and gives back what it said with what it cost.

Expected answers are returned, also those that are no plan: they were billed, and a failure that is
retried leaves no trace of its bill. Raised is only what the same question may yet overcome, or what
nobody but an operator can. Attempts hand their bills on in heartbeats, so that an attempt whose
worker died is counted too.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

from pydantic import ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.contract.planner import Ask, Brief, Goal, Planner, Reply
from activities.models.model import Completion, Model, ModelError, Prompt, Stop
from activities.models.prompt import Prompting
from activities.models.provider import Provider
from activities.store import Store
from lockstep.agent import ANYONE
from lockstep.amount import Amount
from lockstep.canonical import Digest, canonical
from lockstep.draft import SCHEMA, compact
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.unfolding import MAX_DRAFT_BYTES, unfold
from lockstep.usage import Bill, Usage
from policies.world import World

MAX_ROOM = 2
"""How much longer than usual an answer may get after one was cut off."""
MAX_KEPT = 4096
"""Characters of an answer that is too long to be looked at."""
_BYTES_A_TOKEN = 2
"""Fewer than any tokenizer packs into a token of English and JSON, so that what is reserved is
enough.
"""


class ModelPlanner(Planner):
    """Plans in one world by the models of one provider; `model` is None where no key is set. What
    was told is kept in `store` under the digest that goes on record.
    """

    def __init__(self, world: World, provider: Provider, model: Model | None, store: Store) -> None:
        self._world = world
        self._provider = provider
        self._model = model
        self._store = store
        self._prompting = Prompting(world)

    @activity.defn(name="lockstep.brief")
    async def brief(self, goal: Goal) -> Brief:
        world, settings = self._world, self._world.agent.planner
        wrong = _elsewhere(goal, world)
        if wrong is None and self._model is None:
            wrong = no_key(self._provider)
        if wrong is None:
            wrong = retired(self._provider, settings.models, datetime.now(UTC).date())
        if wrong is not None:
            return Brief(findings=(wrong,))
        everyone = {one for people in world.agent.approvers.values() for one in people}
        return Brief(
            models=settings.models,
            replans=settings.replans,
            limit=settings.limit,
            reserve=self._most(goal),
            timeout=settings.timeout,
            roles=tuple(sorted(world.agent.approvers)),
            # Whoever asked may also give the plan by hand, which goes through the same check.
            approvers=(ANYONE,) if ANYONE in everyone else tuple(sorted({*everyone, goal.by})),
            asking=world.agent.asking,
        )

    @activity.defn(name="lockstep.propose")
    async def propose(self, ask: Ask) -> Reply:
        account = _Account(activity.info().heartbeat_details)
        if self._model is None:
            raise _failure(ModelError(no_key(self._provider), again=False), account.total)
        settings = self._world.agent.planner
        info = activity.info()
        briefing = self._prompting.about(ask.goal.goal, ask.rejected, ask.goal.course)
        prompt = Prompt(
            model=ask.model or settings.model,
            effort=settings.effort,
            system=briefing.system,
            turns=briefing.turns,
            schema=SCHEMA,
            max_tokens=settings.max_tokens * min(ask.room, MAX_ROOM),
            label=f"{info.workflow_id}/{info.activity_id}/{info.attempt}"[-200:],
        )
        # Counted before anything is sent: a worker that dies now may have spent it.
        account.heard(Bill(calls=1, unknown=1))
        try:
            answered = await self._model.complete(prompt, account.heard)
        except asyncio.CancelledError:
            why = activity.cancellation_details()
            if why is None or not why.cancel_requested:
                # The worker goes; another one asks again, and knows of this from the heartbeats.
                raise
            return self._cut_short(ask, briefing.digest, account.total)
        except ModelError as error:
            account.closed(error.bill)
            raise _failure(error, account.total, info.attempt) from None
        account.closed(answered.bill)
        # For whoever reads the lock later; the answer, which was paid for, does not depend on it.
        with suppress(LockstepError):
            await asyncio.to_thread(self._store.put, canonical(briefing.told))
        return self._reply(ask, answered, briefing.digest, account.total)

    def _cut_short(self, ask: Ask, prompt: Digest, bill: Bill) -> Reply:
        return Reply(
            status="cancelled",
            text="",
            model=ask.model or self._world.agent.planner.model,
            stop_reason="",
            request="",
            prompt=prompt,
            bill=bill,
        )

    def _reply(self, ask: Ask, answered: Completion, prompt: Digest, bill: Bill) -> Reply:
        # JSON can write half a character that nothing else can.
        text = answered.text.encode(errors="replace").decode()
        said: dict[str, Any] = {
            "text": text if len(text.encode()) <= MAX_DRAFT_BYTES else f"{text[:MAX_KEPT]}…",
            "model": answered.model,
            "stop_reason": answered.stop_reason,
            "request": answered.request,
            "prompt": prompt,
            "bill": bill,
        }
        match answered.stop:
            case Stop.REFUSED:
                why = f" ({answered.category})" if answered.category else ""
                found = _finding(
                    "LS-MODEL-007",
                    f"model `{answered.model}`",
                    f"refused to plan this{why}",
                    "say the goal in other words, or give a plan written by hand",
                )
                return Reply(status="refused", findings=(found,), **said)
            case Stop.TRUNCATED:
                found = _finding(
                    "LS-MODEL-008",
                    "answer",
                    f"was cut off after {answered.bill.usage.output:,} tokens "
                    f"({answered.stop_reason})",
                    "plan with fewer steps and shorter reasons",
                )
                return Reply(status="truncated", findings=(found,), **said)
            case Stop.OK:
                try:
                    plan, gaps = unfold(text, ask.goal.goal)
                except LockstepError as error:
                    return Reply(status="invalid", findings=error.findings, **said)
                return Reply(status="ok", plan=plan, gaps=gaps, **said)

    def _most(self, goal: Goal) -> Amount:
        """What one call may cost at most: the prompt, a rejected answer in it, and the longest
        answer, all at the dearest rate.
        """
        settings = self._world.agent.planner
        told = self._prompting.about(goal.goal, course=goal.course)
        said = (*told.system, *(turn.text for turn in told.turns), compact(SCHEMA))
        size = sum(len(part.encode()) for part in said)
        answer = settings.max_tokens * MAX_ROOM
        usage = Usage(cache_write=size // _BYTES_A_TOKEN + answer, output=answer)
        return Amount(
            tokens=usage.tokens,
            microdollars=max(self._provider.price(model, usage)[0] for model in settings.models),
        )


class _Account:
    """The bills of all attempts at one question, handed from each attempt to the next."""

    def __init__(self, details: Sequence[Any]) -> None:
        self._before = _earlier(details)
        self._now: Bill | None = None

    @property
    def total(self) -> Bill:
        return self._before + (self._now or Bill())

    def heard(self, bill: Bill) -> None:
        """The bill of this attempt as far as it is known. Until it is closed there may be more."""
        self._now = bill.model_copy(update={"calls": 1, "unknown": 1})
        self._beat()

    def closed(self, bill: Bill) -> None:
        self._before, self._now = self._before + bill, None
        self._beat()

    def _beat(self) -> None:
        activity.heartbeat(self.total.model_dump(mode="json"))


def _earlier(details: Sequence[Any]) -> Bill:
    try:
        return Bill.model_validate(details[0])
    except (IndexError, ValidationError):
        return Bill()


def _failure(error: ModelError, bill: Bill, attempt: int = 1) -> ApplicationError:
    spent = error.retries is not None and attempt > error.retries
    return ApplicationError(
        str(error),
        bill.model_dump(mode="json"),
        type=error.code,
        non_retryable=spent or not error.again,
        next_retry_delay=error.after,
    )


def _elsewhere(goal: Goal, world: World) -> Finding | None:
    for what, asked, here in (
        ("agent", goal.agent, world.agent.name),
        ("environment", goal.environment, world.environment.name),
    ):
        if asked != here:
            return _finding(
                "LS-SRV-005",
                "worker",
                f"serves {what} `{here}`, and was asked about `{asked}`",
                f"start a worker for `{asked}`",
            )
    return None


def no_key(provider: Provider) -> Finding:
    """What somebody reads who asks for a plan and has no key."""
    return _finding(
        "LS-MODEL-001",
        "planner",
        f"no key for the model: {provider.key} is not set",
        "set it and start again; `run LOCK`, `check`, `lock`, `replay` and `demo` need none",
    )


def retired(
    provider: Provider,
    models: Iterable[str],
    today: date,
    place: str = "planner",
    settings: str = "`[planner]` in agent.toml",
) -> Finding | None:
    """What somebody reads whose model is not answered for any more: before it costs a question."""
    for model in models:
        day = provider.retires(model)
        if day is not None and day <= today:
            return _finding(
                "LS-MODEL-010",
                place,
                f"model `{model}` was retired on {day}",
                f"name a current one under {settings}",
            )
    return None


def _finding(code: str, place: str, problem: str, fix: str) -> Finding:
    return Finding(code=code, place=place, problem=problem, fix=fix)
