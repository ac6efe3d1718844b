"""Providers: the one that is built in keeps the laws, the laws can be broken, others are found."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from activities.models.anthropic import Anthropic, _day
from activities.models.conformance import ANSWER, KEY, LAWS, Act, Broken, FarSide, Law
from activities.models.model import Completion, Model, Prompt, Stop
from activities.models.provider import Provider
from activities.models.providers import provider
from activities.propose import no_key, retired
from lockstep.errors import LockstepError
from lockstep.planner import PlannerSettings
from lockstep.usage import Bill, Usage
from tests.effects.asking import script
from worker.standin.server import standin

LAW = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
TEXT = {"text": ANSWER}
ACTS: dict[Act, dict[str, Any]] = {
    Act.ANSWERS: TEXT,
    Act.STOPS_SHORT: {"truncated": ANSWER[:10]},
    Act.REFUSES: {"refusal": "cyber"},
    Act.IS_BUSY: {"error": {"status": 529, "type": "overloaded_error"}},
    Act.KNOWS_NO_SUCH_KEY: {
        "error": {"status": 401, "type": "authentication_error", "message": f"no key {KEY}"}
    },
    Act.IS_MUTE: {**TEXT, "hang": {"seconds": 30}},
    Act.BREAKS_OFF: {**TEXT, "cut": {"after_tokens": 2}},
}


class StandInSide(FarSide):
    """The stand-in model, which speaks Anthropic's API."""

    @asynccontextmanager
    async def playing(self, act: Act) -> AsyncIterator[str]:
        with standin(script(ACTS[act])) as model:
            yield model.base_url


@LAW
async def test_anthropic_keeps_the_laws(law: Law) -> None:
    """Each of them, over its real client."""
    await law(Anthropic(), StandInSide())


class Sloppy(Provider):
    """Answers without asking anybody, whatever happens, and keeps no account."""

    key = "SLOPPY_KEY"
    endpoint = ""

    def model(self, key: str, endpoint: str, timeout: timedelta) -> Model:
        return _Chatter(key)

    def price(self, model: str, usage: Usage) -> tuple[int, str]:
        return 1, ""


class _Chatter(Model):
    def __init__(self, key: str) -> None:
        self._key = key

    async def complete(self, prompt: Prompt, heard: Callable[[Bill], None]) -> Completion:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.6)  # longer than a law waits before it cancels
        return Completion(
            stop=Stop.OK, text=self._key, model="x", stop_reason="", request="", bill=Bill()
        )


@LAW
async def test_each_law_can_be_broken(law: Law) -> None:
    """A provider that does as it likes keeps none of them."""
    with pytest.raises(Broken):
        await law(Sloppy(), StandInSide())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a package with one provider, as pip would leave it on the path."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, source: str, found: str) -> None:
        (tmp_path / f"{found.partition(':')[0]}.py").write_text(source)
        about = tmp_path / f"{name}-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (about / "entry_points.txt").write_text(f"[lockstep.providers]\n{name} = {found}\n")

    return install


def test_an_installed_provider_is_found_by_its_name(installed: Callable[..., None]) -> None:
    """One line in its package says where it is; the engine knows nothing of it."""
    source = "from tests.effects.test_providers import Sloppy as Elsewhere\n"
    installed("elsewhere", source, "lockstep_test_elsewhere:Elsewhere")

    assert "SLOPPY_KEY" == provider("elsewhere").key


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("breaks", "raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("number", "Thing = int", "is not a `Provider` but a `int`"),
        ("nothing", "", "cannot be loaded: AttributeError"),
    ],
)
def test_what_is_no_provider_is_said(
    installed: Callable[..., None], name: str, source: str, said: str
) -> None:
    """An installed package that cannot be used is one clear line."""
    installed(name, source, f"lockstep_test_{name}:Thing")

    with pytest.raises(LockstepError) as raised:
        provider(name)
    assert "LS-MODEL-011" == raised.value.code
    assert said in str(raised.value)


def test_the_built_in_one_stays(installed: Callable[..., None]) -> None:
    """Nobody takes its place by taking its name: keys would go elsewhere."""
    installed("anthropic", "Thing = int", "lockstep_test_thief:Thing")

    assert type(provider("anthropic")) is Anthropic


def test_an_unknown_provider_is_told_from_those_there_are() -> None:
    """With the names that can be used."""
    with pytest.raises(LockstepError) as raised:
        provider("antropic")
    assert "`anthropic`" in str(raised.value)


def test_every_day_of_the_sdks_table_can_be_read() -> None:
    """Retired models are a finding for as long as the SDK that is pinned says so in these words."""
    from anthropic.resources.messages.messages import DEPRECATED_MODELS

    assert DEPRECATED_MODELS, version("anthropic")
    assert all(_day(told) > date(2024, 1, 1) for told in DEPRECATED_MODELS.values())


def test_a_retired_model_is_a_finding_from_its_day_on() -> None:
    """Also where it is only to be asked after another has refused."""
    settings = PlannerSettings(model="claude-sonnet-5-5", fallbacks=("claude-opus-4-0",))
    day = Anthropic().retires("claude-opus-4-0")
    assert day == date(2026, 6, 15)

    assert retired(Anthropic(), settings.models, day - timedelta(days=1)) is None
    found = retired(Anthropic(), settings.models, day)
    assert found is not None
    assert ("LS-MODEL-010", "model `claude-opus-4-0` was retired on 2026-06-15") == (
        found.code,
        found.problem,
    )


def test_the_key_that_is_missing_is_the_providers() -> None:
    """Whoever plans elsewhere reads the name of that provider's variable."""
    assert "SLOPPY_KEY is not set" in no_key(Sloppy()).problem


def test_far_sides_are_for_authors_to_write() -> None:
    """The contract has one act for each way in which a provider may answer."""
    assert set(ACTS) == set(Act)
    assert isinstance(StandInSide().playing(Act.ANSWERS), AbstractAsyncContextManager)
