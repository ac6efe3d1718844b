"""Inputs that are too long are cut in the open or refused, and fit when they are shown."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.cutting import TooLong, fitted, tokens_at_most, written

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
inputs = st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), values, max_size=5)


@given(values)
def test_what_is_written_is_data_and_nothing_else(value: Any) -> None:
    """ASCII on one line, without a tag that could end the block it stands in; and still itself."""
    text = written(value)
    assert text.isascii()
    assert not {"\n", "\r", "<", ">"} & set(text)
    assert value == json.loads(text)


@given(inputs, st.integers(min_value=10, max_value=400), st.booleans())
def test_what_is_shown_fits_and_what_is_missing_is_told(
    given_: dict[str, Any], most: int, cut: bool
) -> None:
    """Either everything, or a beginning of each that was cut with the record saying how much."""
    try:
        shown, cuts = fitted(given_, most, cut=cut)
    except TooLong:
        assert tokens_at_most(written(given_)) > most / 2
        return
    assert tokens_at_most(written(shown)) <= most
    assert list(given_) == list(shown)
    told = {one.input: one for one in cuts}
    assert not told or cut
    for name, value in given_.items():
        if name not in told:
            assert value == shown[name]
            continue
        one, found = told[name], shown[name]
        assert isinstance(value, str | list)
        assert isinstance(found, str | list)
        assert value[: one.shown] == found
        assert (len(found), len(value)) == (one.shown, one.of)
        assert one.shown < one.of


def test_the_longest_are_cut_and_the_short_are_left() -> None:
    """To one length, so that no input is lost for another's sake."""
    shown, cuts = fitted(
        {"long": "a" * 5_000, "longer": ["bb"] * 5_000, "short": "whole"}, 1_000, cut=True
    )
    assert "whole" == shown["short"]
    assert [("long", "characters", 5_000), ("longer", "items", 5_000)] == [
        (one.input, one.unit, one.of) for one in cuts
    ]
    assert 900 < tokens_at_most(written(shown)) <= 1_000


def test_an_object_is_not_cut() -> None:
    """Half of one says something else than the whole."""
    with pytest.raises(TooLong, match="only texts and lists are cut"):
        fitted({"record": {"a": "x" * 1_000}}, 100, cut=True)


def test_without_leave_nothing_is_cut() -> None:
    """The default: a step says that it was given too much."""
    with pytest.raises(TooLong, match="tokens, and 100 are allowed"):
        fitted({"text": "x" * 1_000}, 100, cut=False)


def test_escapes_are_counted_letter_by_letter() -> None:
    """A tokenizer has no word for them: a text of them costs three times what was thought."""
    assert 6 * 100 + 1 == tokens_at_most(written("\u4e2d" * 100))
