"""When a worker looks for garbage.

What an agent is loaded into stays as long as its worker does, and to look through all of it takes a
tenth of a second. Plans, questions and answers come and go in thousands of small parts, most of
them gone again before anybody looks: to look at every seven hundred takes a twentieth of a check.
"""

import gc

_YOUNG = 10_000
"""New objects after which the youngest are looked through; Python's own is 700."""


def settle() -> None:
    """Once everything is loaded: it is looked through a last time and then left alone."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG)
