"""A tool says all about itself in its declaration, and is refused where it does not."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    computed_field,
    field_serializer,
)

from lockstep import Call, Effect, Idempotency, Record, Signal, Tool, tool
from lockstep.amount import Amount
from tests.laws.port import ROOT, package


class Order(Record):
    """What is wanted."""

    tons: int = 1


class Done(Record):
    """What was done."""

    tons: int


def declared(function: Any, **options: Any) -> Tool:
    return tool("Move", **({"effect": "read"} | options))(function)


def plain(request: Order) -> Done:
    """Move it."""
    return Done(tons=request.tons)


async def with_call(request: Order, call: Call) -> Done:
    """Move it.

    Slowly.
    """
    return Done(tons=request.tons)


def test_a_tool_is_declared_by_its_function() -> None:
    """Name, first lines, schemas, and whether it wants the call and the event loop."""
    one, other = declared(plain), declared(with_call)
    assert ("Move", "Move it.", False, False) == (
        one.name,
        one.spec.description,
        one.takes_call,
        one.is_async,
    )
    assert ("Move it.\n\nSlowly.", True, True) == (
        other.spec.description,
        other.takes_call,
        other.is_async,
    )
    assert Order.model_json_schema() == one.spec.input
    assert Done.model_json_schema(mode="serialization") == one.spec.output
    assert Done(tons=3) == one(Order(tons=3))


def nothing() -> Done: ...  # type: ignore[empty-body]
def untyped(request) -> Done: ...  # type: ignore[no-untyped-def, empty-body]
def returns_nothing(request: Order) -> None: ...
def unsaid(request: Order): ...  # type: ignore[no-untyped-def]
def takes_text(request: str) -> Done: ...  # type: ignore[empty-body]
def gives_text(request: Order) -> str: ...  # type: ignore[empty-body]
def maybe(request: Order | None) -> Done: ...  # type: ignore[empty-body]
def listed(request: Order) -> list[Done]: ...  # type: ignore[empty-body]
def two(request: Order, other: Order) -> Done: ...  # type: ignore[empty-body]
def three(request: Order, call: Call, other: int) -> Done: ...  # type: ignore[empty-body]
def call_first(call: Call, request: Order) -> Done: ...  # type: ignore[empty-body]
def named_only(*, request: Order) -> Done: ...  # type: ignore[empty-body]
def any_number(*request: Order) -> Done: ...  # type: ignore[empty-body]
def by_name(**request: Order) -> Done: ...  # type: ignore[empty-body]
def call_by_name(request: Order, *, call: Call) -> Done: ...  # type: ignore[empty-body]


@pytest.mark.parametrize(
    "function",
    [
        nothing, untyped, returns_nothing, unsaid, takes_text, gives_text, maybe, listed, two,
        three, call_first, named_only, any_number, by_name, call_by_name,
    ],
)  # fmt: skip
def test_a_function_of_another_shape_is_refused(function: Any) -> None:
    """Said when it is declared, with what was wanted and what was found, not when it is called."""
    with pytest.raises(TypeError) as caught:
        declared(function)
    assert "tool `Move`: wanted `(request: Model) -> Model`" in str(caught.value)
    assert "found `(" in str(caught.value)


@pytest.mark.parametrize(
    ("effect", "idempotency", "attempts"),
    [
        ("read", None, 3),
        ("write", None, 1),
        ("destructive", None, 1),
        ("write", "keyed", 3),
        ("write", "natural", 3),
        ("read", "none", 1),
    ],
)
def test_what_is_not_idempotent_gets_one_attempt(
    effect: str, idempotency: str | None, attempts: int
) -> None:
    """A read is idempotent by nature; anything else is taken for not until it says so."""
    spec = declared(plain, effect=effect, idempotency=idempotency).spec
    assert (Effect(effect), attempts) == (spec.effect, spec.attempts)
    if idempotency is None:
        natural = effect == "read"
        assert (Idempotency.NATURAL if natural else Idempotency.NONE) is spec.idempotency


def test_what_is_not_idempotent_cannot_ask_for_more() -> None:
    """The error says which two ways there are."""
    with pytest.raises(TypeError, match="gets one attempt, not 3; make it keyed or leave"):
        declared(plain, effect="write", attempts=3)
    assert 1 == declared(plain, effect="write", attempts=1).spec.attempts
    assert 5 == declared(plain, effect="write", idempotency="keyed", attempts=5).spec.attempts


def test_only_a_declared_signal_can_say_that_nothing_was_done() -> None:
    """And only that lets a call that is not idempotent be made again unasked."""
    with pytest.raises(ValueError, match="`no_effect` names `Fog`, which `signals` does not"):
        declared(plain, effect="write", signals=("Ice",), no_effect=("Fog",))
    once = declared(plain, effect="write", signals=("Fog", "Ice"), no_effect=("Fog",)).spec
    assert (True, False) == (once.may_repeat("Fog"), once.may_repeat("Ice"))
    for options in ({"effect": "read"}, {"effect": "destructive", "idempotency": "natural"}):
        assert declared(plain, signals=("Ice",), **options).spec.may_repeat("Ice")
    silent = declared(plain, signals=("Ice",)).spec
    assert "no_effect" not in silent.model_dump(mode="json")


@pytest.mark.parametrize(
    "options",
    [
        {"effect": "reads"},
        {"idempotency": "maybe"},
        {"attempts": 0},
        {"attempts": 21},
        {"timeout": timedelta()},
        {"heartbeat": timedelta(seconds=-1)},
        {"timeout": timedelta(microseconds=1)},
        {"timeout": timedelta(days=99_999)},
        {"signals": ("lower",)},
        {"signals": ("Not One",)},
        {"tokens": -1},
    ],
    ids=repr,
)
def test_a_declaration_is_held_to_what_can_be_kept(options: dict[str, Any]) -> None:
    """Lengths that a lock can say, attempts that end, signals that are names."""
    with pytest.raises(ValueError, match=r"\w"):
        declared(plain, **options)


@pytest.mark.parametrize("name", ["", "9Lives", "has space", "has-dash", "a" * 64, "x/y", "ü"])
def test_a_tools_name_is_one_that_can_be_called(name: str) -> None:
    """It is an activity's type, a Cedar action and a key of the manifest."""
    with pytest.raises(ValidationError):
        tool(name, effect="read")(plain)


