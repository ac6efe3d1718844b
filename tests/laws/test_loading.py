"""What may come in through the one door, and what is said to the rest."""

import json
import os
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from lockstep.canonical import canonical, depth
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import MAX_DEPTH, load, parse_json, parse_toml, read, shaped
from lockstep.plan import Plan
from lockstep.pointer import pointer
from lockstep.record import Record
from tests.laws.pace import within
from tests.laws.port import refusal

exact = st.integers(-(2**53) + 1, 2**53 - 1)
characters = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | exact | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | characters,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(characters, inner, max_size=4),
    max_leaves=12,
)
few = settings(max_examples=25)


def json_refusal(text: str | bytes, limit: int = 4096) -> Finding:
    return refusal(lambda: parse_json(text, "plan.json", limit))


def toml_refusal(text: str | bytes) -> Finding:
    return refusal(lambda: parse_toml(text, "prod.toml"))


@given(values)
@example(1e16)
@example([-0.0, 1e-7, 123456789012345680000.0])
@few
def test_what_was_written_canonically_reads_the_same(value: Any) -> None:
    """Any JSON value that we write down comes back equal, floats without a point included."""
    assert value == parse_json(canonical(value), "value", canonical=True)


@given(values)
@few
def test_a_document_reads_as_everybody_reads_it(value: Any) -> None:
    """What is accepted means what Python's own parser says it means, white space or not."""
    for text in (json.dumps(value), json.dumps(value, indent=2, ensure_ascii=False)):
        assert json.loads(text) == parse_json(text, "value") == parse_json(text.encode(), "value")


@given(st.text(max_size=60))
@few
def test_nonsense_is_refused_in_words(text: str) -> None:
    """Whatever the characters are: a value, or one finding of one line."""
    for parse in (parse_json, parse_toml):
        said = ["LS-LOAD-000"]
        try:
            parse(text, "x")
        except LockstepError as error:
            said = str(error).splitlines()
        assert ["LS-LOAD-"] == [line[:8] for line in said]


def test_ten_megabytes_are_refused_by_their_size(tmp_path: Path) -> None:
    """Neither is the document parsed nor the file read: it takes no time."""
    path = tmp_path / "plan.json"
    data = b"[" * (10 * 1024 * 1024)
    path.write_bytes(data)
    start = time.perf_counter()
    found = [json_refusal(data), toml_refusal(data), refusal(lambda: load(Plan, path))]
    assert time.perf_counter() - start < 0.05
    assert ["LS-LOAD-003"] * 3 == [one.code for one in found]
    assert "10,485,760 bytes, more than 4,096" == found[0].problem


def test_size_is_counted_in_bytes() -> None:
    """A text of wide characters is as large as its bytes."""
    assert "LS-LOAD-003" == json_refusal(json.dumps("ü" * 30, ensure_ascii=False), 40).code


def test_nesting_ends_where_we_say() -> None:
    """The deepest allowed document passes, one level more does not; quoted brackets are text."""

    def nested(levels: int) -> str:
        return "[" * levels + "]" * levels

    assert json.loads(nested(MAX_DEPTH)) == parse_json(nested(MAX_DEPTH), "x")
    assert "LS-LOAD-004" == json_refusal(nested(MAX_DEPTH + 1)).code
    assert "LS-LOAD-004" == json_refusal('{"a":' * 500).code
    assert "LS-LOAD-004" == toml_refusal("x = " + nested(MAX_DEPTH + 1)).code
    brackets = "[" * 100 + '\\"' + "{" * 100
    assert [brackets.replace("\\", "")] == parse_json(f'["{brackets}"]', "x")
    literal = "[" * 100
    for quoted in (f'"{brackets}"', f'"""\n{brackets}"""', f"'{literal}'", f"'''{literal}'''''"):
        assert parse_toml(f"# '{brackets}\nx = {quoted}", "x")


brackets = st.text(st.sampled_from('[]{}"\\\\/ab:,'), max_size=6)
nests = st.recursive(
    brackets, lambda one: st.lists(one, max_size=2) | st.dictionaries(brackets, one, max_size=2)
)


@given(nests, st.integers(MAX_DEPTH - 3, MAX_DEPTH + 1))
@settings(max_examples=200)
def test_levels_are_counted_and_not_brackets(value: Any, levels: int) -> None:
    """Whatever stands in strings and names, a text is refused exactly where its value is deep."""
    for _ in range(levels - depth(value)):
        value = [value, "["]
    if depth(value) <= MAX_DEPTH:
        assert value == parse_json(json.dumps(value), "x")
    else:
        assert "LS-LOAD-004" == json_refusal(json.dumps(value), 10**6).code


