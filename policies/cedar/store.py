"""What Cedar is told exists: the resources of an environment, and who asks.

Read once for an environment. Who asks is added when they ask, and kept: an agent is one principal.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cedarpy

from lockstep.decision import Principal
from lockstep.environment import Attribute, Environment
from lockstep.errors import LockstepError
from policies.cedar.advice import one_line
from policies.cedar.question import Uid
from policies.cedar.schema import Vocabulary, agent

_PRINCIPALS = 64
"""How many principals' stores are kept; an agent is one, so this is never reached in earnest."""


@dataclass(frozen=True, eq=False)
class Store:
    """`things` are the resources by kind and name: what Cedar calls them, and their attributes."""

    things: Mapping[tuple[str, str], tuple[Uid, Mapping[str, Attribute]]]
    _held: cedarpy.Entities
    _told: dict[tuple[str, str], cedarpy.Entities] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        environment: Environment,
        words: Vocabulary,
        members: list[dict[str, Any]],
        schema: cedarpy.Schema,
    ) -> "Store":
        """`members` are the same as Cedar's JSON; LS-POLICY-001 where it cannot be told of them."""
        try:
            held = cedarpy.Entities.from_json_str(json.dumps(members), schema)
        except ValueError as error:
            raise LockstepError.of(
                "LS-POLICY-001",
                f"environment `{environment.name}`",
                f"Cedar cannot be told of its resources: {one_line(str(error))}",
                "write numbers of at most 64 bits and plain names",
            ) from None
        things = {
            (kind, name): (Uid(words.types[kind], name), attributes)
            for kind, named in environment.resources.items()
            for name, attributes in named.items()
        }
        return cls(things, held)

    def told_of(self, principal: Principal) -> cedarpy.Entities:
        """All of it, and who asks."""
        who = (principal.agent, principal.role)
        found = self._told.get(who)
        if found is None:
            if len(self._told) >= _PRINCIPALS:
                self._told.clear()
            found = self._held.with_added_json_str(json.dumps([agent(principal)]))
            self._told[who] = found
        return found
