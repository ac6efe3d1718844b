"""The question that is put to policy about arguments which a human has written."""

from pydantic import JsonValue

from activities.contract.validator import Change
from lockstep.decision import Request
from policies.lineage.edited import rewritten
from policies.request import real
from policies.world import World


def edit_of(change: Change, args: dict[str, JsonValue], world: World) -> Request:
    """About a call as a human wants it. What is large is not at hand here and counts as rewritten:
    the call itself is decided on once more, with all of it.
    """
    body, step = change.body, change.question.step
    spec, shown = body.steps[step].spec(world.tools), change.question.args.preview
    before = shown if isinstance(shown, dict) else {}
    return real(
        world.principal_of(change.started_by, change.trigger),
        spec,
        environment=body.environment,
        stage=body.stage,
        step=step,
        provenance=rewritten(body.steps[step].provenance, (before,), (args,), spec.input),
        args=args,
    )
