"""What has another shape than was declared is told in the words of JSON."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from lockstep.errors import LockstepError
from lockstep.loading import shaped
from lockstep.record import Record


class Inner(Record):
    name: str


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Cat(Record):
    kind: Literal["cat"]


class Dog(Record):
    kind: Literal["dog"]


class Shape(Record):
    word: str = ""
    count: int = 0
    share: float = 0.0
    on: bool = False
    many: tuple[str, ...] = ()
    by_name: dict[str, int] = {}
    inner: Inner | None = None
    one_of: Literal["a", "b"] = "a"
    size: Size = Size.SMALL
    small: Literal[Size.SMALL] = Size.SMALL
    yes: Literal[True] = True
    each_once: frozenset[str] = frozenset()
    pet: Annotated[Cat | Dog | None, Field(discriminator="kind")] = None
    few: Annotated[tuple[int, ...], Field(max_length=1)] = ()
    short: Annotated[str, Field(min_length=2, max_length=3)] = "abc"
    positive: Annotated[int, Field(gt=0, le=9)] = 1


def said(value: Any) -> str:
    with pytest.raises(LockstepError) as caught:
        shaped(Shape, value, "doc")
    (found,) = caught.value.findings
    assert ("LS-LOAD-007", "correct the value") == (found.code, found.fix)
    return f"{found.place}: {found.problem}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([], "doc: wanted an object, found a list"),
        (None, "doc: wanted an object, found null"),
        ({"word": 3}, "doc/word: wanted a string, found a whole number"),
        ({"word": {1}}, "doc/word: wanted a string, found something else"),
        ({"count": "many"}, "doc/count: wanted a whole number, found a string"),
        ({"count": 1.5}, "doc/count: wanted a whole number, found a number"),
        ({"count": None}, "doc/count: wanted a whole number, found null"),
        ({"share": "half"}, "doc/share: wanted a number, found a string"),
        ({"share": {}}, "doc/share: wanted a number, found an object"),
        ({"on": "maybe"}, "doc/on: wanted true or false, found a string"),
        ({"many": "one"}, "doc/many: wanted a list, found a string"),
        ({"many": [True]}, "doc/many/0: wanted a string, found true or false"),
        ({"by_name": []}, "doc/by_name: wanted an object, found a list"),
        ({"inner": "x"}, "doc/inner: wanted an object, found a string"),
        ({"one_of": "c"}, "doc/one_of: wanted 'a' or 'b', found `c`"),
        ({"one_of": []}, "doc/one_of: wanted 'a' or 'b', found a list"),
        ({"size": "tiny"}, "doc/size: wanted 'small' or 'large', found `tiny`"),
        ({"small": "large"}, "doc/small: wanted 'small', found `large`"),
        ({"yes": False}, "doc/yes: wanted true, found true or false"),
        ({"each_once": "a"}, "doc/each_once: wanted a list, found a string"),
        ({"pet": {"kind": "cow"}}, "doc/pet: wanted one of 'cat', 'dog' as 'kind', found `cow`"),
        ({"pet": {"kind": ["x"]}}, "doc/pet: wanted one of 'cat', 'dog' as 'kind', found a list"),
        ({"few": [1, 2]}, "doc/few: wanted at most 1 item, found 2"),
        ({"short": "abcd"}, "doc/short: wanted at most 3 characters, found 4"),
        ({"short": ""}, "doc/short: wanted at least 2 characters, found 0"),
        ({"positive": 0}, "doc/positive: wanted more than 0, found 0"),
        ({"positive": 10}, "doc/positive: wanted at most 9, found 10"),
    ],
)
def test_a_misfit_says_what_was_wanted_and_what_was_found(value: Any, expected: str) -> None:
    """By its kind; in itself only where it is one of a few, or out of bounds."""
    assert expected == said(value)


def test_what_was_found_is_told_in_short() -> None:
    """Neither a page of text, nor a number of thousands of digits, which cannot be written."""
    assert f"doc/one_of: wanted 'a' or 'b', found `{'c' * 60}`" == said({"one_of": "c" * 999})
    said_of_pet = f"doc/pet: wanted one of 'cat', 'dog' as 'kind', found `{'c' * 60}`"
    assert said_of_pet == said({"pet": {"kind": "c" * 999}})
    assert "doc/positive: wanted at most 9, found a whole number" == said({"positive": 10**5000})
