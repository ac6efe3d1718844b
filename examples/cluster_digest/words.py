"""Values, times and foreign text as people read them.

Text in a digest is hostile: metric names, host and title may come from anywhere. HTML is escaped by
its template; here invisible characters are made visible, and Markdown is escaped, which has no
escaping template of its own.
"""

import re
from datetime import UTC, datetime, timedelta

from .series import Unit

LONGEST_TEXT = 120
_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_DECIMAL = ("", "k", "M", "G", "T")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
"""Not `strftime`: a locale must not change a digest."""
_MARKDOWN = re.compile(
    r"[\\`*\[\]<>|#~!&@$]"
    # Emphasis; inside a word it is a letter, and metric names stay legible.
    r"|(?<![^\W_])_|_(?![^\W_])"
    # Addresses that would become links.
    r"|(?<=[A-Z]):(?=\S)|(?<=www)\."
    # The beginnings of lists and rules.
    r"|^[-+](?!\d)|^\d+[.)](?=\s|$)",
    re.IGNORECASE,
)


def quantity(value: float, unit: Unit) -> str:
    """`23.4 %`, `1.3 MiB/s`: three significant digits, and never more than two behind the point."""
    match unit:
        case Unit.PERCENT:
            return f"{_digits(value)} %"
        case Unit.BYTES:
            return _scaled(value, 1024, _BINARY)
        case Unit.BYTES_PER_SECOND:
            return f"{_scaled(value, 1024, _BINARY)}/s"
        case Unit.SECONDS_PER_SECOND:
            return f"{_digits(value * 1000)} ms/s"
        case Unit.PER_SECOND:
            return f"{_scaled(value, 1000, _DECIMAL).strip()}/s"
        case Unit.TASKS:
            return _digits(value)
        case Unit.NUMBER:
            return _scaled(value, 1000, _DECIMAL).strip()


def usual_range(low: float, high: float, minimum: float, unit: Unit) -> str:
    """`12 to 30 %`; for what is never negative, no more is said than `up to 30 %`."""
    if low <= 0 <= minimum:
        return f"up to {quantity(high, unit)}"
    return f"{quantity(low, unit)} to {quantity(high, unit)}"


def day(at: datetime) -> str:
    """`23 Nov 2026`; all times of a digest are UTC, whatever zone they came in."""
    at = at.astimezone(UTC)
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def period(start: datetime, end: datetime) -> str:
    """From when to when, with the date once where one is enough."""
    first, last = (moment(at, min(end - start, timedelta(days=1))) for at in (start, end))
    if day(start) == day(end):
        return f"{day(start)}, {first} – {last}"
    return f"{day(start)}, {first} – {day(end)}, {last}"


def moment(at: datetime, window: timedelta) -> str:
    """As much of a time as tells it apart within the window."""
    at = at.astimezone(UTC)
    if window >= timedelta(days=3):
        return f"{at.day} {_MONTHS[at.month - 1]} {at:%H:%M}"
    return f"{at:%H:%M}" if window >= timedelta(minutes=30) else f"{at:%H:%M:%S}"


def span(length: timedelta) -> str:
    """`15 s`, `2 min 30 s`, `7 d`: at most two units."""
    left = round(length.total_seconds(), 1 if length < timedelta(seconds=10) else None)
    if left < 60:
        return f"{left:g} s"
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:g} {name}")
    return " ".join(parts[:2])


def plain(text: str) -> str:
    """One line with nothing hidden in it: controls, bidi marks and odd spaces become escapes."""
    cut = text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
    return "".join(
        character if character.isprintable() else f"\\u{{{ord(character):x}}}" for character in cut
    )


def markdown(text: str) -> str:
    """One line as Markdown that shows exactly it: no links, tags, emphasis, lists or cells."""
    return _MARKDOWN.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text.strip())


def _scaled(value: float, base: int, names: tuple[str, ...]) -> str:
    size, name = value, names[0]
    for name in names:
        # 999.5 would print as 1000 of the smaller name.
        if abs(size) < base - 0.5 or name == names[-1]:
            break
        size /= base
    return f"{_digits(size)} {name}"


def _digits(value: float) -> str:
    """Three significant digits, as long as a plain number can say it."""
    size = abs(value)
    if size >= 1e6:
        return f"{value:.3g}"
    places = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    text = f"{value:,.{places}f}"
    if places and size < 99.95:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
