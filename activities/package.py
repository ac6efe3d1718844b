"""Loads an agent package from its folder, and puts together the world of one environment.

The agent's modules are imported under a private name, with the folder itself as the package, so
that `from .detect import …` works and nothing the agent calls its files can shadow a module of ours
or anybody's. The folder never goes on the import path.
"""

import difflib
import hashlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from activities.mocks import load_mocks
from activities.pinned import read_pinned
from lockstep.agent import Agent
from lockstep.catalogue import stocked
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.loading import load, read
from lockstep.tool import Tool
from policies.cedar.decider import CedarDecider
from policies.decider import APPROVALS, AUTHORIZE, PolicyTexts
from policies.flow import unknown
from policies.recovery import contradictions
from policies.rules import Rules
from policies.world import World

MANIFEST = "agent.toml"
RULES = "rules.toml"
_POLICY_SUFFIXES = {".cedar", ".toml", ".json", ".py"}


@dataclass(frozen=True)
class AgentPackage:
    """An agent's folder, read once."""

    root: Path
    agent: Agent
    tools: Mapping[str, Tool]
    texts: PolicyTexts
    rules: Rules

    @property
    def environments(self) -> tuple[str, ...]:
        return tuple(sorted(path.stem for path in self.manifests.glob("*.toml")))

    @property
    def manifests(self) -> Path:
        """The folder of the manifests, and of what is pinned beside them."""
        return self.root / "environments"

    def manifest(self, environment: str) -> Environment:
        """One manifest as it is written, without what its catalogues add; or what is wrong."""
        if environment not in self.environments:
            there = ", ".join(f"`{name}`" for name in self.environments) or "none"
            raise LockstepError.of(
                "LS-ENV-001",
                f"agent `{self.agent.name}`",
                f"environment `{environment}` does not exist",
                f"name one of {there}, or write environments/{environment}.toml",
            )
        path = self.manifests / f"{environment}.toml"
        manifest = load(Environment, path)
        self._agree(manifest, environment, path)
        return manifest

    def world(self, environment: str) -> World:
        """Everything a plan is held against in one environment, or what is wrong with it."""
        written = self.manifest(environment)
        manifest = stocked(written, read_pinned(written, self.manifests))
        path = self.manifests / f"{environment}.toml"
        specs = {name: found.spec for name, found in self.tools.items()}
        found = tuple(contradictions(manifest, specs, str(path)))
        if found:
            raise LockstepError(*found)
        mocks = load_mocks(self.root, manifest, self.tools, str(path))
        decider = CedarDecider.load(self.texts, specs, manifest)
        return World(
            self.agent, manifest, specs, self.texts, self.rules, decider, self.tools, mocks
        )

    def _agree(self, manifest: Environment, name: str, path: Path) -> None:
        if manifest.name != name:
            raise LockstepError.of(
                "LS-AGENT-003",
                str(path),
                f"calls itself `{manifest.name}`",
                f"call it `{name}`, or rename the file",
            )
        for tool in manifest.tools:
            if tool not in self.tools:
                raise LockstepError.of(
                    "LS-AGENT-003",
                    str(path),
                    f"names tool `{tool}`, which tools.py does not have",
                    "add the tool or take it out of the manifest",
                )


def find_root(start: Path) -> Path:
    """The nearest folder with an `agent.toml`, from a file or folder upwards."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / MANIFEST).is_file():
            return folder
    raise LockstepError.of(
        "LS-AGENT-001",
        str(start),
        f"no `{MANIFEST}` here or in a folder above",
        "name the agent's folder with --agent",
    )


def load_package(root: Path) -> AgentPackage:
    """The package in a folder; imports the agent's `tools.py`, so only for agents you trust to
    run.
    """
    root = root.resolve()
    agent = load(Agent, root / MANIFEST)
    policy = root / "policy"
    _read_by_somebody(policy)
    approvals, rules = policy / APPROVALS, policy / RULES
    texts = PolicyTexts(
        authorize=_text(policy / AUTHORIZE),
        approvals=_text(approvals) if _stands(approvals) else "",
    )
    return AgentPackage(
        root=root,
        agent=agent,
        tools=(tools := _tools(root)),
        texts=texts,
        rules=_rules(rules, tools) if _stands(rules) else Rules(),
    )


def _rules(path: Path, tools: Mapping[str, Tool]) -> Rules:
    found = load(Rules, path)
    for rule, name in unknown(found.flow, tools):
        close = difflib.get_close_matches(name, tools, 1)
        raise LockstepError.of(
            "LS-AGENT-003",
            str(path),
            f"rule `{rule}` names tool `{name}`, which tools.py does not have",
            f"did you mean `{close[0]}`?" if close else "name a tool of this agent",
        )
    return found


def _read_by_somebody(policy: Path) -> None:
    """A policy under a name that nobody reads would be a policy that nobody keeps."""
    known = (AUTHORIZE, APPROVALS, RULES)
    for path in sorted(policy.glob("*")):
        if path.suffix in _POLICY_SUFFIXES and path.name not in known:
            close = difflib.get_close_matches(path.name, known, 1)
            raise LockstepError.of(
                "LS-AGENT-003",
                str(path),
                "is a policy that nothing reads",
                f"call it `{close[0]}`" if close else f"use {', '.join(f'`{n}`' for n in known)}",
            )


def _stands(path: Path) -> bool:
    """Whether there is something to read; a link that leads nowhere is to be told, not passed
    over.
    """
    return path.exists() or path.is_symlink()


def _text(path: Path) -> str:
    try:
        return read(path).decode()
    except UnicodeDecodeError:
        raise LockstepError.of(
            "LS-LOAD-002", str(path), "not UTF-8", "save the file as UTF-8"
        ) from None


def _tools(root: Path) -> dict[str, Tool]:
    module = _module(root, "tools")
    found: dict[str, Tool] = {}
    for value in vars(module).values():
        if not isinstance(value, Tool):
            continue
        if found.setdefault(value.name, value) is not value:
            raise LockstepError.of(
                "LS-AGENT-002",
                str(root / "tools.py"),
                f"two tools are called `{value.name}`",
                "rename one",
            )
    return found


def _module(root: Path, name: str) -> ModuleType:
    private = f"_lockstep_agent_{hashlib.sha256(str(root).encode()).hexdigest()[:12]}"
    if private not in sys.modules:
        package = ModuleType(private)
        package.__path__ = [str(root)]
        sys.modules[private] = package
    full, path = f"{private}.{name}", root / f"{name}.py"
    if full in sys.modules:
        return sys.modules[full]
    read(path)
    spec = importlib.util.spec_from_file_location(full, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[full]
        # A module that exits would end whoever loads it, and a check with success.
        if not isinstance(error, Exception | SystemExit):
            raise
        said = " ".join(str(error).split())[:500]
        raise LockstepError.of(
            "LS-AGENT-002",
            str(path),
            f"cannot be imported: {type(error).__name__}: {said}",
            "correct the module, or install what it imports",
        ) from error
    return module
