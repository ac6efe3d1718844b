"""Fills `${NAME}` and `${NAME:-default}` in a binding, at the last moment and where it is used.

That is what keeps endpoints and secrets out of locks and histories; `scrub` keeps them out of the
messages that tools' exceptions carry.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from activities.redaction import SHORTEST, Redaction, telling
from lockstep.environment import Binding, Environment
from lockstep.errors import LockstepError

_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Filled:
    """A binding ready for use; `secrets` maps each value that was filled in to its placeholder, and
    those of variables that are called secret.
    """

    endpoint: str
    settings: Mapping[str, JsonValue]
    secrets: Mapping[str, str]

    def scrub(self, text: str, most: int | None = None) -> str:
        """The text, or its beginning, with every filled-in value put back to its placeholder."""
        return self._redaction(text, most)

    @cached_property
    def _redaction(self) -> Redaction:
        return Redaction(self.secrets)


def fill(tool: str, binding: Binding, environ: Mapping[str, str]) -> Filled:
    """A tool's binding with the worker's own values; LS-ENV-004 where one is missing."""
    return fill_at(f"tool `{tool}`", binding, environ)


def fill_at(place: str, binding: Binding, environ: Mapping[str, str]) -> Filled:
    """The same for whatever else stands in a manifest; `place` is how an error names it.

    As in a shell, `:-` also stands in for a value that is set and empty.
    """
    secrets = telling(environ)

    def one(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        value = environ.get(name)
        if not value and default is not None:
            return default
        if value is None:
            raise LockstepError.of(
                "LS-ENV-004",
                place,
                f"placeholder `${{{name}}}` has no value",
                f"set {name} in the worker's environment",
            )
        for shown in (value, value.strip()):
            if len(shown) >= SHORTEST:
                secrets[shown] = f"${{{name}}}"
        return value

    def walk(value: JsonValue) -> JsonValue:
        if isinstance(value, str):
            return _PLACEHOLDER.sub(one, value)
        if isinstance(value, list):
            return [walk(child) for child in value]
        if isinstance(value, dict):
            return {key: walk(child) for key, child in value.items()}
        return value

    settings = {key: walk(value) for key, value in binding.settings.items()}
    return Filled(_PLACEHOLDER.sub(one, binding.endpoint), settings, secrets)


def fillings(environment: Environment, environ: Mapping[str, str]) -> dict[str, str]:
    """The values that the placeholders of a manifest would be filled with, by what stands for them;
    without the short ones, which are no secrets.
    """
    names = {found[1] for found in _PLACEHOLDER.finditer(environment.model_dump_json())}
    return {
        shown: f"${{{name}}}"
        for name in sorted(names)
        for shown in (environ.get(name, ""), environ.get(name, "").strip())
        if len(shown) >= SHORTEST
    }


def unset(environment: Environment, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The variables without which calls in this environment cannot be made; nothing is filled in
    for a tool that is mocked.
    """
    called = [one for one in environment.tools.values() if one.mock is None]
    reached = [environment.mcp[one.mcp.server] for one in called if one.mcp is not None]
    text = "".join(one.model_dump_json() for one in (*called, *reached))
    found = {one[1] for one in _PLACEHOLDER.finditer(text) if one[2] is None}
    return tuple(sorted(name for name in found if name not in environ))
