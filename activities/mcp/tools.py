"""The tools of MCP servers, as tools like any other.

What they are checked by is what was pinned; how harmful they are is what the manifest says. A call
first asks the server what it says of the tool today, in the same conversation. Where that differs
in a word from what was pinned, nothing is called: a tool that is described anew after it was
reviewed is another tool, whatever it is called.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, JsonValue, RootModel, field_validator

from activities.calling import ActivityCall, Troubled
from activities.failure import first
from activities.mcp.answer import output
from activities.mcp.wire import Broken, Reach, unanswered
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.mcp import McpBinding, McpServer, ServerName
from lockstep.pinned_tools import PinnedTool, PinnedTools, refusals, spec_of
from lockstep.schema import Schema, fields
from lockstep.told_otherwise import told_otherwise
from lockstep.tool import Idempotency, Tool
from policies.checks.arguments import check_value, unusable
from policies.checks.misfit import did_you_mean

if TYPE_CHECKING:
    from activities.mcp.session import Conversation

ROOM = 4 * 1024 * 1024
"""Bytes that a server may send besides outputs: its greeting, its list of tools, its progress."""
TIMES = 4
"""How much longer an output may be on the wire than when it is kept: a server sends it twice, as
text and as data, and text within text is escaped."""
MAX_FINDINGS = 20
_PATIENCE = 3
"""How often its tools may have changed while they were looked at."""


def require_sdk() -> None:
    """LS-MCP-001 where the SDK is not installed; it is loaded only by who talks to a server."""
    if find_spec("mcp") is None:
        raise LockstepError.of(
            "LS-MCP-001",
            "mcp",
            "the environment has MCP servers, and the package that talks to them is missing",
            "install `lockstep-agents[mcp]` where workers run and where you pin",
        )


def mcp_tools(
    manifest: Environment,
    pinned: Mapping[ServerName, PinnedTools],
    own: Mapping[str, Tool],
    place: str,
) -> dict[str, Tool]:
    """The tools that a manifest takes from its servers; `own` are those of `tools.py`."""
    bindings = {name: one.mcp for name, one in manifest.tools.items() if one.mcp is not None}
    known = {name: pinned[one.server].by_name for name, one in bindings.items()}
    findings = [
        found
        for name, binding in bindings.items()
        for found in _contradictions(name, binding, known[name], own, f"{place}/tools/{name}")
    ]
    if findings:
        raise LockstepError(*findings[:MAX_FINDINGS])
    most = ROOM + TIMES * manifest.limits.output_bytes
    return {
        name: _Foreign(
            name, binding, known[name][binding.tool or name], manifest.mcp[binding.server], most
        ).tool
        for name, binding in bindings.items()
    }


def reach(
    server: ServerName,
    settings: Mapping[str, Any],
    url: str,
    *,
    folder: Path,
    start: float,
    most: int,
    scrub: Callable[[str, int], str],
) -> Reach:
    """The way to a server, from its table with every placeholder filled in."""
    return Reach(
        server=server,
        command=tuple(settings.get("command", ())),
        env=settings.get("env", {}),
        url=url,
        headers=settings.get("headers", {}),
        folder=folder,
        start=start,
        most=most,
        scrub=scrub,
    )


def _contradictions(
    name: str,
    binding: McpBinding,
    known: Mapping[str, PinnedTool],
    own: Mapping[str, Tool],
    place: str,
) -> Iterator[Finding]:
    if name in own:
        yield Finding(
            code="LS-AGENT-003",
            place=place,
            problem=f"`{name}` is a tool of tools.py and one of an MCP server",
            fix="call one of them otherwise",
        )
    wanted = binding.tool or name
    if wanted not in known:
        yield Finding(
            code="LS-MCP-002",
            place=f"{place}/mcp",
            problem=f"server `{binding.server}` has no tool `{wanted}` that is pinned",
            fix=did_you_mean(wanted, list(known)) or "pin again, or name a tool that it has",
        )
        return
    found = [*refusals(binding, known[wanted], f"{place}/mcp")]
    yield from found
    if found:
        return
    try:
        spec_of(name, binding, known[wanted])
    except ValueError as error:
        yield Finding(
            code="LS-MCP-002",
            place=f"{place}/mcp",
            problem=first(error),
            fix="label what the pinned output has",
        )
    for schema in (known[wanted].input, known[wanted].output):
        reason = unusable(schema) if schema is not None else ""
        if reason:
            yield Finding(
                code="LS-MCP-002",
                place=f"{place}/mcp",
                problem=f"a schema of `{wanted}` cannot be used: {reason}",
                fix="use another tool",
            )


@dataclass(frozen=True)
class _Foreign:
    """One tool of one server, as it was pinned."""

    name: str
    binding: McpBinding
    pinned: PinnedTool
    server: McpServer
    most: int

    @property
    def tool(self) -> Tool:
        spec = spec_of(self.name, self.binding, self.pinned)

        async def call(request: "RootModel[dict[str, JsonValue]]", call: ActivityCall) -> BaseModel:
            # Not held to its schema here: that is done for every tool alike, and told alike.
            return given.model_construct(await self.call(request.root, call))

        taken = _model(f"{self.name}Input", spec.input, _defaults(spec.input))
        given = _model(f"{self.name}Output", spec.output, {})
        return Tool(spec, call, taken, given, takes_call=True)

    async def call(self, args: dict[str, JsonValue], call: ActivityCall) -> dict[str, JsonValue]:
        """The output; Signal or Troubled where there is none."""
        require_sdk()
        from activities.mcp.session import Answered, talk  # noqa: PLC0415 – loading takes a second

        way = reach(
            self.binding.server,
            call.settings,
            call.endpoint,
            folder=call.folder,
            start=self.server.start.total_seconds(),
            most=self.most,
            scrub=call.scrub,
        )
        made = False

        def progress(done: float, total: float | None) -> None:
            call.heartbeat({"done": done, "total": total})

        async def work(conversation: "Conversation") -> dict[str, Any]:
            nonlocal made
            await self._compare(conversation, made=False)
            made = True
            said = await conversation.call(self.pinned.name, args, progress)
            if conversation.has_news():
                await self._compare(conversation, made=True)
            return said

        try:
            said = await talk(way, work)
        except Broken as broken:
            too_much = made and broken.too_much
            found = self._told("LS-STEP-002" if too_much else "LS-MCP-004", broken.problem)
            raise Troubled(found, made=made, again=not too_much) from None
        except Answered as answered:
            # Of a call that must not be made twice, a server's word that it was not made is a
            # stranger's: it stays unknown, and a human is asked.
            final = made and answered.final and self.binding.kind is not Idempotency.NONE
            found = self._told("LS-STEP-004" if made else "LS-MCP-004", answered.problem)
            raise Troubled(found, made=made, again=not final) from None
        return output(said, self.binding, self.pinned, way.quoted)

    async def _compare(self, conversation: "Conversation", *, made: bool) -> None:
        """Troubled unless the server says of the tool what was pinned, and stays with it."""
        for _ in range(_PATIENCE):
            named = [
                one for one in await conversation.tools() if one.get("name") == self.pinned.name
            ]
            changed = told_otherwise(self.pinned, named)
            if changed:
                break
            if not conversation.has_news():
                return
        else:
            changed = ["its server does not stop changing its tools"]
        when = "changed while it was called: " if made else ""
        found = (self._drifted(when + change) for change in changed)
        raise Troubled(*found, made=made, again=False)

    def _told(self, code: str, problem: str) -> Finding:
        found = unanswered(self.binding.server, problem)
        return found.model_copy(update={"code": code, "problem": f"{found.place}: {problem}"})

    def _drifted(self, problem: str) -> Finding:
        place = f"mcp server `{self.binding.server}`"
        return Finding(
            code="LS-MCP-005",
            place=place,
            problem=f"{place}, tool `{self.pinned.name}`: {problem}",
            fix="find out why; to accept it, pin again, review the change and lock the plan anew",
        )


def _model(
    name: str, schema: Schema, defaults: Mapping[str, JsonValue]
) -> "type[RootModel[dict[str, JsonValue]]]":
    """A model of any object that fits a schema, with what the schema says of itself filled in."""

    class Fitting(RootModel[dict[str, JsonValue]]):
        @field_validator("root", mode="before")
        @classmethod
        def _filled(cls, value: Any) -> Any:
            return {**defaults, **value} if isinstance(value, dict) else value

        @field_validator("root")
        @classmethod
        def _fits(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
            for found in check_value("", schema, value, "LS-STEP-001"):
                raise ValueError(f"{found.place} {found.problem}".strip())
            return value

    Fitting.__name__ = Fitting.__qualname__ = name
    return Fitting


def _defaults(schema: Schema) -> dict[str, JsonValue]:
    """What a server would assume of an argument that is left out, as far as it says so and means
    it: policy is to judge what the tool will really be given.
    """
    found = {
        name: declared["default"]
        for name, declared in fields(schema).items()
        if isinstance(declared, dict) and declared.get("default") is not None
    }
    alone = {**schema, "required": []}
    return {
        name: value
        for name, value in found.items()
        if not any(check_value("", alone, {name: value}, "LS-MCP-002"))
    }
