"""Finds a provider by its name: the one that is built in, or one that is installed.

What an entry point names is code of whoever installed it, and runs in the worker's process; so it
is loaded only where an agent's settings name it, and it cannot take the place of the built-in one.
"""

from importlib.metadata import EntryPoint, entry_points

from activities.models.anthropic import Anthropic
from activities.models.provider import Provider
from lockstep.errors import LockstepError

GROUP = "lockstep.providers"
BUILT_IN: dict[str, type[Provider]] = {"anthropic": Anthropic}


def provider(name: str) -> Provider:
    """LS-MODEL-011 where there is none of that name, or it cannot be used."""
    built_in = BUILT_IN.get(name)
    if built_in is not None:
        return built_in()
    installed = entry_points(group=GROUP)
    if name not in installed.names:
        known = ", ".join(f"`{one}`" for one in sorted({*BUILT_IN, *installed.names}))
        raise _unusable(name, f"is not among those installed: {known}", "install it, or name one")
    return _loaded(name, installed[name])


def _loaded(name: str, point: EntryPoint) -> Provider:
    try:
        made = point.load()()
    except Exception as error:  # whatever an installed package does when it is loaded
        problem = f"`{point.value}` cannot be loaded: {type(error).__name__}: {error}"
        raise _unusable(name, problem, "mend or update that package") from None
    if not isinstance(made, Provider):
        problem = f"`{point.value}` is not a `Provider` but a `{type(made).__name__}`"
        raise _unusable(name, problem, "mend or update that package")
    return made


def _unusable(name: str, problem: str, fix: str) -> LockstepError:
    return LockstepError.of("LS-MODEL-011", f"provider `{name}`", problem, fix)
