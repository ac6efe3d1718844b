"""What strangers wrote is shown as what it is, and nothing in it is obeyed."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from worker.cli.terminal import err, out, safe
from worker.plain import plain


def shown(markup: str) -> str:
    """What a console like ours prints, without its colours."""
    stream = io.StringIO()
    Console(file=stream, emoji=False, highlight=False, soft_wrap=True).print(markup, end="")
    return stream.getvalue()


@pytest.mark.parametrize("console", [out, err], ids=["out", "err"])
def test_a_name_is_no_picture(console: Console) -> None:
    """Names of metrics have colons, and to rich what stands between two of them may be an emoji."""
    with console.capture() as captured:
        console.print(f"[dim]{safe('job:key:rate5m :white_check_mark:')}[/dim]")
    assert "job:key:rate5m :white_check_mark:\n" == captured.get()


@given(text=st.text(alphabet=st.sampled_from("\\[]/#@=ab dim"), max_size=12))
def test_no_text_takes_the_meaning_from_the_markup_around_it(text: str) -> None:
    """Whatever brackets and backslashes it has; one at its end is told in another way."""
    told = f"{text[:-1]}\\x5c" if text.endswith("\\") else text
    assert f"<{told}>{told}!" == shown(f"[dim]<{safe(text)}[/dim]>{safe(text)}[bold]![/bold]")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\x1b[31m\r\n", "\\x1b[31m\\r\\n"),
        ("a\u202eb\u2066", "a\\u202eb\\u2066"),
        ("node\u3164load\ufe0f\u034f", "node\\u3164load\\ufe0f\\u034f"),
        ("\u0338done", "\\u0338done"),
        ("e\u0301" + "\u0301" * 4, "e\u0301\u0301\u0301\\u0301\\u0301"),
        ("\ud800", "\\ud800"),
        ("हिन्दी Grüße 😀 日本", "हिन्दी Grüße 😀 日本"),
    ],
    ids=ascii,
)
def test_what_does_not_show_itself_is_told(text: str, told: str) -> None:
    """Two names that look the same are the same, as far as that is for characters to say."""
    assert told == plain(text)
