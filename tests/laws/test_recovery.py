"""An environment names its errors and the way out, and says the same at plan time as in a run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from activities.package import load_package
from lockstep.errors import LockstepError
from lockstep.recovery import Recovery
from policies.checks.recovery import contradictions
from policies.locks.drift import drift
from policies.world import World
from tests.laws.port import LIST, Json, copied, frozen, only, with_, world, world_with

LOST: Json = {"resource": "cargo", "recovery": "list the grain instead"}


def with_errors(**errors: Json) -> World:
    return world_with(errors={name: Recovery.model_validate(one) for name, one in errors.items()})


def said(**errors: Json) -> list[tuple[str, str, str]]:
    """What is wrong with an error catalogue: where, what, and what to do."""
    environment = with_errors(**errors).environment
    found = contradictions(environment, world().tools, "test.toml")
    return [(one.place, one.problem, one.fix) for one in found]


def test_a_missing_resource_is_the_error_that_is_declared_for_it() -> None:
    """With its name, where it is missing, and the way out; what was probably meant comes last."""
    here = with_errors(FogTooThick=LOST)
    assert (
        'LS-ENV-003 step `list` /cargo/0: EnvironmentError: FogTooThick("peat"): '
        "not in environment `test`; RecoveryPath: list the grain instead"
    ) == str(only(with_(LIST, args={"cargo": ["peat"]}), here=here))
    assert (
        'LS-ENV-003 step `list` /cargo/0: EnvironmentError: FogTooThick("cole"): '
        "not in environment `test`; RecoveryPath: list the grain instead; did you mean `coal`?"
    ) == str(only(with_(LIST, args={"cargo": ["cole"]}), here=here))


def test_a_hostile_name_is_quoted() -> None:
    """Whatever stands in it, it is one line and one name."""
    here = with_errors(FogTooThick=LOST)
    found = str(only(with_(LIST, args={"cargo": ['x"); y\n\x1b[2J']}), here=here))
    assert 'FogTooThick("x\\"); y\\n\\u001b[2J")' in found
    assert found.isprintable()


def test_an_error_without_a_resource_says_nothing_of_resources() -> None:
    """The present wording stays where nothing is declared."""
    here = with_errors(FogTooThick={"recovery": "wait for the wind"})
    plain = only(with_(LIST, args={"cargo": ["peat"]}))
    assert "cargo `peat` is not in environment `test`" == plain.problem
    assert plain == only(with_(LIST, args={"cargo": ["peat"]}), here=here)


def test_an_error_is_one_that_a_tool_here_declares() -> None:
    """Nobody would ever look up another."""
    assert [] == said(FogTooThick=LOST)
    assert [
        (
            "test.toml/errors/FogToThick",
            "no tool of this environment declares the signal `FogToThick`",
            "did you mean `FogTooThick`?",
        )
    ] == said(FogToThick=LOST)


def test_a_resource_is_of_a_kind_that_a_tool_here_takes() -> None:
    """A slip in the kind would leave the wording as it was, without a word."""
    assert [
        (
            "test.toml/errors/FogTooThick/resource",
            "no tool of this environment takes a `crago`",
            "did you mean `cargo`?",
        )
    ] == said(FogTooThick={**LOST, "resource": "crago"})


def test_only_one_error_is_a_missing_resource() -> None:
    """Which of two it is could not be said."""
    spec = world().tools["WeighCargo"].model_copy(update={"signals": ("ScalesBroken",)})
    here = with_errors(FogTooThick=LOST, ScalesBroken=LOST)
    tools = {**world().tools, "WeighCargo": spec}
    (found,) = contradictions(here.environment, tools, "test.toml")
    assert "test.toml/errors/ScalesBroken/resource" == found.place
    assert "`FogTooThick` is about a missing `cargo` already" == found.problem


def test_a_catalogue_that_contradicts_the_tools_is_refused_at_load(tmp_path: Path) -> None:
    """With all that is wrong in it at once, each with its place."""
    root = copied(tmp_path)
    manifest = root / "environments" / "test.toml"
    text = manifest.read_text()
    for wrong in ("Fog", "Mist"):
        text += f'\n[errors.{wrong}]\nrecovery = "wait"\n'
    manifest.write_text(text)
    with pytest.raises(LockstepError) as caught:
        load_package(root).world("test")
    assert [("LS-AGENT-003", f"{manifest}/errors/{wrong}") for wrong in ("Fog", "Mist")] == [
        (found.code, found.place) for found in caught.value.findings
    ]


@pytest.mark.parametrize("entry", [{}, {"recovery": ""}, {"recovery": "x", "action": "retry"}])
def test_an_entry_says_what_to_do_and_nothing_that_is_not_read(entry: dict[str, Any]) -> None:
    """An action that is written down and never taken would be worse than none."""
    with pytest.raises(ValidationError):
        Recovery.model_validate(entry)


def test_a_changed_way_out_is_drift_for_who_may_need_it() -> None:
    """For a plan whose tools may signal the error, and for no other."""
    lost, found = (Recovery(recovery=text) for text in ("ask ashore", "ask aboard"))

    def here(recovery: Recovery, **signals: tuple[str, ...]) -> World:
        tools = dict(world().tools)
        for name, given in signals.items():
            tools[name] = tools[name].model_copy(update={"signals": given})
        return replace(world_with(errors={"FogTooThick": recovery}), tools=tools)

    body = frozen(LIST, here=here(lost))
    assert () == drift(body, here(lost))
    assert ["environment `test`: `errors.FogTooThick` has changed"] == [
        one.problem for one in drift(body, here(found))
    ]
    silent = here(lost, ListShips=(), WeighCargo=("FogTooThick",))
    other = here(found, ListShips=(), WeighCargo=("FogTooThick",))
    assert () == drift(frozen(LIST, here=silent), other)
