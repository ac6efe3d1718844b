"""What the reading of a page promises: nothing on it goes unread, and nothing false passes."""

import pytest

from tests.runs.manual import Edited, Elsewhere, Restarted, Shown, Typed, acts, differs

TYPED = "```sh\nlockstep runs list\n```\n"
SHOWN = "```text\nno runs\n```\n"
PRINTED = """\
run cluster_digest.local.20261121T085610-f4c166
✓  fetch  FetchMetrics  2.4 s
completed, 5,443 bytes, sha256:3bb8e35a529d…
"""


def only(page: str) -> object:
    (act,) = acts(page)
    return act


def changed(page: str, old: str = "") -> str:
    act = only(page)
    assert isinstance(act, Edited)
    return act.change(old)


def test_a_shell_block_is_typed_line_by_line() -> None:
    """Each line ends with 0, unless a comment says otherwise; a long line may be broken."""
    page = "<!-- exit: 3 -->\n```sh\ncd here\nlockstep \\\n  doctor\n```\n"

    assert Typed(("cd here", "lockstep    doctor"), (0, 3)) == only(page)
    assert Typed(("lockstep runs list",), (0,)) == only(TYPED)


def test_what_is_said_in_comments_is_done() -> None:
    """Elsewhere, in another terminal, again, soon, and after Ctrl-C."""
    page = (
        f"<!-- elsewhere: README.md -->\n{TYPED}"
        f"<!-- terminal: second -->\n{TYPED}{SHOWN}"
        "<!-- restart: second -->\n"
        f"<!-- soon -->\n{TYPED}{SHOWN}"
        f"<!-- exit: 3 -->\n<!-- again -->\n{SHOWN}"
    )
    line = ("lockstep runs list",)

    assert [
        Elsewhere(line, "README.md"),
        Typed(line, (0,), "second"),
        Shown(("no runs",)),
        Restarted("second"),
        Typed(line, (0,), soon=True),
        Shown(("no runs",)),
        Typed(line, (3,)),
        Shown(("no runs",)),
    ] == list(acts(page))


def test_files_are_written_added_to_and_changed() -> None:
    """The whole file, its end, one more item of a list, one value."""
    whole = "Save `a.json`:\n\n<!-- file: a.json -->\n```json plan\n{}\n```\n"
    end = "Add to `b.toml`:\n\n<!-- append: b.toml -->\n```toml\nx = 1\n```\n"
    item = "To `a.json`:\n\n<!-- add: a.json /steps -->\n```json\n3\n```\n"
    value = '<!-- set: a.json /steps/0/id "b" -->\nLet `id` be `b`.\n\nThen go on.\n'

    assert "{}\n" == changed(whole, "old")
    assert "a = 1\n\n\nx = 1\n" == changed(end, "a = 1\n")
    assert '{\n  "steps": [\n    1,\n    3\n  ]\n}\n' == changed(item, '{"steps": [1]}')
    assert '"id": "b"' in changed(value, '{"steps": [{"id": "a"}]}')


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("```python\nx = 1\n```\n", id="a block with nowhere to go"),
        pytest.param("```\nlockstep\n```\n", id="a block of no language"),
        pytest.param("  ```sh\n  lockstep\n  ```\n", id="a block within a list"),
        pytest.param("```sh\nlockstep\n", id="a block without an end"),
        pytest.param(SHOWN, id="output of nothing"),
        pytest.param("<!-- again -->\n", id="nothing to type again"),
        pytest.param(f"<!-- soon -->\n{TYPED}", id="nothing that will be there soon"),
        pytest.param(f"<!-- terminal: second -->\n{TYPED}{TYPED}", id="nothing to go on from"),
        pytest.param(f"<!-- skip: this -->\n{TYPED}", id="a comment that is not known"),
        pytest.param(f"Look: <!-- exit: 3 -->\n{TYPED}", id="a comment within a line"),
        pytest.param(f"<!-- file: a -->\n{TYPED}", id="a comment for another kind of block"),
        pytest.param(f"<!-- exit: 0 3 -->\n{TYPED}", id="more exits than lines"),
        pytest.param(f"{TYPED}<!-- exit: 3 -->\nThe end.\n", id="a comment for no block"),
        pytest.param(
            "Save this:\n\n<!-- file: a.json -->\n```json\n{}\n```\n", id="a file not named"
        ),
        pytest.param('<!-- set: a.json /id "b" -->\nLet `id` be `c`.\n', id="a value not named"),
    ],
)
def test_nothing_goes_unread(page: str) -> None:
    """What is not an act, or does what the prose does not say, is an error of the page."""
    with pytest.raises(ValueError, match=r"\S"):
        list(acts(page))


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PRINTED, id="the same"),
        pytest.param(
            "run cluster_digest.local.20270101T000000-aaaaaa\n"
            "✓  fetch  FetchMetrics      12.0 s\n"
            "completed, 9 bytes, sha256:000000000000…\n",
            id="another time",
        ),
        pytest.param(f"…\n{PRINTED.splitlines()[1]}\n  …\n", id="a part"),
        pytest.param(f"{PRINTED}…\n", id="nothing more"),
    ],
)
def test_what_is_shown_may_be_of_another_run(page: str) -> None:
    """Ids, times, sizes, digests and spaces may differ, and `…` stands for any lines or none."""
    assert "" == differs(tuple(page.splitlines()), PRINTED)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PRINTED.replace("fetch", "detect"), id="another word"),
        pytest.param(PRINTED.replace("✓", "✗"), id="another mark"),
        pytest.param(PRINTED.replace("completed,", "  completed,"), id="another indent"),
        pytest.param("\n".join(PRINTED.splitlines()[1:]), id="a line left out"),
        pytest.param(f"{PRINTED}more\n", id="a line that was not printed"),
        pytest.param("\n".join(reversed(PRINTED.splitlines())), id="another order"),
    ],
)
def test_what_is_shown_is_what_was_printed(page: str) -> None:
    """Every other difference counts, and is told."""
    assert "what was printed" in differs(tuple(page.splitlines()), PRINTED)
