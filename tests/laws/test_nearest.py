"""Which name was probably meant?"""

from difflib import get_close_matches
from random import Random

import pytest

from policies.checks.misfit import nearest


def a_name(random: Random) -> str:
    """Of few letters, so that names are often close, and equally close."""
    length = random.choice((0, 1, 2, 3, 5, 8, 12, 30))
    return "".join(random.choice("ab_01") for _ in range(length))


@pytest.mark.parametrize("seed", range(40))
def test_the_nearest_name_is_the_one_that_difflib_finds(seed: int) -> None:
    """Fewer names are looked at, and the answer is the same, of equally close names too."""
    random = Random(seed)
    for _ in range(25):
        given, names = a_name(random), [a_name(random) for _ in range(random.randrange(12))]
        assert next(iter(get_close_matches(given, names, 1)), None) == nearest(given, names)


def test_a_long_word_is_weighed_as_difflib_weighs_it() -> None:
    """From two hundred letters on difflib passes over those that stand there often."""
    given = "metric_" * 40
    names = [given[:-1] + "x", given[7:], "metric"]
    assert get_close_matches(given, names, 1) == [nearest(given, names)]


def test_what_is_much_longer_is_near_to_nothing() -> None:
    """Nor is a word that somebody sends by the thousand letters."""
    assert nearest("fetch" * 2000, [f"fetch{number}" for number in range(50)]) is None
