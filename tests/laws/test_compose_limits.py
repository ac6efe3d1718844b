"""What a compose step and its table in a manifest may say, beyond what `test_compose.py` holds."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from pydantic import ValidationError

from activities.package import load_package
from lockstep.compose import MAX_CALLS, ComposeSettings
from lockstep.errors import LockstepError
from lockstep.faults import Faults
from policies.locks.drift import drift
from policies.world import World
from tests.laws.office import CLERK, FILE, READ, SUM, Json, frozen, plan, told, world
from tests.laws.port import refusal


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"inputs": {"text": "word " * 4_000}}, "about 10,0"),
        ({"inputs": {"record": {"a": "x" * 9_000}}, "long": "cut"}, "only texts and lists are cut"),
        ({"inputs": {"a": "x" * 600}, "max_input_tokens": 256}, "and 256 are allowed"),
        ({"inputs": {"text": "word " * 4_000}, "long": "cut"}, ""),
        ({"inputs": {"text": "word", "more": {"$from": "read", "path": "/texts"}}}, ""),
    ],
)
def test_what_a_plan_itself_writes_is_measured_before_the_run(fields: Json, says: str) -> None:
    """A step that could only be refused is refused by day; what references bring is not known."""
    found = [one for one in told(READ, {**SUM, **fields}, FILE) if "LS-PLAN-012" in one]
    assert ([True] if says else []) == [says in one and "/inputs: what the" in one for one in found]


def test_a_blank_instruction_is_none() -> None:
    """Nothing but white space asks for nothing, and would be paid for."""
    for blank in ("", "  ", "\n\t"):
        with pytest.raises(LockstepError, match="LS-LOAD-007 plan/steps/1/instruction"):
            plan(READ, {**SUM, "instruction": blank})


def test_no_model_is_named_that_no_attempt_would_come_to() -> None:
    """An attempt makes so many calls; a fallback beyond them would never be asked."""
    names = tuple(f"model-{n}" for n in range(MAX_CALLS))
    assert MAX_CALLS == len(ComposeSettings(model=names[0], fallbacks=names[1:]).models)
    with pytest.raises(ValidationError):
        ComposeSettings(model="first", fallbacks=names)


def test_where_a_model_is_asked_and_how_its_mock_fails_are_pinned() -> None:
    """Another address is somebody else who reads the inputs; a plan that composes nothing does not
    mind.
    """
    here = world()
    settings = here.environment.compose
    assert settings is not None

    def at(**update: Any) -> World:
        compose = settings.model_copy(update=update)
        return replace(here, environment=here.environment.model_copy(update={"compose": compose}))

    assert "compose" not in here.contents.environment
    moved, rough = at(endpoint="https://other.example"), at(faults=Faults(seed=1, bad_output=1))
    for before, now in ((here, moved), (moved, here), (moved, at(endpoint="x")), (here, rough)):
        assert [] != list(drift(frozen(here=before), now))
        assert [] == list(drift(frozen(READ, here=before), now))
    assert [] == list(drift(frozen(here=moved), moved))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("[compose.faults]\nseed = 1\nsignals = { ComposeInvald = 1 }", "ComposeInvalid"),
        ("[compose.faults]\nseed = 1\nbad_output = 1", "is the signal `ComposeInvalid`"),
        (
            '[compose.faults]\nseed = 1\nlatency = { least = "1s", most = "5m" }',
            "no attempt at `Compose` may take so long",
        ),
    ],
)
def test_faults_of_composing_are_those_it_can_have(tmp_path: Path, lines: str, says: str) -> None:
    """Its own signals, in less time than an attempt may take, and only where a mock answers."""
    for environment, expected in (("sandbox", says), ("test", "a model is really asked")):
        root = tmp_path / environment
        copytree(CLERK, root)
        manifest = root / "environments" / f"{environment}.toml"
        manifest.write_text(f"{manifest.read_text()}\n{lines}\n")
        found = refusal(partial(load_package(root).world, environment))
        assert "LS-AGENT-003" == found.code
        assert expected in str(found)
        assert found.place.startswith(f"{manifest}/compose/faults")
