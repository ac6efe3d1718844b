"""Mutated documents are the same whichever came before them."""

import json
from random import Random

from benchmarks.mutations import ODD, structure_of

PLAN = {"steps": [{"id": f"s{n}", "args": {"x": [n, {"y": "z"}]}} for n in range(4)]}


def mutated(number: int) -> str:
    return json.dumps(structure_of(Random(number), json.loads(json.dumps(PLAN))))


def test_a_number_makes_the_same_document_again() -> None:
    """What is put into one is not shared with the next."""
    odd = json.dumps(ODD)
    first = [mutated(number) for number in range(300)]

    assert first == [mutated(number) for number in range(300)]
    assert odd == json.dumps(ODD)
