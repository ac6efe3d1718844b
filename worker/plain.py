"""Text of strangers, fit for a terminal: what does not show itself is told.

For whatever is shown to people, by a command or in a worker's log. Not for what programs read: they
get JSON in ASCII.
"""

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_EMPTY = {
    *map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)),
    *map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))),
}
"""What Unicode has among letters, marks and symbols, and shows nothing: fillers and selectors."""
_MARKS = {"Mn", "Me"}
_MOST_MARKS = 3
"""On one character, of any language; with more of them a text covers the lines around it."""


def plain(text: str) -> str:
    """Every character that does not show itself as an escape: `\\x1b`, `\\u202e`. So is a mark that
    would sit on what stands before the text.
    """
    if text.isascii() and text.isprintable():
        return text
    told, marks = list[str](), _MOST_MARKS
    for character in text:
        kind = unicodedata.category(character)
        marks = marks + 1 if kind in _MARKS else 0
        hidden = kind in _INVISIBLE or character in _EMPTY or marks > _MOST_MARKS
        told.append(character.encode("unicode_escape").decode() if hidden else character)
    return "".join(told)
