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
from urllib.parse import quote, quote_plus

SHORTEST = 6
"""Characters of a value, and of a spelling of it, below which it is no secret: `prod`, `8080`."""
_TELLING = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASS(WORD|WD|PHRASE)?|CREDENTIALS?)$")


@dataclass(frozen=True)
class Redaction:
    """`secrets` maps each value to what is told instead."""

    secrets: Mapping[str, str]

    def __call__(self, text: str) -> str:
        """The text with every value put back to the name that stands for it."""
        for spelling, name in self._spellings:
            text = text.replace(spelling, name)
        return text

    @cached_property
    def _spellings(self) -> tuple[tuple[str, str], ...]:
        every = {one: name for value, name in self.secrets.items() for one in _spelt(value)}
        # The longest first: a value that is part of another would leave the rest of it standing.
        return tuple(sorted(every.items(), key=lambda one: len(one[0]), reverse=True))


def telling(environ: Mapping[str, str]) -> dict[str, str]:
    """The values of variables whose names say that they are secret, also where no manifest names
    them: a tool may read them by itself, and so may a library.
    """
    return {
        shown: f"${{{name}}}"
        for name, value in environ.items()
        if _TELLING.search(name)
        for shown in (value, value.strip())
        if len(shown) >= SHORTEST
    }


@lru_cache(maxsize=1024)
def _spelt(value: str) -> frozenset[str]:
    return frozenset({value, *(one for one in _others(value) if len(one) >= SHORTEST)})


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
