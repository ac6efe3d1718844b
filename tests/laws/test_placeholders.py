"""Placeholders are filled at the last moment, and what filled them is not said again."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.placeholders import Filled, fill, unset
from lockstep.environment import Binding, Environment
from tests.laws.port import refusal

ENVIRON = {"HOST": "db.internal", "TOKEN": "s3cr3t-t0ken", "EMPTY": "", "PIN": "1234"}


def filled(endpoint: str, environ: dict[str, str] | None = None, **settings: Any) -> Filled:
    binding = Binding(endpoint=endpoint, settings=settings)
    return fill("PostNotice", binding, ENVIRON if environ is None else environ)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("https://${HOST}/x", "https://db.internal/x"),
        ("${HOST}${PIN}", "db.internal1234"),
        ("${HOST:-localhost}", "db.internal"),
        ("${NONE:-localhost}", "localhost"),
        ("${NONE:-}", ""),
        ("${NONE:-a:-b c}", "a:-b c"),
        ("${EMPTY}", ""),
        ("${EMPTY:-localhost}", "localhost"),
        ("$HOST", "$HOST"),
        ("${host}", "${host}"),
        ("${HOST", "${HOST"),
        ("$${PIN}", "$1234"),
    ],
)
def test_a_placeholder_is_filled_as_in_a_shell(text: str, expected: str) -> None:
    """With its value, or else its default; what is not written as one stays as it is."""
    assert expected == filled(text).endpoint


def test_settings_are_filled_at_any_depth() -> None:
    """In strings only; keys, numbers and the manifest itself stay what they are."""
    binding = Binding(settings={"a": {"${HOST}": ["${PIN}", 7, None, True]}, "b": "${TOKEN}"})
    found = fill("PostNotice", binding, ENVIRON)
    assert {"a": {"${HOST}": ["1234", 7, None, True]}, "b": "s3cr3t-t0ken"} == found.settings
    assert "${TOKEN}" == binding.settings["b"]


def test_what_a_worker_has_to_be_given_is_told_before_a_run() -> None:
    """Each variable without a default that is not set, of tools that are really called."""
    tools = {
        "Post": {"endpoint": "${BOARD_URL}/${HOST}", "settings": {"a": ["${ZONE}", "${B:-b}"]}},
        "Read": {"mcp": {"server": "files"}},
        "Mocked": {"endpoint": "${NEVER}", "mock": "mocks/x.json"},
    }
    mcp = {"files": {"command": ["serve", "${FOLDER}"], "file": "files.json"}}
    given = {"lockstep": "environment/1", "name": "x", "stage": "dev", "tools": tools, "mcp": mcp}
    assert ("BOARD_URL", "FOLDER", "ZONE") == unset(Environment.model_validate(given), ENVIRON)


def test_a_missing_value_is_named_before_the_tool_is_called() -> None:
    """With the tool that wants it and where to set it."""
    found = refusal(lambda: filled("${BOARD_URL}/x"))
    assert ("LS-ENV-004", "tool `PostNotice`") == (found.code, found.place)
    assert "placeholder `${BOARD_URL}` has no value" == found.problem
    assert "set BOARD_URL in the worker's environment" == found.fix
    assert "LS-ENV-004" == refusal(lambda: filled("", a=["${BOARD_URL}"])).code


def test_a_value_that_looks_like_a_placeholder_is_a_value() -> None:
    """Nothing is filled twice, so no value can ask for another."""
    environ = {"A": "${B}", "B": "secret-of-b"}
    assert "${B}" == filled("${A}", environ).endpoint
    assert "secret-of-b" not in str(filled("${C:-${B}}", environ))


def test_what_was_filled_in_is_scrubbed_from_messages() -> None:
    """Back to its placeholder, wherever it stands; defaults and short values are no secrets."""
    found = filled("https://${HOST}", token="${TOKEN}", pin="${PIN}", port="${PORT:-8080808}")
    assert "GET https://${HOST}:8080808 with ${TOKEN}, pin 1234" == found.scrub(
        "GET https://db.internal:8080808 with s3cr3t-t0ken, pin 1234"
    )


def test_a_secret_within_another_leaves_nothing_standing() -> None:
    """Whichever was filled in first, the longer is put back first."""
    environ = {"USER": "harbour", "PASSWORD": "harbour-master-key"}
    for settings_ in ({"a": "${USER}", "b": "${PASSWORD}"}, {"b": "${PASSWORD}", "a": "${USER}"}):
        found = filled("", environ, **settings_)
        assert "${USER} and ${PASSWORD}" == found.scrub("harbour and harbour-master-key")


def test_a_secret_from_a_file_is_scrubbed_without_its_line_end() -> None:
    """Many are set with a newline, and shown without."""
    found = filled("${TOKEN}", {"TOKEN": "s3cr3t-t0ken\n"})
    assert "bad token ${TOKEN}." == found.scrub("bad token s3cr3t-t0ken.")


secrets = st.text("abcdef0123-", min_size=6, max_size=12)


@given(st.lists(secrets, min_size=1, max_size=4), st.text("abcdef0123- ", max_size=20), st.data())
@settings(max_examples=40)
def test_no_secret_survives(values: list[str], noise: str, data: st.DataObject) -> None:
    """In any message made of secrets and other text, in any order."""
    environ = {f"S{n}": value for n, value in enumerate(values)}
    found = filled("", environ, all=[f"${{{name}}}" for name in environ])
    pieces = data.draw(st.lists(st.sampled_from([*values, noise]), max_size=6))
    scrubbed = found.scrub("|".join(pieces))
    assert not [value for value in values if value in scrubbed]
