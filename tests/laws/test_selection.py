"""Which part of a large catalogue is shown: what the goal is about, whatever order it came in."""

import random

from hypothesis import given
from hypothesis import strategies as st

from activities.models.selection import nearest, words

OFFERS = {
    "FetchMetrics": "Reads series of a cluster's metrics from Prometheus.",
    "RestartPod": "Restarts one pod of a namespace.",
    "ScaleDeployment": "Changes how many replicas a deployment has.",
    "SendMail": "Sends a message to somebody.",
    "ListPods": "Lists the pods of a namespace with their state.",
    "RotateSecret": "Gives a secret a new value.",
}
texts = st.text(alphabet="abcdeABCDE_ 0é.", max_size=12)
catalogues = st.dictionaries(texts, texts, max_size=12)


def test_names_are_read_as_words() -> None:
    """However they are joined; a plural is its singular."""
    assert ["fetch", "metric", "node", "load", "1", "http", "error"] == words(
        "FetchMetrics node_load1 HTTPErrors"
    )


def test_what_the_goal_is_about_is_shown() -> None:
    """By words of the name first, then of the description."""
    assert ["ListPods", "RestartPod"] == nearest("restart the failing pods", OFFERS, 2, ())
    assert ["FetchMetrics"] == nearest("what does prometheus say of the cluster", OFFERS, 1, ())


def test_what_is_required_or_named_comes_first() -> None:
    """Nearness decides only about the rest."""
    found = nearest("restart pods, then RotateSecret", OFFERS, 3, ("SendMail",))
    assert ["RestartPod", "RotateSecret", "SendMail"] == found


@given(texts, catalogues, st.integers(1, 12), st.randoms())
def test_the_choice_depends_on_nothing_else(
    goal: str, offers: dict[str, str], most: int, chance: random.Random
) -> None:
    """Not on order; as many as there may be, each of those on offer; and more room loses none."""
    shuffled = list(offers.items())
    chance.shuffle(shuffled)
    found = nearest(goal, offers, most, ())

    assert found == nearest(goal, dict(shuffled), most, ())
    assert min(most, len(offers)) == len(set(found))
    assert set(found) <= set(offers)
    assert set(found) <= set(nearest(goal, offers, most + 1, ()))
