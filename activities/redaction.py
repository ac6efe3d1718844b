"""Takes secrets out of words that are going to be told, however they were spelt on their way.

An error quotes an address in which the secret was made fit for a URL, a header in which it is part
of something in base64, a line of JSON with its quotes escaped. So each value is looked for in all
the spellings that libraries give it. What a program did to it by itself nobody can know: this keeps
accidents from being told, and is no wall against a tool that wants to tell.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from urllib.parse import quote, quote_plus, unquote

SHORTEST = 6
"""Characters of a value, and of a spelling of it, below which it is no secret: `prod`, `8080`."""
_TELLING = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASS|CREDENTIALS?)$|_PWD$|PASS(WORD|WD|PHRASE)$",
    re.IGNORECASE,
)
_WORD = re.compile(r"(?=.{1,16}$)([a-z]+(_[a-z]+)*|[A-Z]+(_[A-Z]+)*)|[0-9]{1,8}")
"""What `SORT_KEY=created_at`, `SHARD_KEY=202611` and a developer's `DB_PASSWORD=postgres` hold.
Taken out of all that is told, it would be taken out of names and ids, and out of the keys of what
is no text but has some.
"""
_PASSWORD = re.compile(r"://[^\s/?#:@]*:([^\s/?#]+)@")
"""Of an address, between its user and its host."""
_LINE = 16
"""Characters of a line of a longer value, which may be told without the others."""


@dataclass(frozen=True)
class Redaction:
    """`secrets` maps each value to what is told instead."""

    secrets: Mapping[str, str]

    def __call__(self, text: str, most: int | None = None) -> str:
        """The text with every value put back to the name that stands for it; of the text no more
        than its first `most` characters, of which none is a part of a value.
        """
        heads, longest = self._known
        if most is not None and len(text) > most:
            # What begins within is looked at to its end, since half a secret is not known for one.
            text = text[: most + longest]
        end = len(text) if most is None else most
        # One look at the text however many secrets there are: mostly none of them begins in it.
        begins = {head for at in range(len(text)) if (head := text[at : at + SHORTEST]) in heads}
        if not begins:
            return text[:end]
        found = sorted(
            (at, -len(spelling), name)
            for head in begins
            for spelling, name in heads[head]
            for at in _places(spelling, text)
            if at < end
        )
        told, until = list[str](), 0
        for start, length, name in found:
            # The longest is named. Of two that overlap nothing is left standing, and no name that
            # was put in is looked into.
            if start >= until:
                told += text[until:start], name
            until = max(until, start - length)
        return "".join((*told, text[until:end]))

    @cached_property
    def _known(self) -> tuple[Mapping[str, list[tuple[str, str]]], int]:
        """Every spelling by its first characters, and how many the longest has."""
        every = {one: name for value, name in self.secrets.items() for one in _spelt(value)}
        heads: dict[str, list[tuple[str, str]]] = {}
        for spelling, name in every.items():
            heads.setdefault(spelling[:SHORTEST], []).append((spelling, name))
        return heads, max(map(len, every), default=0)


def telling(environ: Mapping[str, str]) -> dict[str, str]:
    """The values of variables whose names say that they are secret, and the passwords of addresses
    in any, also where no manifest names them: a tool may read them by itself, and so may a library.

    A name may deceive, so that a plain word is no secret here; one that fills a placeholder is.
    """
    return {
        shown: f"${{{name}}}"
        for name, value in environ.items()
        for shown in _secret(name, value)
        if len(shown) >= SHORTEST and not _WORD.fullmatch(shown.strip())
    }


def _secret(name: str, value: str) -> Iterator[str]:
    if _TELLING.search(name):
        yield value
        yield value.strip()
    for password in _PASSWORD.findall(value):
        yield password
        yield unquote(password)


def _places(spelling: str, text: str) -> Iterator[int]:
    at = text.find(spelling)
    while at >= 0:
        yield at
        at = text.find(spelling, at + len(spelling))


@lru_cache(maxsize=1024)
def _spelt(value: str) -> frozenset[str]:
    return frozenset(one for one in (value, *_others(value)) if len(one) >= SHORTEST)


def _others(value: str) -> Iterator[str]:
    # What the system gave us need not be UTF-8, and half a character keeps nothing from being told.
    whole, part = quote(value, "", errors=_ANY), quote(value, errors=_ANY)
    for escaped in (whole, part, quote_plus(value, errors=_ANY)):
        yield escaped
        yield re.sub(r"%..", lambda found: found[0].lower(), escaped)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield html.escape(value)
    if "\n" in value:
        # Indented, quoted, or logged one by one: a private key is told line by line.
        yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= _LINE)
    data = value.encode(errors=_ANY)
    yield data.hex()
    yield data.hex().upper()
    for before in range(3):
        # Of something longer, whose length before it is any: the digits that are its own alone.
        first, last = -(-8 * before // 6), 8 * (before + len(data)) // 6
        digits = base64.b64encode(bytes(before) + data + bytes(2)).decode()[first:last]
        yield digits
        yield digits.translate(_URL_SAFE)


_ANY = "surrogatepass"
_URL_SAFE = str.maketrans("+/", "-_")
