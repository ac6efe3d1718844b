"""Codes: each that is printed is explained, and each that is explained can be printed."""

import re
from pathlib import Path

from lockstep.codes import CODES, Exit
from lockstep.errors import LockstepError
from lockstep.help import HELP

ROOT = Path(__file__).parents[2]
PACKAGES = ("lockstep", "policies", "activities", "workflows", "worker")
TABLE = ROOT / "lockstep" / "codes.py"
ADVICE = ROOT / "lockstep" / "help.py"
CODE = re.compile(r"LS-[A-Z]+-\d+")


def written() -> dict[str, set[str]]:
    """Each code in the source, and the files that write it; the tables do not count."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path not in (TABLE, ADVICE):
                for code in CODE.findall(path.read_text()):
                    found.setdefault(code, set()).add(str(path.relative_to(ROOT)))
    return found


def test_every_code_in_the_source_is_explained() -> None:
    """Nobody is shown a code that `lockstep explain` does not know."""
    assert {} == {code: files for code, files in written().items() if code not in CODES}


def test_every_code_in_the_table_is_used() -> None:
    """A code that nothing prints any more is history: it stays reserved, but not in the table."""
    assert set() == set(CODES) - set(written())


def test_no_code_stands_twice_in_the_table() -> None:
    """A dict would take the last of two without a word."""
    keys = re.findall(r'^    "(LS-[A-Z]+-\d+)":', TABLE.read_text(), re.MULTILINE)
    assert sorted(set(keys)) == sorted(keys) == sorted(CODES)


def test_every_code_has_advice() -> None:
    """And no advice is for a code that does not exist, or stands twice."""
    keys = re.findall(r'^    "(LS-[A-Z]+-\d+)":', ADVICE.read_text(), re.MULTILINE)
    assert list(CODES) == list(HELP) == keys


def test_advice_is_sentences() -> None:
    """On one line, without markup that only a page could follow."""
    odd = [text for text in HELP.values() if not re.fullmatch(r"[A-Z`][^\n]*\.", text)]
    assert [] == odd
    assert [] == [text for text in HELP.values() if "](" in text]


def test_a_title_is_a_clause() -> None:
    """Lower case, one line, no full stop, as it goes into other sentences."""
    odd = [one.title for one in CODES.values() if not re.fullmatch(r"[a-z].*[^.]", one.title)]
    assert [] == odd


def test_titles_tell_codes_apart() -> None:
    """No two codes say the same."""
    titles = [code.title for code in CODES.values()]
    assert sorted(set(titles)) == sorted(titles)


def test_an_error_exits_as_its_first_code_says() -> None:
    """The shell sees what kind of trouble it is; success is no code's exit."""
    for code, meaning in CODES.items():
        error = LockstepError.of(code, "place", "problem", "fix")
        assert (code, meaning.exit) == (error.code, error.exit)
        assert meaning.exit is not Exit.DONE
        assert f"{code} place: problem; fix" == str(error)
    assert [0, 1, 2, 3, 4] == list(Exit)