def test_a_cost_counts_the_call_itself() -> None:
    """One call, and what it may spend besides."""
    spec = declared(plain, tokens=5, microdollars=7).spec
    assert Amount(calls=1, tokens=5, microdollars=7) == spec.cost


def test_a_signal_carries_its_name_and_its_data() -> None:
    """It is an answer, not an accident."""
    signal = Signal("FogTooThick", "200 m", metres=200)
    assert ("FogTooThick", "200 m", {"metres": 200}) == (signal.name, signal.detail, signal.data)
    assert "FogTooThick(200 m)" == str(signal)


def test_the_digest_of_a_declaration_is_of_what_it_says() -> None:
    """The same words give the same digest; each other word another."""
    first = declared(plain).spec.digest
    assert first == declared(plain).spec.digest
    others: list[dict[str, Any]] = [
        {"effect": "write"}, {"timeout": timedelta(seconds=1)}, {"heartbeat": timedelta(seconds=1)},
        {"attempts": 2}, {"signals": ("Fog",)}, {"tokens": 1},
    ]  # fmt: skip
    digests = {first, *(declared(plain, **options).spec.digest for options in others)}
    assert 1 + len(others) == len(digests)
    assert first != declared(with_call).spec.digest


def test_the_digest_does_not_depend_on_the_process() -> None:
    """Another process with another hash seed computes the same: locks outlive workers."""
    code = (
        "from tests.laws.port import package\n"
        "print(*sorted(t.spec.digest for t in package().tools.values()))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(one.spec.digest for one in package().tools.values()) == said.stdout.split()


class Tags(BaseModel):
    tags: frozenset[str] = frozenset({"a", "b", "c", "d", "e"})


def test_a_set_as_a_default_is_written_in_one_order() -> None:
    """A set has none of its own, and Python's differs from process to process."""

    def tagged(request: Bare) -> Tags:
        return Tags()

    assert list("abcde") == declared(tagged).spec.output["properties"]["tags"]["default"]  # type: ignore[index, call-overload]


class Bare(BaseModel):
    pass


class Aliased(BaseModel):
    valve: str = Field("main", validation_alias="valveName")


class Excluding(BaseModel):
    valve: str = Field("main", exclude=True)


class Named(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    valve: str = Field("main", alias="valveName")


# mypy's plugin wants aliases that it can read, and these are what we refuse.
class Chosen(BaseModel):
    valve: str = Field(  # type: ignore[pydantic-alias]
        "main", validation_alias=AliasChoices("valve", "v"), serialization_alias="valve"
    )


class Pulled(BaseModel):
    rest: list[str]
    valve: str = Field(  # type: ignore[pydantic-alias]
        "main", validation_alias=AliasPath("rest", 0), serialization_alias="valve"
    )


class Deep(BaseModel):
    later: "list[Named] | None" = None


class Computed(BaseModel):
    valve: str

    @computed_field
    def loud(self) -> str:
        return self.valve.upper()


class Disguising(BaseModel):
    valve: str

    @field_serializer("valve")
    def harmless(self, valve: str) -> str:
        return "spare"


def taking(model: type[BaseModel]) -> Any:
    def take(request: Any) -> Any:
        return Bare()

    take.__annotations__ = {"request": model, "return": Bare}
    return take


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Tags, "a set"),
        (Aliased, "names"),
        (Computed, "names"),
        (Excluding, "names"),
        (Named, "`valve` or `valveName`"),
        (Chosen, "`valve` or `v`"),
        (Pulled, "`rest/0`"),
        (Deep, "`valve` or `valveName`"),
    ],
)
def test_arguments_that_policy_cannot_be_shown_are_refused(
    model: type[BaseModel], said: str
) -> None:
    """What a function gets must be what can be written down, under one name: no hidden names, no
    second ones by which an argument would slip past a rule, no sets.
    """
    with pytest.raises(TypeError, match=said):
        declared(taking(model))


def test_a_value_that_the_model_disguises_is_not_accepted() -> None:
    """Policy would be asked about one valve, and the function be given another."""
    with pytest.raises(ValueError, match="hides or changes"):
        declared(taking(Disguising)).accept({"valve": "engine"})
