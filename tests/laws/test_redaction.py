"""What is secret is taken out of words, however it was spelt on its way into them."""

import base64
import html
import json
import logging
from io import StringIO
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.failure import scrubbed
from activities.placeholders import Filled, fillings
from activities.redaction import SHORTEST, Redaction, telling
from lockstep.environment import Binding, Environment, Stage
from worker.logs import configure

SECRET = "s3cr3t/t0k+n ?'\"<é>"
REDACTION = Redaction({SECRET: "${TOKEN}"})


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        html.escape(SECRET),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_a_spelling_hides_no_secret(spelt: str) -> None:
    """As URLs, JSON, Python, HTML and hexadecimal have it."""
    assert "at ${TOKEN}!" == REDACTION(f"at {spelt}!")


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=9, max_size=60)


@given(printable, st.binary(max_size=9), st.binary(max_size=9), st.booleans())
def test_base64_hides_no_secret(secret: str, before: bytes, after: bytes, for_url: bool) -> None:
    """Wherever it begins in what was encoded: of its own digits none is left."""
    encode = base64.urlsafe_b64encode if for_url else base64.b64encode
    written = encode(before + secret.encode() + after).decode()
    told = Redaction({secret: "{}"})(written)
    assert "{}" in told
    # What is left is what was around it, a digit at each end that is made of both, and padding.
    around = -(-8 * len(before) // 6) + -(-8 * len(after) // 6)
    assert len(told) - len("{}") <= around + 4


def test_what_is_no_text_is_taken_out_as_well() -> None:
    """A variable may hold any bytes; none of them keeps an error from being told."""
    value = b"hush-\xff-hush".decode(errors="surrogateescape")
    assert "at ${TOKEN}" == Redaction(telling({"TOKEN": value}))(f"at {value}")


def test_what_is_short_is_no_secret() -> None:
    """Else half of all words would be taken out."""
    assert {} == telling({"TOKEN": "x" * (SHORTEST - 1)})
    assert "prod 8080" == Redaction(telling({"DB_PASSWORD": "8080"}))("prod 8080")


@pytest.mark.parametrize(
    "name", ["TOKEN", "DB_PASSWORD", "OPENAI_API_KEY", "SECRET", "SSH_PASSPHRASE", "MY_CREDENTIALS"]
)
def test_a_variable_that_is_called_secret_is_one(name: str) -> None:
    """Also where no manifest names it, and with its line end or without."""
    assert {"hush-hush": f"${{{name}}}", "hush-hush\n": f"${{{name}}}"} == telling(
        {name: "hush-hush\n", "EDITOR": "hush-hush", "KEYBOARD": "hush-hush", "TOKEN_FILE": "/hush"}
    )


def test_the_fillings_of_a_manifest_are_known_before_it_is_filled() -> None:
    """Those of every tool and server that it names, wherever they stand."""
    binding = Binding(endpoint="https://${HOST}", settings={"a": ["${TOKEN}", "${SHORT:-x}"]})
    manifest = Environment(
        lockstep="environment/1", name="test", stage=Stage.DEV, tools={"Open": binding}
    )
    environ = {"HOST": "db.internal", "TOKEN": "hush-hush", "SHORT": "abc", "OTHER": "not named"}
    assert {"db.internal": "${HOST}", "hush-hush": "${TOKEN}"} == fillings(manifest, environ)


def test_a_log_line_is_redacted_whoever_wrote_it() -> None:
    """A library that a tool uses logs through the same door, exceptions and all."""
    stream, root = StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure(stream, redaction=REDACTION)
        log = logging.getLogger("somebody.else")
        log.info("GET https://x/?t=%s", quote(SECRET, safe=""))
        try:
            raise ValueError(SECRET)
        except ValueError:
            log.exception("it broke")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    written = stream.getvalue()
    assert 2 <= written.count("${TOKEN}")
    assert not [line for line in written.splitlines() if "s3cr3t" in line]


def test_a_value_is_redacted_throughout() -> None:
    """Keys too; what is no text stays what it is, for whoever refuses it."""
    filled = Filled(endpoint="", settings={}, secrets={"hush-hush": "${TOKEN}"})
    said = {"hush-hush": [1, {2: "so hush-hush", "none": None}]}
    assert {"${TOKEN}": [1, {2: "so ${TOKEN}", "none": None}]} == scrubbed(said, filled)
