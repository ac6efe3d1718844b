"""Is the present still what the lock was made for?

A part that the lock pinned and that is now different, or gone, is drift, named by the part. A part
that is new is none, except in policy and preflight: there everything counts. Where what the part
was has been kept, the finding says what of it is different; that it is drift does not depend on
that.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.canonical import Digest, digest_bytes
from lockstep.compose import COMPOSE
from lockstep.contents import Look, nothing
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import parse_json
from lockstep.lock import Body
from policies.locks.differing import fields, policy_text, rule_table
from policies.world import World

Tell = Callable[[str, bytes, JsonValue], list[str]]
"""What a part was and what it is, in words; raises for bytes that cannot be read."""


def drift(body: Body, world: World, look: Look = nothing) -> tuple[Finding, ...]:
    """What has changed since the lock was made; empty if a run may start. `look` finds what was
    pinned then, as far as somebody kept it.
    """
    pins, contents = world.pins, world.contents
    used = {step.tool for step in body.calls}
    signals = {name for tool in used & world.tools.keys() for name in world.tools[tool].signals}
    servers = {
        tool.mcp.server
        for name, tool in world.environment.tools.items()
        if name in used and tool.mcp is not None
    }
    policy = _Section("policy file", pins.policy, contents.policy, _policy, look)
    manifest = _Section(
        f"environment `{body.environment}`",
        pins.environment,
        contents.environment,
        _fields,
        look,
    )
    tools = _Section("tool", pins.tools, contents.tools, _fields, look)
    counting = {
        part: pin
        for part, pin in body.pins.environment.items()
        if _counts(part, body, used, signals, servers)
    }
    return (
        *_identity(body, world),
        *policy.changed(body.pins.policy),
        *policy.added(body.pins.policy),
        *manifest.changed(counting),
        *manifest.added(
            body.pins.environment,
            lambda part: (
                not part.startswith(_MAY_COME) and _counts(part, body, used, signals, servers)
            ),
        ),
        *_members(body, world),
        *tools.changed({name: pin for name, pin in body.pins.tools.items() if name in used}),
    )


_MAY_COME = ("catalogues.", "errors.", "resources.")
"""What may be added to a manifest without a plan noticing: what the lock says of these is held
against the present in full.
"""


def _counts(part: str, body: Body, used: set[str], signals: set[str], servers: set[str]) -> bool:
    """Whether a part of the manifest bears on this plan: other tools and metrics may change."""
    if part.startswith("mcp."):
        return part.split(".")[1] in servers
    if part.startswith(("tools.", "mocks.")):
        return part.partition(".")[2] in used
    if part == "compose":
        return COMPOSE in used
    if part.startswith("errors."):
        return part.removeprefix("errors.") in signals
    if part.startswith("resources."):
        kind, dot, name = part.removeprefix("resources.").partition(".")
        return not dot or name in body.resources.get(kind, {})
    return True


def _identity(body: Body, world: World) -> Iterator[Finding]:
    for what, locked, present in (
        ("agent", body.agent, world.agent.name),
        ("environment", body.environment, world.environment.name),
    ):
        if locked != present:
            yield _finding(f"is for {what} `{locked}`, and this is `{present}`")


def _members(body: Body, world: World) -> Iterator[Finding]:
    """A member of a pinned catalogue has no digest of its own: the lock says in full what it was,
    and the manifest may by now say otherwise of it.
    """
    for kind, members in body.resources.items():
        if f"catalogues.{kind}" not in body.pins.environment:
            continue
        present = world.environment.resources.get(kind, {})
        for name, attributes in sorted(members.items()):
            part = f"resources.{kind}.{name}"
            if part in body.pins.environment or present.get(name) == attributes:
                continue
            what = f"environment `{body.environment}`: `{part}`"
            if name not in present:
                yield _finding(f"{what} is gone")
                continue
            # The lock itself holds what the member was.
            yield from (
                _finding(f"{what}: {told}") for told in fields({**attributes}, {**present[name]})
            )


@dataclass(frozen=True)
class _Section:
    """One kind of pinned parts as it is now: its digests, its contents, and how one speaks of
    them.
    """

    what: str
    pins: Mapping[str, Digest]
    contents: Mapping[str, JsonValue]
    tell: Tell
    look: Look

    def changed(self, locked: Mapping[str, Digest]) -> Iterator[Finding]:
        for part, pin in sorted(locked.items()):
            if part not in self.pins:
                close = difflib.get_close_matches(part, list(self.pins), 1)
                hint = f" (there is `{close[0]}`)" if close else ""
                yield _finding(f"{self.what}: `{part}` is gone{hint}")
            elif self.pins[part] != pin:
                told = [f": {one}" for one in self._told(part, pin)] or [" has changed"]
                yield from (_finding(f"{self.what}: `{part}`{one}") for one in told)

    def added(
        self, locked: Mapping[str, Digest], counts: Callable[[str], bool] = lambda _: True
    ) -> Iterator[Finding]:
        for part in sorted(filter(counts, self.pins.keys() - locked.keys())):
            yield _finding(f"{self.what}: `{part}` is new")

    def _told(self, part: str, pin: Digest) -> list[str]:
        """What is different, in words; nothing where that cannot be said."""
        then = self.look(pin)
        # What somebody put in its place is nothing.
        if then is None or digest_bytes(then) != pin:
            return []
        try:
            return self.tell(part, then, self.contents[part])
        except (LockstepError, UnicodeDecodeError):
            return []


def _policy(part: str, then: bytes, now: JsonValue) -> list[str]:
    if isinstance(now, list):
        return policy_text(part, then.decode(), "".join(map(str, now)))
    return rule_table(parse_json(then, part, canonical=True), now)


def _fields(part: str, then: bytes, now: JsonValue) -> list[str]:
    return fields(parse_json(then, part, canonical=True), now)


def _finding(problem: str) -> Finding:
    return Finding(
        code="LS-LOCK-002",
        place="lock",
        problem=problem,
        fix="undo the change, or lock the plan again and review it; a worker reads it all at start",
    )
