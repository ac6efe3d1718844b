"""What a token is here: four bytes of UTF-8.

No model's tokenizer is like that. It needs no table, anybody can check it by hand, and a text cut
after so many tokens is the same text every time.
"""

from collections.abc import Iterator

BYTES = 4
PIECE = 8
"""Tokens in one event of a stream, at most."""


def count(text: str) -> int:
    """Bytes in UTF-8, by four, rounded up; nothing is 0 tokens."""
    return -(-len(text.encode()) // BYTES)


def head(text: str, tokens: int) -> str:
    """The longest beginning of so many tokens; no character is split."""
    return text.encode()[: tokens * BYTES].decode(errors="ignore")


def pieces(text: str) -> Iterator[tuple[str, int]]:
    """The text in events, each with the tokens of the text up to its end."""
    data, start = text.encode(), 0
    for end in range(PIECE * BYTES, len(data) + PIECE * BYTES, PIECE * BYTES):
        piece = data[start:end].decode(errors="ignore")
        start += len(piece.encode())
        yield piece, -(-start // BYTES)
