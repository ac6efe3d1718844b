"""Labels: the worst counts, and of a field the nearest pointer speaks."""

import pytest
from pydantic import BaseModel, ValidationError

from lockstep.tool import ToolSpec, tool
from lockstep.trust import Emits, Trust, emitted, worst

UNTRUSTED, INHERITED, TRUSTED = Emits.UNTRUSTED, Emits.INHERITED, Emits.TRUSTED
MAIL = {"": TRUSTED, "/mails/*/body": UNTRUSTED, "/mails/*/body/size": TRUSTED, "/note": INHERITED}


class Nothing(BaseModel):
    pass


def spec(**labels: object) -> ToolSpec:
    declare = tool("Look", effect="read", **labels)  # type: ignore[arg-type]

    def look(request: Nothing) -> Nothing:
        """Look."""
        return request

    return declare(look).spec


def test_the_worst_counts() -> None:
    """One untrusted part is enough; nothing at all is trusted."""
    assert Trust.TRUSTED is worst([]) is worst([Trust.TRUSTED])
    assert Trust.UNTRUSTED is worst([Trust.TRUSTED, Trust.UNTRUSTED])


@pytest.mark.parametrize(
    ("path", "labels"),
    [
        (("count",), {TRUSTED}),
        (("note",), {INHERITED}),
        (("note", "first"), {INHERITED}),
        (("mails", "3", "from"), {TRUSTED}),
        (("mails", "3", "body"), {UNTRUSTED, TRUSTED}),
        (("mails", "3", "body", "text"), {UNTRUSTED}),
        (("mails", "3", "body", "size"), {TRUSTED}),
        (("mails", "3"), {TRUSTED, UNTRUSTED}),
        (("mails", "*", "from"), {TRUSTED}),
        ((), {TRUSTED, UNTRUSTED, INHERITED}),
    ],
)
def test_a_field_is_labelled_by_the_nearest_pointer(path: tuple[str, ...], labels: object) -> None:
    """The longest that leads to it or above it, and all those below it."""
    assert labels == emitted(MAIL, path)


def test_how_many_there_are_is_not_what_they_say() -> None:
    """The list may be believed though what stands in it may not."""
    assert {TRUSTED} == emitted(MAIL, ("mails",), below=False)


def test_what_no_pointer_covers_is_untrusted() -> None:
    """Whoever forgets a field has not vouched for it."""
    assert {UNTRUSTED} == emitted({"/count": TRUSTED}, ("text",))
    assert {UNTRUSTED, TRUSTED} == emitted({"/count": TRUSTED}, ())


def test_an_unknown_place_is_all_that_it_can_be() -> None:
    """Of an item whose index nobody knows yet, every label counts that may be its own."""
    assert {UNTRUSTED, TRUSTED} == emitted({"/0": TRUSTED}, ("*",))


def test_a_tool_that_says_nothing_is_believed_in_nothing() -> None:
    """And a tool without labels has the digest that it always had."""
    plain = spec()
    assert (UNTRUSTED, False, False) == (plain.emits, plain.sensitive, plain.acts_outward)
    assert not {"emits", "sensitive", "outward"} & plain.model_dump(mode="json").keys()
    assert plain.digest != spec(emits="trusted").digest
    assert spec(outward=True).acts_outward


@pytest.mark.parametrize("effect", ["write", "destructive"])
def test_all_but_a_read_acts_outward(effect: str) -> None:
    """Unless its author says that it stays within our walls."""
    asked = spec().model_dump() | {"effect": effect}
    assert ToolSpec.model_validate(asked).acts_outward
    assert not ToolSpec.model_validate(asked | {"outward": False}).acts_outward


def test_what_is_private_is_not_made_public_by_its_own_tool() -> None:
    """A tool gives something private, or makes it fit for anyone; not both."""
    with pytest.raises(ValidationError, match="not both"):
        spec(sensitive=True, declassifies=True)


class Item(BaseModel):
    text: str


class Found(BaseModel):
    items: list[Item]
    notes: dict[str, Item]
    count: int


@pytest.mark.parametrize("field", ["", "/items", "/items/*/text", "/items/0/text", "/notes/*/text"])
def test_a_label_stands_on_a_field_that_there_is(field: str) -> None:
    """Also within lists and maps."""
    assert {field: TRUSTED} == found({field: "trusted"}).emits


@pytest.mark.parametrize("field", ["/itms", "/items/*/txt", "/count/*", "/*/text/size"])
def test_a_label_on_no_field_is_refused(field: str) -> None:
    """A misspelt doubt would leave the field believed."""
    with pytest.raises(ValidationError, match="which its output does not have"):
        found({"": "trusted", field: "untrusted"})


def found(emits: dict[str, str]) -> ToolSpec:
    @tool("Find", effect="read", emits=emits)
    def find(request: Nothing) -> Found:
        """Find."""
        return Found(items=[], notes={}, count=0)

    return find.spec
