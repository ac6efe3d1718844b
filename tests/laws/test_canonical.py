"""One value, one spelling, one digest."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.canonical import canonical, digest
from lockstep.value import Value

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | numbers | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)
few = settings(max_examples=25)


def reordered(value: Any) -> Any:
    """The same value with the keys of each object the other way round."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [reordered(child) for child in value]
    return value


@given(values)
@few
def test_key_order_and_white_space_do_not_matter(value: Any) -> None:
    """However a value was written, its digest is the same."""
    assert digest(value) == digest(reordered(value)) == digest(json.loads(json.dumps(value)))


@given(values, values)
@few
def test_two_values_have_one_digest_only_if_they_are_equal(one: Any, other: Any) -> None:
    """As JSON sees it: true is not 1, and 1.0 is 1."""
    assert (digest(one) == digest(other)) == (canonical(one) == canonical(other))
    assert digest([one]) != digest(one)


odd = st.sampled_from(
    [2**53, -(2**53), 1.0, 1e-5, 1e16, float("nan"), "\ud800", "\U0001f600", "\ufb33", ()]
)
keys = names | st.sampled_from(["\U0001f600", "\ufb33", "\ud800"])
"""Also such as stand in another order in UTF-16."""


@given(
    st.recursive(
        st.none() | st.booleans() | numbers | names | odd,
        lambda one: st.lists(one, max_size=4) | st.dictionaries(keys, one, max_size=4),
        max_leaves=10,
    )
)
@settings(max_examples=300)
def test_the_quick_way_writes_what_the_rfc_says(value: Any) -> None:
    """Whoever writes it, the bytes are those of the RFC's own writer, or neither has any."""
    try:
        expected = rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        with pytest.raises(ValueError, match=r"."):
            canonical(value)
    else:
        assert expected == canonical(value)


def test_the_published_example_is_written_as_published() -> None:
    """RFC 8785, section 3.2.2 and 3.2.3: numbers, escapes, and the order of keys in UTF-16."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 1e-27],
        "string": "\u20ac$\u000f\nA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    ) == canonical(value).decode()
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    assert ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"] == list(
        json.loads(canonical(dict.fromkeys(keys, 0)))
    )


def test_a_digest_names_its_algorithm() -> None:
    """SHA-256 of the canonical bytes, spelled so that another algorithm could be told from it."""
    known = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert f"sha256:{known}" == digest({})


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"\ud800": 1}, {1: 2}, {1, 2}, b"x"],
    ids=repr,
)
def test_what_json_cannot_say_exactly_has_no_digest(value: Any) -> None:
    """It is refused, never rounded."""
    with pytest.raises(ValueError, match=r"\w"):
        canonical([value])


def test_a_value_too_deep_for_the_stack_is_refused() -> None:
    """Not by the end of the stack."""
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        canonical(deep)


def nested(levels: int) -> Any:
    return json.loads("[" * levels + "]" * levels)


def test_a_value_is_known_by_its_digest_and_shown_if_it_is_small() -> None:
    """The reference holds digest and size; the value itself only up to the preview's bytes."""
    small, data = Value.of({"b": 1, "a": "x" * 10})
    assert b'{"a":"xxxxxxxxxx","b":1}' == data
    assert (digest({"a": "x" * 10, "b": 1}), 24, {"b": 1, "a": "x" * 10}) == (
        small.digest,
        small.size,
        small.preview,
    )
    large, data = Value.of("x" * 2000)
    assert (None, 2002) == (large.preview, len(data))
    assert "x" * 2000 == Value.of("x" * 2000, preview=2002)[0].preview


def test_a_value_that_could_not_be_read_again_is_not_written() -> None:
    """As deep as the reader follows, and no deeper."""
    assert 256 == Value.of(nested(128))[0].size
    with pytest.raises(ValueError, match="nested more than 128 levels deep"):
        Value.of(nested(129))