@pytest.mark.parametrize(
    "text",
    [
        '{"steps": [], "steps": [1]}',
        '{"a": {"b": 1, "c": 2, "b": 1}}',
        '[{"a": 1, "\\u0061": 2}]',
    ],
)
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    """Readers differ in which of the two they take; escapes hide nothing."""
    assert "LS-LOAD-005" == json_refusal(text).code


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", str(2**53), str(-(2**53)), "9" * 5000],
)
def test_a_number_without_exact_meaning_is_refused(number: str) -> None:
    """NaN, what overflows, and integers from 2^53 up, in JSON as in TOML."""
    assert "LS-LOAD-006" == json_refusal(f'{{"a": [{number}]}}', 10_000).code
    assert 100 > len(json_refusal(number, 10_000).problem)


@pytest.mark.parametrize(
    "number",
    ["nan", "-inf", "+inf", "1e999", str(2**53), str(-(2**60)), "0x" + "f" * 5000, "9" * 5000],
)
def test_a_number_without_exact_meaning_is_refused_in_toml_too(number: str) -> None:
    """TOML knows nan and inf by name, and integers of any size."""
    found = toml_refusal(f"[settings]\nx = [1, {{ y = {number} }}]")
    assert found.code in {"LS-LOAD-006", "LS-LOAD-002"}
    assert 200 > len(found.problem)


def test_the_largest_exact_integers_pass() -> None:
    """Up to 2^53 - 1 all readers agree."""
    most = 2**53 - 1
    assert [most, -most] == parse_json(f"[{most}, {-most}]", "x")
    assert {"x": most, "y": -most} == parse_toml(f"x = {most}\ny = {-most}", "x")


def test_digits_in_a_text_are_no_number() -> None:
    """However many there are, and whatever numbers stand beside them."""
    value = {"digest": "9" * 64, "counts": [1, -(2**53) + 1, 10**15], "9" * 20: 0.5}
    assert value == parse_json(json.dumps(value), "x")
    assert "LS-LOAD-006" == json_refusal(json.dumps({**value, "count": 2**53})).code


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '{"\\uDC00": 1}', '["\\ud800\\ud800"]', '"\ud800"', "'\ud800'"]
)
def test_half_a_character_is_refused(text: str) -> None:
    """A lone surrogate is not text, by whichever door: an escape, or a string of Python's."""
    assert "LS-LOAD-002" == json_refusal(text).code
    assert "LS-LOAD-002" == toml_refusal(f"x = {text}").code
    assert ["\U0001f6a2"] == parse_json('["\\ud83d\\udea2"]', "x")


@pytest.mark.parametrize("data", [b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf{}"])
def test_what_is_not_utf_8_is_refused(data: bytes) -> None:
    """Broken and overlong bytes, surrogates in disguise, and a byte order mark."""
    assert "LS-LOAD-002" == json_refusal(data).code
    assert "LS-LOAD-002" == toml_refusal(b"x = " + data).code


@pytest.mark.parametrize("text", ["", " ", "{", '{"a" 1}', "[1,]", "01", "'a'", "{} {}", '"\n"'])
def test_broken_json_is_refused_with_its_line(text: str) -> None:
    """The place says where the reader gave up."""
    found = json_refusal(text)
    assert "LS-LOAD-002" == found.code
    assert found.place.startswith("plan.json:")


@pytest.mark.parametrize(
    "text", ["x", "x = ", "x = 1\nx = 2", "[a]\n[a]", "a.b = 1\na = 2", "\x00"]
)
def test_broken_toml_is_refused(text: str) -> None:
    """Duplicate keys and tables are broken TOML."""
    assert "LS-LOAD-002" == toml_refusal(text).code


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 60_000) + " = 1",
        " . ".join("a" * 60_000) + " = 1",
        "\t.\t".join(['"a b"'] * 30_000) + " = 1",
        "[" + ".".join("a" * 60_000) + "]",
        "x = {" + ".".join(["'.'"] * 60_000) + " = 1}",
        '# "\nx = ' + "[" * 60_000,
        "# '''\n" + ".".join("a" * 60_000) + " = 1",
        ".".join("a" * 60) + " = {" + ".".join("b" * 60) + " = 1}",
        "[" + ".".join("a" * 60) + "]\n" + ".".join("b" * 60) + " = 1",
    ],
    ids=["bare", "spaced", "quoted", "table", "inline", "comment", "quotes", "value", "header"],
)
def test_hostile_keys_cost_nothing(text: str) -> None:
    """A dotted key is nesting too, however it is written, and tomllib is not let near it."""
    with within(0.2):
        assert "LS-LOAD-004" == toml_refusal(text).code


def test_harmless_dots_are_only_dots() -> None:
    """Decoration, prose, floats in a row, and many short dotted keys in one line are no nesting."""
    text = (
        f"# {'.' * 200}\nx = '{'a.' * 100}'\ny = [{', '.join(['1.5'] * 200)}]\n"
        f"z = {{{', '.join(f'a.b.c{n}=1' for n in range(100))}}}\n"
    )
    assert 200 == len(parse_toml(text, "x")["y"])


