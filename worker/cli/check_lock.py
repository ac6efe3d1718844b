"""`lockstep check LOCK`: would a run of this lock be refused? Answered without a server."""

from dataclasses import dataclass
from pathlib import Path

from activities.package import AgentPackage
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import Lock
from policies.locks.verify import verify
from worker.cli.beside import looking
from worker.cli.options import read_lock
from worker.cli.terminal import counted, emit_json, is_json, out, safe, show_findings
from worker.home import Home


@dataclass(frozen=True)
class Looked:
    """A lock and what speaks against running it; `aside` is what stands beside it and cannot be
    used.
    """

    lock: Lock
    against: tuple[Finding, ...]
    aside: tuple[Finding, ...]


def look_at(path: Path, package: AgentPackage) -> Looked:
    """What its run would find, but for the inputs."""
    lock = read_lock(path)
    look, aside = looking(path, lock, Home.find().values)
    against = verify(lock.body, package.world(lock.body.environment), look)
    return Looked(lock, against, tuple(aside))


def check_lock(path: Path, package: AgentPackage, env: str | None) -> bool:
    """Whether the lock may be run; says why not."""
    looked = look_at(path, package)
    body = looked.lock.body
    if env not in (None, body.environment):
        raise LockstepError.of(
            "LS-CLI-001",
            "--env",
            f"the lock is for `{body.environment}`, and `{env}` was asked for",
            f"leave --env out, or lock the plan for `{env}`",
        )
    told = (*looked.against, *looked.aside)
    if is_json():
        findings = [one.model_dump(mode="json") for one in told]
        emit_json({"passed": not looked.against, "lock": looked.lock.digest, "findings": findings})
        return not looked.against
    show_findings(told, out)
    if looked.against:
        out.print(f"[red]rejected[/red]: {counted(len(looked.against), 'finding')}")
        return False
    steps = counted(len(body.steps), "step")
    out.print(f"[green]passed[/green]: {steps}, nothing has drifted in {safe(body.environment)}")
    return True
