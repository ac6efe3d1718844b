"""Is the present still what the lock was made for?

A part that the lock pinned and that is now different, or gone, is drift, named by the part. A part
that is new is none, except in policy and limits: there everything counts.
"""

import difflib
from collections.abc import Iterator, Mapping

from lockstep.finding import Finding
from lockstep.lock import Body
from policies.world import World


def drift(body: Body, world: World) -> tuple[Finding, ...]:
    """What has changed since the lock was made; empty if a run may start."""
    pins = world.pins
    used = {step.tool for step in body.calls}
    signals = {name for tool in used & world.tools.keys() for name in world.tools[tool].signals}
    servers = {
        tool.mcp.server
        for name, tool in world.environment.tools.items()
        if name in used and tool.mcp is not None
    }
    return (
        *_identity(body, world),
        *_changed("policy file", body.pins.policy, pins.policy, "new counts"),
        *_changed(
            f"environment `{body.environment}`",
            {
                part: pin
                for part, pin in body.pins.environment.items()
                if _counts(part, body, used, signals, servers)
            },
            pins.environment,
            "new counts",
            "preflight.",
        ),
        *_members(body, world),
        *_changed(
            "tool",
            {name: pin for name, pin in body.pins.tools.items() if name in used},
            pins.tools,
        ),
    )


def _counts(part: str, body: Body, used: set[str], signals: set[str], servers: set[str]) -> bool:
    """Whether a part of the manifest bears on this plan: other tools and metrics may change."""
    if part.startswith("mcp."):
        return part.split(".")[1] in servers
    if part.startswith(("tools.", "mocks.")):
        return part.partition(".")[2] in used
    if part.startswith("errors."):
        return part.removeprefix("errors.") in signals
    if part.startswith("resources."):
        kind, name = part.removeprefix("resources.").split(".", 1)
        return name in body.resources.get(kind, {})
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
            end = "has changed" if name in present else "is gone"
            yield _finding(f"environment `{body.environment}`: `{part}` {end}")


def _changed(
    what: str,
    locked: Mapping[str, str],
    present: Mapping[str, str],
    new: str = "",
    among: str = "",
) -> Iterator[Finding]:
    for part, pin in sorted(locked.items()):
        if part not in present:
            close = difflib.get_close_matches(part, list(present), 1)
            hint = f" (there is `{close[0]}`)" if close else ""
            yield _finding(f"{what}: `{part}` is gone{hint}")
        elif present[part] != pin:
            yield _finding(f"{what}: `{part}` has changed")
    if new:
        for part in sorted(set(present) - set(locked)):
            if not part.startswith(among):
                continue
            yield _finding(f"{what}: `{part}` is new")


def _finding(problem: str) -> Finding:
    return Finding(
        code="LS-LOCK-002",
        place="lock",
        problem=problem,
        fix="undo the change, or lock the plan again and review it; a worker reads it all at start",
    )
