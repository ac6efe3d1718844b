"""Standing grants as files: kept from a run's history, listed, taken back.

The history of the run says who gave what; the file beside the lock is what counts. Between the two
stand a commit and a review, as for the lock.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from temporalio.client import Client

from activities.files.standing import FOLDER, SUFFIX, grant_files
from activities.package import AgentPackage
from lockstep.asked import GrantGiven
from lockstep.canonical import Digest
from lockstep.decision import Rule, StandingGrant
from lockstep.errors import LockstepError
from lockstep.loading import load
from lockstep.lock import Lock
from lockstep.standing import StandingGrants
from policies.cedar.rules import read
from policies.decider import APPROVALS
from policies.standing import fault
from worker.cli.beside import stem
from worker.cli.terminal import write_file
from worker.records.history import events_of, fetch
from worker.runs import lock_of

_SHORT = 12


def short(grant: StandingGrant) -> str:
    """What a grant is called on the command line."""
    return grant.digest.removeprefix("sha256:")[:_SHORT]


@dataclass(frozen=True)
class Kept:
    """One grant and the file that it is kept in; `fault` says why it counts for nothing."""

    path: Path
    grant: StandingGrant
    fault: str | None


async def standing_in(client: Client, run: str, package: AgentPackage) -> list[StandingGrant]:
    """The standing grants that were given in a run of this agent's, by its history."""
    history = await fetch(client, run)
    lock = lock_of(history)
    if lock is None or lock.body.agent != package.agent.name:
        raise LockstepError.of(
            "LS-LOCK-004",
            f"run `{run}`",
            f"is no run of agent `{package.agent.name}`",
            "name the agent's folder with --agent",
        )
    events = await events_of(history)
    return [
        grant
        for event in events
        if isinstance(event.what, GrantGiven)
        for grant in event.what.grants
    ]


def kept(package: AgentPackage, now: datetime) -> list[Kept]:
    """All standing grants of an agent, with what is wrong with each; LS-LOAD for a file that cannot
    be read.
    """
    rules = {one.rule.id: one.rule for one in read(APPROVALS, package.texts.approvals)[0]}
    locks = _locks(package)
    return [
        Kept(path, grant, _fault(package, grant, locks, rules, now))
        for path in grant_files(package.root)
        for grant in load(StandingGrants, path).grants
    ]


def keep(package: AgentPackage, grants: Iterable[StandingGrant], now: datetime) -> list[Path]:
    """Write grants down beside their locks, without what has expired; the files that changed."""
    files: dict[Path, set[StandingGrant]] = {}
    names = {lock.digest: stem(path) for path, lock in _locks(package).items()}
    for grant in grants:
        name = names.get(grant.lock, grant.lock.removeprefix("sha256:")[:_SHORT])
        files.setdefault(package.root / FOLDER / f"{name}{SUFFIX}", set()).add(grant)
    return [path for path, new in files.items() if _write(path, _there(path) | new, now)]


def revoke(package: AgentPackage, names: list[str], expired: bool, now: datetime) -> list[Kept]:
    """Take grants out of their files, by name or because they have expired; those taken out."""
    all_ = kept(package, now)
    gone = [
        one
        for one in all_
        if short(one.grant) in names or (expired and one.grant.expires_at <= now)
    ]
    strangers = set(names) - {short(one.grant) for one in gone}
    if strangers:
        known = ", ".join(f"`{short(one.grant)}`" for one in all_[:12]) or "none"
        raise LockstepError.of(
            "LS-ASK-008",
            f"agent `{package.agent.name}`",
            f"has no standing grant `{min(strangers)[:40]}`; there is {known}",
            "see `lockstep grants list`",
        )
    for path in {one.path for one in gone}:
        taken = {one.grant for one in gone if one.path == path}
        _write(path, _there(path) - taken, now)
    return gone


def _fault(
    package: AgentPackage,
    grant: StandingGrant,
    locks: dict[Path, Lock],
    rules: dict[str, Rule],
    now: datetime,
) -> str | None:
    lock = next((one for one in locks.values() if one.digest == grant.lock), None)
    if lock is None:
        return "its lock is not here; a schedule may still run it"
    policy: Digest = package.world(lock.body.environment).decider.policy
    return fault(grant, rules.get(grant.rule), package.agent, policy, now)


def _locks(package: AgentPackage) -> dict[Path, Lock]:
    """The agent's lock files, as far as they can be read."""
    found = {}
    for path in sorted((package.root / FOLDER).glob("*.lock.json")):
        try:
            found[path] = load(Lock, path)
        except LockstepError:
            continue
    return found


def _there(path: Path) -> set[StandingGrant]:
    return set(load(StandingGrants, path).grants) if path.exists() else set()


def _write(path: Path, grants: set[StandingGrant], now: datetime) -> bool:
    """Whether the file had to be written; one without grants is taken away."""
    live = {grant for grant in grants if grant.expires_at > now}
    if live == _there(path):
        return False
    if live:
        text = json.dumps(StandingGrants.of(live).model_dump(mode="json"), indent=2)
        write_file(path, text + "\n")
    else:
        path.unlink()
    return True
