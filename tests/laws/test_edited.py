"""What a human rewrote is theirs, and what they left is not: in whatever spelling it was left."""

from contextlib import suppress
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue, field_validator

from lockstep.provenance import Provenance
from lockstep.tool import tool
from policies.lineage.edited import Args, rewritten

Json = dict[str, JsonValue]


class Part(BaseModel):
    text: str = ""
    level: int = 0


class Letter(BaseModel):
    to: Any = None
    copies: int = 0
    amount: float = 0
    body: list[Part] = []
    part: Part = Part()
    by: dict[str, bool] = {}
    names: list[str] = []
    note: str = ""

    @field_validator("names")
    @classmethod
    def _sorted(cls, value: list[str]) -> list[str]:
        return sorted(one.lower() for one in value)

    @field_validator("note")
    @classmethod
    def _plain(cls, value: str) -> str:
        if "<" in value:
            raise ValueError("wanted no markup")
        return value


@tool("Send", effect="write")
def send(request: Letter) -> Part:
    return Part()


def accepted(args: Args) -> Args:
    """As the tool's model writes what is changed or given; the rest of it is not looked at."""
    seen = send.accept(dict(args))[1]
    return {name: seen[name] for name in args}


def left(told: Provenance, old: Args, new: Args) -> tuple[str, ...]:
    """What is still untrusted of a call that a human rewrote, with both spellings of each side
    where there are two.
    """
    was = [old]
    with suppress(ValueError):
        was.append(accepted(old))
    return rewritten(told, was, (new, accepted(new)), send.spec.input).untrusted


def test_a_human_answers_for_what_they_changed_and_no_more() -> None:
    """An argument that was left as it was is what it was; what is private stays so."""
    before = Provenance(
        untrusted=("/to", "/body/0/text"), steered=True, sensitive=True, sources=("ReadMail",)
    )
    args: dict[str, JsonValue] = {"to": "eve", "body": [{"text": "hi"}], "copies": 1}

    assert before.untrusted == left(before, args, args | {"copies": 2})
    assert ("/body/0/text",) == left(before, args, args | {"to": "ann"})
    assert () == left(before, args, {"to": "ann", "body": []})
    assert () == left(before, {}, args)
    changed = rewritten(before, (args,), ({"to": "ann"},), send.spec.input)
    assert Provenance(steered=True, sensitive=True, sources=("ReadMail",)) == changed


@pytest.mark.parametrize(
    ("untrusted", "old", "new", "still"),
    [
        ("/to/to", {"to": "eve", "as": "a"}, {"to": "eve", "as": "b"}, True),
        ("/to/to", {"to": "eve", "as": "a"}, {"to": "ann", "as": "a"}, False),
        ("/to", ["eve", "bob"], ["eve"], True),
        ("/to", ["eve", "bob"], ["ann", {"deep": "bob"}], True),
        ("/to/1", ["ann", "eve"], ["eve", "ann"], True),
        ("/to", ["eve"], ["ann"], False),
        ("/to", [1], [True], False),
        ("/to", [1], [1.0, 2], True),
        ("/to", [], [], True),
    ],
)
def test_what_an_edit_left_is_nobody_elses_for_standing_elsewhere(
    untrusted: str, old: JsonValue, new: JsonValue, still: bool
) -> None:
    """A part of an argument, or an item of a list, is as it was if it is still there."""
    known = Provenance(untrusted=(untrusted,))

    assert ((untrusted,) if still else ()) == left(known, {"to": old}, {"to": new})


def test_the_keys_of_a_map_are_words_and_the_names_of_fields_are_not() -> None:
    """Whoever turns `eve: true` into `eve: false` has not written `eve`; and nobody has to leave
    out a field to have rewritten it.
    """
    by, part = Provenance(untrusted=("/by",)), Provenance(untrusted=("/part",))

    assert ("/by",) == left(by, {"by": {"eve": True}}, {"by": {"eve": False}})
    assert () == left(by, {"by": {"eve": True}}, {"by": {"ann": False}})
    written: Json = {"part": {"text": "hi", "level": 1}}
    assert () == left(part, written, {"part": {"text": "ho", "level": 2}})
    assert ("/part",) == left(part, written, {"part": {"text": "hi", "level": 2}})


def test_what_the_tool_s_model_refuses_takes_no_label_from_what_is_left() -> None:
    """A stranger can have the model refuse one argument, so that a human is asked: what they then
    leave as it was is no less the stranger's for being written otherwise by the model.
    """
    told = Provenance(untrusted=("/amount", "/names", "/note"))
    old: Json = {"amount": 500, "names": ["EVE"], "note": "<b>"}

    assert ("/amount", "/names") == left(told, old, old | {"note": "fine"})
    assert () == left(told, old, {"amount": 5, "names": ["ann"], "note": "fine"})


def test_a_default_that_the_model_filled_in_is_nobody_s_words() -> None:
    """Beside what was rewritten it stands as before; the place is rewritten all the same."""
    told = Provenance(untrusted=("/body/0/text",))

    assert () == left(told, {"body": [{"text": "hi"}]}, {"body": [{"text": "ho"}]})
    assert () == left(told, {"body": [{"text": "hi"}]}, {"body": [{"text": "ho", "level": 0}]})


@pytest.mark.parametrize("given", [["EVE"], ["eve"], ["Ann", "EVE"], ["zoe", "eve"]])
def test_an_item_is_found_wherever_the_model_put_it(given: list[JsonValue]) -> None:
    """A model may sort a list, or write it in lower case: then all of it may be what it was."""
    told = Provenance(untrusted=("/names/0",))

    assert ("/names/0",) == left(told, {"names": ["EVE", "Ann"]}, {"names": given})
    assert () == left(told, {"names": ["EVE", "Ann"]}, {"names": ["zoe"]})
