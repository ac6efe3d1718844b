"""Loads an agent package from its folder, and puts together the world of one environment."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from activities.compose import offered
from activities.files.code import tools_of
from activities.files.declared import read_declared
from activities.files.manifests import declared_names, is_base, read_manifest
from activities.files.mocks import load_mocks
from activities.files.pinned import read_pinned, read_tools
from activities.files.policy import POLICY, read_policy
from activities.injection import unfit
from activities.mcp.tools import mcp_tools
from lockstep.agent import Agent
from lockstep.catalogue import stocked
from lockstep.compose import BUILT_IN, COMPOSE
from lockstep.environment import Binding, Environment
from lockstep.errors import LockstepError
from lockstep.extension import Extended, unnamed
from lockstep.finding import Finding
from lockstep.loading import load, shaped
from lockstep.tool import Effect, Tool
from policies.cedar.decider import CedarDecider
from policies.checks.preflight import impossible
from policies.checks.recovery import contradictions
from policies.decider import PolicyTexts
from policies.graph.coded import OwnRules
from policies.graph.rules import Rules
from policies.world import World

MANIFEST = "agent.toml"


@dataclass(frozen=True)
class AgentPackage:
    """An agent's folder, read once."""

    root: Path
    agent: Agent
    tools: Mapping[str, Tool]
    texts: PolicyTexts
    rules: Rules
    own: OwnRules = field(default_factory=OwnRules)

    @property
    def environments(self) -> tuple[str, ...]:
        paths = (path for path in self.manifests.glob("*.toml") if not is_base(path))
        return tuple(sorted(path.stem for path in paths))

    @property
    def manifests(self) -> Path:
        """The folder of the manifests, and of what is pinned beside them."""
        return self.root / "environments"

    def manifest(self, environment: str) -> Environment:
        """One manifest as it is written, with what it inherits and without what its catalogues
        add; or what is wrong.
        """
        return self.written(environment)[0]

    def written(self, environment: str) -> tuple[Environment, Extended]:
        """The same, and in which file each of its values stands."""
        known = self.environments
        if environment not in known:
            there = ", ".join(f"`{name}`" for name in known) or "none"
            raise LockstepError.of(
                "LS-ENV-001",
                f"agent `{self.agent.name}`",
                f"environment `{environment}` does not exist",
                f"name one of {there}, or write environments/{environment}.toml",
            )
        path = self.manifests / f"{environment}.toml"
        extended = read_manifest(path)
        with _placed(extended):
            manifest = shaped(Environment, extended.document, str(path))
            self._agree(manifest, extended, path)
        return manifest, extended

    def world(self, environment: str) -> World:
        """Everything a plan is held against in one environment, or what is wrong with it."""
        written, extended = self.written(environment)
        manifest = stocked(written, read_pinned(written, self.manifests))
        path = self.manifests / f"{environment}.toml"
        servers = read_tools(written, self.manifests)
        code = {
            **self.tools,
            **self._declared(manifest, path),
            **mcp_tools(written, servers, self.tools, str(path)),
        }
        specs = {name: found.spec for name, found in code.items()}
        if manifest.compose is not None:
            specs[COMPOSE] = offered(manifest.compose)
        elif any(f'"{COMPOSE}"' in text for text in self.texts.files().values()):
            # Policy speaks of it, and may be the same in an environment where nothing composes.
            specs[COMPOSE] = BUILT_IN
        with _placed(extended):
            found = (
                *contradictions(manifest, specs, str(path)),
                *impossible(manifest, specs, str(path)),
            )
            if found:
                raise LockstepError(*found)
            mocks = load_mocks(self.root, manifest, code, str(path))
            found = tuple(unfit(manifest, code, mocks, str(path)))
            if found:
                raise LockstepError(*found)
        decider = CedarDecider.load(self.texts, specs, manifest)
        return World(
            self.agent,
            manifest,
            specs,
            self.texts,
            self.rules,
            decider,
            code,
            mocks,
            servers,
            self.own,
        )

    def _declared(self, manifest: Environment, path: Path) -> dict[str, Tool]:
        """The tools that this manifest declares, and those that another of the agent's declares:
        policy is written once for all environments, and speaks of both.

        A manifest that cannot be read declares nothing here; that is told where it is used.
        """
        found = read_declared(self.root, manifest.tools, str(path))
        for name in self.environments:
            elsewhere: dict[str, Tool] = {}
            if name != manifest.name:
                with suppress(LockstepError):
                    elsewhere = self._declared_in(self.manifests / f"{name}.toml")
            for tool, other in elsewhere.items():
                if tool not in self.tools and found.setdefault(tool, other).spec != other.spec:
                    raise LockstepError.of(
                        "LS-AGENT-003",
                        f"{path}/tools/{tool}",
                        f"environment `{name}` declares `{tool}` otherwise",
                        "declare it once, in a base that both extend",
                    )
        return found

    def _declared_in(self, path: Path) -> dict[str, Tool]:
        tables = read_manifest(path).document.get("tools")
        bindings = {
            name: shaped(Binding, table, str(path))
            for name, table in (tables.items() if isinstance(tables, dict) else ())
            if isinstance(table, dict) and {"declared", "declared_file"} & table.keys()
        }
        return read_declared(self.root, bindings, str(path))

    def _agree(self, manifest: Environment, extended: Extended, path: Path) -> None:
        if manifest.name != path.stem:
            raise LockstepError.of(
                "LS-AGENT-003",
                str(path),
                f"calls itself `{manifest.name}`",
                f"call it `{path.stem}`, or rename the file",
            )
        if COMPOSE in manifest.tools:
            raise LockstepError.of(
                "LS-AGENT-003",
                f"{path}/tools/{COMPOSE}",
                f"a tool is called `{COMPOSE}`, which is the name of what composes",
                "rename it, or write `[compose]` if a model is to compose here",
            )
        declared = read_declared(self.root, manifest.tools, str(path))
        for tool, binding in manifest.tools.items():
            if (tool in self.tools or binding.mcp is not None) == (tool in declared):
                twice = tool in declared
                raise LockstepError.of(
                    "LS-AGENT-003",
                    f"{path}/tools/{tool}",
                    f"declares tool `{tool}`, which tools.py has"
                    if twice
                    else f"names tool `{tool}`, which tools.py does not have",
                    "take `declared` out, or rename one of the two"
                    if twice
                    else "add the tool, declare it, or take it out of the manifest",
                )
        known = {name: found.spec.effect for name, found in {**self.tools, **declared}.items()}
        known |= {name: one.mcp.effect for name, one in manifest.tools.items() if one.mcp}
        changing = [name for name in manifest.tools if known[name] is not Effect.READ]
        unseen = unnamed(extended, changing)
        if unseen:
            raise LockstepError(*(_unseen(manifest, path, name) for name in unseen))


def _unseen(manifest: Environment, path: Path, tool: str) -> Finding:
    return Finding(
        code="LS-ENV-008",
        place=f"{path}/tools/{tool}",
        problem=f"`{tool}` changes something, and `{manifest.name}` inherits it without naming it",
        fix=f'write `[tools.{tool}]` into {path.name}, or `without = ["/tools/{tool}"]`',
    )


@contextmanager
def _placed(extended: Extended) -> Iterator[None]:
    """What is wrong is told with the file that it stands in, which may be one that is extended."""
    try:
        yield
    except LockstepError as error:
        raise LockstepError(*map(extended.placed, error.findings)) from None


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


def load_package(root: Path, policy: Path | None = None) -> AgentPackage:
    """The package in a folder; imports the agent's `tools.py`, so only for agents you trust to
    run. `policy` is another folder to take its policy from.
    """
    root = root.resolve()
    agent = load(Agent, root / MANIFEST)
    tools = tools_of(root)
    known = {*tools, *declared_names(root / "environments")}
    found = read_policy(policy or root / POLICY, known)
    return AgentPackage(
        root=root,
        agent=agent,
        tools=tools,
        texts=found.texts,
        rules=found.rules,
        own=found.own,
    )
