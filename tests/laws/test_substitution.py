"""A substitute changes what the catalogue names, where it belongs, and nothing else."""

from typing import Any

from pydantic import JsonValue

from lockstep.action import Substitute
from lockstep.substitution import replaced, substituted
from tests.laws.port import world

SCUTTLE = world().tools["ScuttleShip"].input
LIST = world().tools["ListShips"].input


def way(**fields: Any) -> Substitute:
    return Substitute.model_validate({"kind": "substitute", **fields})


def test_a_resource_is_replaced_wherever_an_argument_is_marked_with_its_kind() -> None:
    """Each place once, so that two that change places do not end as one."""
    swap = way(resources={"ship": {"skiff": "tender", "tender": "skiff"}})
    args: dict[str, JsonValue] = {"ship": "skiff", "crew": ["tender", "aurora", "skiff"]}
    new = substituted(args, [swap], SCUTTLE)
    assert {"ship": "tender", "crew": ["skiff", "aurora", "tender"]} == new
    assert ["/crew/0", "/crew/2", "/ship"] == sorted(one.at for one in replaced(args, new))
    assert {"ship": "skiff", "crew": ["tender", "aurora", "skiff"]} == args


def test_the_same_word_elsewhere_is_left_alone() -> None:
    """`north` may be a cargo one day, and the berth is none."""
    other = way(resources={"cargo": {"north": "coal"}})
    args: dict[str, JsonValue] = {"cargo": ["north"], "berth": "north"}
    assert {"cargo": ["coal"], "berth": "north"} == substituted(args, [other], LIST)


def test_arguments_are_laid_over_and_resources_replaced_in_what_comes_of_it() -> None:
    """In one substitute, and of several one on top of the other."""
    first = way(args={"cargo": ["coal"]}, resources={"cargo": {"coal": "grain"}})
    second = way(args={"berth": "south"})
    args: dict[str, JsonValue] = {"cargo": ["peat"], "berth": "north"}
    assert {"cargo": ["grain"], "berth": "south"} == substituted(args, [first, second], LIST)
    assert args == substituted(args, [], LIST)


def test_a_substitute_that_changes_nothing_says_so() -> None:
    """Then it is no way out, and the next action comes."""
    args: dict[str, JsonValue] = {"cargo": ["grain"]}
    new = substituted(args, [way(resources={"cargo": {"coal": "grain"}})], LIST)
    assert () == replaced(args, new)
    (added,) = replaced(args, substituted(args, [way(args={"berth": "south"})], LIST))
    assert '/berth nothing -> "south"' == str(added)
