"""`lockstep diff` of two policies: their rules by id, and the cases that they answer differently.

Each side is an agent's folder, or a folder of policy files alone: an older copy, another branch's.
Such a one is tried in the world of the agent it lies in, of `--agent`, or of the other side.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from activities.files.cases import CASES
from activities.files.policy import POLICY
from activities.package import MANIFEST, AgentPackage, find_root, load_package
from lockstep.case import Cases
from lockstep.difference import Change
from lockstep.errors import LockstepError
from lockstep.loading import load
from lockstep.shown import shown
from policies.decider import AUTHORIZE
from policies.trials.backtest import Moved, Written, moved, policy_changes
from worker.cli.terminal import counted, emit_json, is_json, out, safe


@dataclass(frozen=True)
class _Side:
    """`agent` is None for policy files that lie in no agent."""

    policy: Path
    agent: Path | None


def diff_policies(old: Path, new: Path, agent: Path | None, cases: Path | None) -> bool:
    """Show what is different; whether nothing is."""
    first, second = _side(old), _side(new)
    here = agent or second.agent or first.agent
    before, after = (_loaded(side, here, agent) for side in (first, second))
    found = policy_changes(_parts(before), _parts(after))
    asked, verdicts = _asked(before, after, cases)
    if is_json():
        emit_json(
            {
                "same": not found and not verdicts,
                "old": str(old),
                "new": str(new),
                "changes": [change.model_dump(mode="json") for change in found],
                "asked": asked,
                "verdicts": [one.model_dump(mode="json") for one in verdicts],
            }
        )
    else:
        _show(old, new, found, asked, verdicts)
    return not found and not verdicts


def _side(folder: Path) -> _Side:
    if (folder / MANIFEST).is_file():
        return _Side(folder / POLICY, folder)
    if (folder / AUTHORIZE).is_file():
        try:
            return _Side(folder, find_root(folder))
        except LockstepError:
            return _Side(folder, None)
    raise LockstepError.of(
        "LS-CLI-001",
        str(folder),
        f"has neither `{MANIFEST}` nor `{AUTHORIZE}`",
        "name an agent's folder, or a folder of policy files",
    )


def _loaded(side: _Side, here: Path | None, named: Path | None) -> AgentPackage:
    root = named or side.agent or here
    if root is None:
        raise LockstepError.of(
            "LS-AGENT-001",
            str(side.policy),
            "lies in no agent, and policy means nothing without tools",
            "name the agent's folder with --agent",
        )
    return load_package(root, side.policy)


def _parts(package: AgentPackage) -> Written:
    return package.texts, package.rules, package.own


def _asked(
    before: AgentPackage, after: AgentPackage, given: Path | None
) -> tuple[int, list[Moved]]:
    """How many cases were asked, and those that are answered differently."""
    path = given or after.root / CASES
    if given is None and not path.exists():
        return 0, []
    cases = load(Cases, path)
    named = [env for _, case in cases.every for env in case.environments]
    shared = [env for env in after.environments if env in before.environments]
    count = sum(env in shared for env in named)
    shared = [env for env in shared if env in named]
    found = [one for env in shared for one in moved(cases, before.world(env), after.world(env))]
    return count, found


def _show(
    old: Path, new: Path, found: tuple[Change, ...], asked: int, verdicts: list[Moved]
) -> None:
    out.print(f"[red]-[/red] {safe(old)}")
    out.print(f"[green]+[/green] {safe(new)}")
    if found:
        out.print("[bold]rules[/bold]")
    for change in found:
        for line in _lines(change):
            colour = {"+": "green", "-": "red"}.get(line.strip()[:1], "")
            text = safe(line)
            out.print(f"  [{colour}]{text}[/{colour}]" if colour else f"  {text}")
    if verdicts:
        out.print("[bold]verdicts[/bold]")
    for one in verdicts:
        out.print(f"  ~ {safe(one.case)}  {safe(one.environment)}  {safe(one.name)}")
        out.print(f"      [red]- {safe(one.old)}[/red]")
        out.print(f"      [green]+ {safe(one.new)}[/green]")
    if asked:
        out.print(f"{counted(asked, 'case')} asked of both, {len(verdicts)} answered differently")
    out.print(counted(len(found), "difference") if found else "the rules are the same")


def _lines(change: Change) -> list[str]:
    part, id, *rest = change.parts
    if part == "files":
        return [f"~ {id}  its code is another"]
    if not rest:
        sign = "+" if change.kind == "added" else "-"
        value = change.new if change.kind == "added" else change.old
        return [f"{sign} {id}  {_rule(value)}"]
    place = "/".join(rest)
    if place == "text" and isinstance(change.old, str) and isinstance(change.new, str):
        diff = difflib.ndiff(change.old.splitlines(), change.new.splitlines())
        return [f"~ {id}", *(f"    {line}" for line in diff if not line.startswith("?"))]
    old, new = (shown({"": value})[1:] for value in (change.old, change.new))
    return [f"~ {id}  {place}  {old} -> {new}"]


def _rule(value: JsonValue) -> str:
    if not isinstance(value, dict):
        return ""
    who = value.get("approvers")
    asks = f", {' or '.join(map(str, who))} may approve" if isinstance(who, list) and who else ""
    return f'{value["effect"]} in {value["file"]}{asks}: "{value["reason"]}"'