@pytest.mark.parametrize("text", ['"' + "a" * 4_000_000, '"' + "\\" * 4_000_000, '"' * 999_999])
def test_a_string_without_end_costs_nothing(text: str) -> None:
    """Strings are skipped in one go; nothing is tried a second time."""
    with within(0.5):
        assert "LS-LOAD-002" == json_refusal(text, 5_000_000).code


class Inner(Record):
    times: int = Field(ge=1)


class Outer(Record):
    name: str
    inner: list[Inner]


def test_each_misfit_is_named_by_its_field() -> None:
    """The place is the document and a pointer into it; the fix tells what to do."""
    with pytest.raises(LockstepError, match="LS-LOAD-007") as caught:
        shaped(Outer, {"inner": [{"times": 0}], "a/b": 1}, "doc")
    findings: tuple[Finding, ...] = caught.value.findings
    assert [
        ("doc/name", "this field is required and missing", "add it"),
        ("doc/inner/0/times", "wanted at least 1, found 0", "correct the value"),
        ("doc/a~1b", "this field is not known here", "remove it or correct its name"),
    ] == [(found.place, found.problem, found.fix) for found in findings]


def test_of_many_misfits_the_first_are_named() -> None:
    """Nobody reads a thousand; of more than can be listed only their number is told, quickly."""
    with pytest.raises(LockstepError, match="LS-LOAD-007") as caught:
        shaped(Outer, {"name": "a", "inner": [1] * 1000}, "doc")
    assert 20 == len(caught.value.findings)
    with within(0.5):
        found = refusal(lambda: shaped(Outer, {"name": "a", "inner": [1] * 100_000}, "doc"))
    assert "100,000 misfits: this is another kind of document" == found.problem


def test_a_missing_file_a_folder_and_a_nonsense_path_are_refused(tmp_path: Path) -> None:
    """Each is one finding, and none is an exception of Python's."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert (
        "cannot be read: no such file or directory"
        == refusal(lambda: read(tmp_path / "no.json")).problem
    )
    assert "this is not a file" == refusal(lambda: read(tmp_path)).problem
    for odd in (tmp_path / "\0", tmp_path / ("a" * 300), tmp_path / "loop", Path("/dev/zero")):
        assert "LS-LOAD-001" == refusal(partial(read, odd)).code


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A socket has a name and no contents; a file of mode 0 is closed to all but root."""
    name = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(name)
        assert "LS-LOAD-001" == refusal(lambda: read(Path(name))).code
    closed = tmp_path / "closed.json"
    closed.write_text("{}")
    closed.chmod(0)
    if os.geteuid():
        assert "LS-LOAD-001" == refusal(lambda: read(closed)).code


def test_the_suffix_says_how_a_file_is_read(tmp_path: Path) -> None:
    """`.toml` is TOML, all else is JSON, and both give the same noun."""
    toml, plain = tmp_path / "outer.toml", tmp_path / "outer.json"
    toml.write_text('name = "a"\ninner = [{ times = 2 }]')
    plain.write_text('{"name": "a", "inner": [{"times": 2}]}')
    assert Outer(name="a", inner=[Inner(times=2)]) == load(Outer, toml) == load(Outer, plain)


def test_a_pointer_escapes_what_it_must() -> None:
    """RFC 6901: `~` and `/` in names."""
    assert "/a~1b/m~0n/0" == pointer(("a/b", "m~n", 0))
    assert "" == pointer(())


def test_of_a_name_it_is_said_what_was_found() -> None:
    """As a value and as a key, cut where it is long; what it should be alone helps nobody."""
    step = {"id": "fetch it", "tool": "ListShips"}
    found = refusal(lambda: shaped(Plan, {"lockstep": "plan/1", "steps": [step]}, "plan"))
    assert ("LS-LOAD-007", "plan/steps/0/id") == (found.code, found.place)
    assert found.problem.endswith("found `fetch it`")
    step = {"id": "fetch", "tool": "x" * 500 + "!"}
    found = refusal(lambda: shaped(Plan, {"lockstep": "plan/1", "steps": [step]}, "plan"))
    assert found.problem.endswith(f"found `{'x' * 60}`")


class Several(Record):
    """A list that may not be empty."""

    words: tuple[str, ...] = Field(min_length=1)


def test_a_list_is_not_called_empty_for_what_is_wrong_in_it() -> None:
    """One that is empty is; of another only what is wrong is said, and where."""
    wrong = refusal(lambda: shaped(Several, {"words": [1]}, "plan"))
    assert "plan/words/0" == wrong.place
    assert "plan/words" == refusal(lambda: shaped(Several, {"words": []}, "plan")).place
