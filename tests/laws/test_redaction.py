"""What is secret is taken out of words, however it was spelt on its way into them."""

import base64
import html
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from time import process_time
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from activities.failure import scrubbed
from activities.placeholders import Filled, fillings
from activities.redaction import SHORTEST, Redaction, telling
from lockstep.canonical import digest
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
    assert "x-ray" == Redaction({"x": "${ANTHROPIC_API_KEY}"})("x-ray")


def test_a_plain_word_or_number_is_no_secret_because_of_a_name() -> None:
    """Keys of what a signal brings and of what is to be gone on from are words like these, and a
    date begins the id of every run.
    """
    environ = {"SORT_KEY": "created_at", "DB_PASSWORD": "postgres\n", "HASH_KEY": "CUSTOMER_ID"}
    environ |= {"SHARD_KEY": "202611", "DAY_KEY": "20261121"}
    assert {} == telling(environ)
    long = {"DB_PASSWORD": "correcthorsebatterystaple", "TOKEN": "hush-hush", "KEY": "123456789"}
    assert {said: f"${{{name}}}" for name, said in long.items()} == telling(long)


def test_the_password_of_an_address_is_secret_whatever_the_variable_is_called() -> None:
    """As it stands there, and as the database is told it."""
    environ = {"DATABASE_URL": "postgres://app:p%40ss-w0rd@db/app", "HOME_PAGE": "https://db:8080/"}
    assert {"p%40ss-w0rd": "${DATABASE_URL}", "p@ss-w0rd": "${DATABASE_URL}"} == telling(environ)


def test_of_a_longer_secret_no_line_is_told() -> None:
    """However it is indented; its first and last line say what it is, and go with it."""
    lines = [
        "-----BEGIN PRIVATE KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0B",
        "c2hvcnQ=",
        "-----END K-----",
    ]
    hide = Redaction(telling({"DEPLOY_KEY": "\n".join(lines)}))
    assert "${DEPLOY_KEY}" == hide("\n".join(lines))
    assert "  2 ${DEPLOY_KEY}" == hide(f"  2 {lines[1]}")


def test_secrets_that_overlap_leave_nothing_standing() -> None:
    """The first is named, and a name that was put in holds no secret, whatever it is called."""
    hide = Redaction({"abcdefgh": "${FIRST_HIDDEN}", "efghijkl": "${B}", "HIDDEN": "${C}"})
    assert "-${FIRST_HIDDEN}-" == hide("-abcdefghijkl-")
    assert "${FIRST_HIDDEN}" == hide("abcdefgh")


@given(st.integers(0, 40), st.integers(0, 30))
def test_of_the_beginning_of_a_text_nothing_secret_is_told(most: int, before: int) -> None:
    """Wherever it is cut: a secret that begins within it is known for one."""
    text = f"{'.' * before}{SECRET}{'.' * 100}{SECRET}"
    beginning = "." * min(before, most) + "${TOKEN}" * (before < most)
    assert REDACTION(text, most) == beginning + "." * (most - before - len(SECRET))


def test_many_secrets_cost_a_text_one_look() -> None:
    """A tool may report a hundred thousand words, and its heartbeats must not wait for that."""
    many = Redaction(telling({f"V{n}_TOKEN": f"{n}-{digest(n)}" for n in range(300)}))
    words = [f"a row of words, {n}" for n in range(60_000)]
    before = process_time()
    assert words == [many(word) for word in words]
    assert process_time() - before < 1.5


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN",
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "db_password",
        "OPENAI_API_KEY",
        "SECRET",
        "SSH_PASSPHRASE",
        "MY_CREDENTIALS",
    ],
)
def test_a_variable_that_is_called_secret_is_one(name: str) -> None:
    """Also where no manifest names it, and with its line end or without."""
    assert {"hush-hush": f"${{{name}}}", "hush-hush\n": f"${{{name}}}"} == telling(
        {
            name: "hush-hush\n",
            **dict.fromkeys(("EDITOR", "KEYBOARD", "COMPASS", "PWD"), "hush-hush"),
            "TOKEN_FILE": "/hush",
        }
    )


def test_the_fillings_of_a_manifest_are_known_before_it_is_filled() -> None:
    """Those of every tool and server that it names, wherever they stand."""
    binding = Binding(endpoint="https://${HOST}", settings={"a": ["${TOKEN}", "${SHORT:-x}"]})
    manifest = Environment(
        lockstep="environment/1", name="test", stage=Stage.DEV, tools={"Open": binding}
    )
    environ = {"HOST": "db.internal", "TOKEN": "hush-hush", "SHORT": "abc", "OTHER": "not named"}
    assert {"db.internal": "${HOST}", "hush-hush": "${TOKEN}"} == fillings(manifest, environ)


@contextmanager
def logged() -> Iterator[StringIO]:
    """What is logged meanwhile, with `SECRET` and a number taken out of it."""
    stream, root = StringIO(), logging.getLogger()
    handlers, level, broke = root.handlers[:], root.level, threading.excepthook
    try:
        configure(stream, redaction=Redaction({SECRET: "${TOKEN}", "31415926": "${PIN}"}))
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(False)
        threading.excepthook = broke


def test_a_log_line_is_redacted_whoever_wrote_it() -> None:
    """A library that a tool uses logs through the same door, exceptions and all."""
    logger = logging.getLogger("somebody.else")
    with logged() as log:
        logger.info("GET https://x/?t=%s", quote(SECRET, safe=""))
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            error.add_note(f"so much for {SECRET}")
            logger.exception("it broke")
    assert 3 <= log.getvalue().count("${TOKEN}")
    assert not [line for line in log.getvalue().splitlines() if "s3cr3t" in line]


def test_what_python_would_print_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning, and the end of a thread that nobody waits for, may quote an address."""

    def call() -> None:
        raise ValueError(SECRET)

    with logged() as log, warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, stacklevel=1)
        thread = threading.Thread(target=call, name="poller")
        thread.start()
        thread.join()
    warned, broke = map(json.loads, log.getvalue().splitlines())
    assert "UserWarning: ${TOKEN}" in warned["event"]
    assert "thread.broke poller" == broke["event"]
    assert "ValueError: ${TOKEN}" in broke["exception"]
    assert "" == capsys.readouterr().err


def test_a_log_line_stays_an_object() -> None:
    """Also where what is taken out of it was a number."""
    with logged() as log:
        structlog.get_logger().info("call.made", pin=31415926)
    told = json.loads(log.getvalue())
    assert "log.redacted" == told["event"]
    assert '"pin": ${PIN}' in told["line"]


def test_of_a_line_that_cannot_be_written_nothing_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The standard library would print what it was given, past everything that is taken out."""
    with logged() as log:
        logging.getLogger("somebody.else").warning("%d", SECRET)
    told = {"event": "log.unwritable", "logger": "somebody.else", "error": "TypeError"}
    assert told == json.loads(log.getvalue())
    assert "" == capsys.readouterr().err


def test_a_value_is_redacted_throughout() -> None:
    """Keys too; what is no text stays what it is, for whoever refuses it."""
    filled = Filled(endpoint="", settings={}, secrets={"hush-hush": "${TOKEN}"})
    said = {"hush-hush": [1, {2: "so hush-hush", "none": None}]}
    assert {"${TOKEN}": [1, {2: "so ${TOKEN}", "none": None}]} == scrubbed(said, filled)
