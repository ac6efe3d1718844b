"""An agent's policy folder: what its Cedar files say, the rules of `rules.toml` and of `rules.py`.

Nothing in it goes unread: a file that looks like policy under a name that nobody reads is an error,
because it would be a policy that nobody keeps.
"""

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from activities.files.rules import CODE, load_rules
from lockstep.compose import COMPOSE
from lockstep.errors import LockstepError
from lockstep.loading import load, read
from policies.decider import APPROVALS, AUTHORIZE, SHADOW, PolicyTexts
from policies.graph.coded import OwnRules
from policies.graph.flow import unknown
from policies.graph.rules import Rules

POLICY = "policy"
RULES = "rules.toml"
_SUFFIXES = {".cedar", ".toml", ".json", ".py"}


@dataclass(frozen=True)
class PolicyFolder:
    """One folder, read once."""

    texts: PolicyTexts
    rules: Rules
    own: OwnRules


def read_policy(folder: Path, tools: Collection[str]) -> PolicyFolder:
    """What policy says; `tools` are those of the agent, of which rules may speak."""
    _read_by_somebody(folder)
    rules, code = folder / RULES, folder / CODE
    declared = _rules(rules, tools) if _stands(rules) else Rules()
    texts = PolicyTexts(
        authorize=_text(folder / AUTHORIZE),
        approvals=_optional(folder / APPROVALS),
        shadow=_optional(folder / SHADOW),
    )
    own = load_rules(code, declared) if _stands(code) else OwnRules()
    return PolicyFolder(texts, declared, own)


def _rules(path: Path, tools: Collection[str]) -> Rules:
    found = load(Rules, path)
    known = {*tools, COMPOSE}
    for rule, name in unknown((*found.never_together, *found.at_most, *found.flow), known):
        close = difflib.get_close_matches(name, tools, 1)
        raise LockstepError.of(
            "LS-AGENT-003",
            str(path),
            f"rule `{rule}` names tool `{name}`, which this agent does not have",
            f"did you mean `{close[0]}`?" if close else "name a tool of this agent",
        )
    return found


def _read_by_somebody(folder: Path) -> None:
    known = (AUTHORIZE, APPROVALS, SHADOW, RULES, CODE)
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        if any(part.startswith(".") for part in within.parts):
            # Of an editor, or of another program.
            continue
        if path.suffix.lower() in _SUFFIXES and str(within) not in known:
            close = difflib.get_close_matches(path.name.lower(), known, 1)
            there = f", in `{folder.name}` itself" if len(within.parts) > 1 else ""
            raise LockstepError.of(
                "LS-AGENT-003",
                str(path),
                "is a policy that nothing reads",
                (f"call it `{close[0]}`" if close else f"use {', '.join(f'`{n}`' for n in known)}")
                + there,
            )


def _stands(path: Path) -> bool:
    """Whether there is something to read; a link that leads nowhere is to be told, not passed
    over.
    """
    return path.exists() or path.is_symlink()


def _optional(path: Path) -> str:
    return _text(path) if _stands(path) else ""


def _text(path: Path) -> str:
    try:
        return read(path).decode()
    except UnicodeDecodeError:
        raise LockstepError.of(
            "LS-LOAD-002", str(path), "not UTF-8", "save the file as UTF-8"
        ) from None
