"""Puts a question about an attempt together again, from what a run recorded of it.

Once for a replay, which asks the policy that was asked then, and for a back-test, which asks the
present one. What the run knew comes from the record; what a tool is comes from the tool as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pydantic import JsonValue

from activities.store import Store, load
from lockstep.decision import AnyGrant, Request
from lockstep.outcome import Dispatch
from lockstep.tool import ToolSpec
from policies.request import arguments, attempted, provenance
from policies.world import World


@dataclass(frozen=True)
class Rebuilt:
    """`written` are the arguments before the tool's model has filled in its defaults."""

    request: Request
    written: dict[str, JsonValue]
    spec: ToolSpec
    _accept: Callable[[dict[str, JsonValue]], dict[str, JsonValue]]

    @property
    def steady(self) -> bool:
        """Whether the tool's model fills in the same again."""
        return self._accept(self.written) == self.request.args


def rebuilt(call: Dispatch, grants: tuple[AnyGrant, ...], store: Store, world: World) -> Rebuilt:
    """The question as it would be put now, with these grants. LockstepError for a value that is
    lost, Unresolved for a reference that leads nowhere, ValueError for arguments that the tool does
    not take.
    """
    spec = world.tools[call.step.tool]
    accept = partial(_accepted, world, call.step.tool)
    written = arguments(call, spec.input, partial(load, store))
    args = accept(written)
    told = provenance(call, args, spec.input, partial(load, store), accept)
    return Rebuilt(attempted(call, spec, args, grants, told), written, spec, accept)


def _accepted(world: World, tool: str, args: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The arguments as the tool would be given them, where its code is at hand."""
    return world.code[tool].accept(args)[1] if tool in world.code else args
