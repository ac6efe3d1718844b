"""The stand-in model, asked by the client that production uses.

What the client makes of an answer is compared with what the script says, and what it was told of
its usage with the stand-in's own ledger, to the token.
"""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anthropic
import pytest

from lockstep.draft import SCHEMA
from lockstep.errors import LockstepError
from lockstep.standin import Script
from lockstep.unfolding import unfold
from tests.effects.standing import (
    BOTH,
    KEY,
    LONG,
    MODEL,
    PLAN,
    Json,
    ask,
    asked,
    client,
    connected,
    post,
    said,
    script,
    settled,
    told,
)
from worker.standin.billed import Billed
from worker.standin.ledger import Entry
from worker.standin.server import standin
from worker.standin.tokens import count, head, pieces

ROOT = Path(__file__).parents[2]

CONTENTS: dict[str, tuple[Json, list[str], str]] = {
    "text": ({"text": LONG}, [LONG], "end_turn"),
    "json": ({"json": {"a": [1, "é"]}}, ['{"a":[1,"é"]}'], "end_turn"),
    "truncated": ({"truncated": '{"steps":['}, ['{"steps":['], "max_tokens"),
    "after_tokens": ({"text": LONG, "after_tokens": 9}, [head(LONG, 9)], "max_tokens"),
    "refusal": ({"refusal": "cyber"}, [], "refusal"),
    "refusal in mid-sentence": ({"text": "Well,", "refusal": "bio"}, ["Well,"], "refusal"),
    "nothing": ({"nothing": True}, [], "end_turn"),
    "stop_reason": (
        {"text": "a", "stop_reason": "model_context_window_exceeded"},
        ["a"],
        "model_context_window_exceeded",
    ),
}


@BOTH
async def test_a_loop_is_told_which_tools_to_call(stream: bool) -> None:
    """Each with its arguments and an id of its own; what was written for them is billed."""
    uses = [{"name": "fetch", "input": {"of": ["köln"]}}, {"name": "render", "input": {}}]
    with standin(script({"uses": uses})) as model:
        message = await ask(model, stream)
        entry = model.ledger[0]
    blocks = [block for block in message.content if block.type == "tool_use"]

    assert uses == [{"name": block.name, "input": block.input} for block in blocks]
    assert 2 == len({block.id for block in blocks})
    assert "tool_use" == message.stop_reason
    weight = count("fetch") + count('{"of":["köln"]}') + count("render") + count("{}")
    assert (weight, entry.usage) == (message.usage.output_tokens, told(message))


@BOTH
@pytest.mark.parametrize(("answer", "words", "stop"), CONTENTS.values(), ids=CONTENTS.keys())
async def test_the_client_hears_what_the_script_says(
    stream: bool, answer: Json, words: list[str], stop: str
) -> None:
    """Words, stop reason, model and usage arrive, and the ledger has the same usage."""
    with standin(script(answer)) as model:
        message = await ask(model, stream)
        entry = model.ledger[0]
    category = message.stop_details.category if message.stop_details else None

    assert (words, stop, MODEL) == (said(message), message.stop_reason, message.model)
    assert answer.get("refusal") == category
    assert entry.usage == told(message)
    assert max(1, count("".join(words))) == message.usage.output_tokens
    assert (200, "complete", True, stream) == (
        *(entry.status, entry.ending),
        *(entry.key_present, entry.stream),
    )


@BOTH
async def test_a_proposal_is_a_plan_in_the_models_own_form(stream: bool) -> None:
    """What is proposed unfolds to the plan that the script holds."""
    with standin(script({"proposal": {**PLAN, "gaps": ["mail it"]}})) as model:
        message = await ask(model, stream)

    assert (PLAN, ("mail it",)) == unfold(said(message)[0], PLAN["goal"])


@BOTH
async def test_no_answer_is_longer_than_was_asked_for(stream: bool) -> None:
    """`max_tokens` cuts a longer text, as it does in production."""
    with standin(script({"text": LONG})) as model:
        message = await ask(model, stream, asked(max_tokens=7))

    assert ([head(LONG, 7)], "max_tokens", 7) == (
        *(said(message), message.stop_reason),
        message.usage.output_tokens,
    )


async def test_answers_come_in_order_and_the_last_for_ever() -> None:
    """`times` repeats one answer before the next."""
    with standin(script({"text": "a", "times": 2}, {"text": "b"})) as model:
        words = [said(await ask(model))[0] for _ in range(5)]

    assert ["a", "a", "b", "b", "b"] == words
    assert [0, 0, 1, 1, 1] == [entry.answer for entry in model.ledger]


async def test_a_scene_may_begin_again() -> None:
    """`cycle` gives the first answer after the last."""
    with standin(script({"text": "a"}, {"text": "b"}, then="cycle")) as model:
        assert ["a", "b", "a"] == [said(await ask(model))[0] for _ in range(3)]


SCENES: list[tuple[Json, Json]] = [
    ({"contains": "weekly"}, asked("the weekly digest")),
    ({"contains": ["weekly", "digest"]}, asked("the weekly digest")),
    (
        {"last_contains": "once more"},
        asked("x", messages=[{"role": "user", "content": "once more"}]),
    ),
    ({"system_contains": "kraken"}, asked(system="you are a kraken")),
    ({"model": "claude-haiku-5-5"}, asked(model="claude-haiku-5-5")),
]


@pytest.mark.parametrize(("when", "fitting"), SCENES, ids=[str(when) for when, _ in SCENES])
async def test_a_request_takes_the_first_scene_that_fits(when: Json, fitting: Json) -> None:
    """All that a scene asks for must be there; one that asks for nothing takes the rest."""
    scenes = [{"when": when, "answers": [{"text": "a"}]}, {"answers": [{"text": "b"}]}]
    with standin({"lockstep": "standin/1", "scenes": scenes}) as model:
        words = [said(await ask(model, request=one))[0] for one in (asked("nothing"), fitting)]

    assert ["b", "a"] == words
    assert [1, 0] == [entry.scene for entry in model.ledger]


async def test_a_conversation_stays_in_its_scene() -> None:
    """`contains` looks at what the user said first, so a rejected plan's successor is the next
    answer of the same scene, whatever the rejection says.
    """
    scenes = [
        {"when": {"contains": "monthly"}, "answers": [{"text": "monthly"}]},
        {"when": {"contains": "weekly"}, "answers": [{"text": "one"}, {"text": "two"}]},
    ]
    with standin({"lockstep": "standin/1", "scenes": scenes}) as model:
        first: Json = {"role": "user", "content": "the weekly digest"}
        turns = [first, {"role": "assistant", "content": "one"}]
        turns.append({"role": "user", "content": [{"type": "text", "text": "not monthly?"}]})
        words = [said(await ask(model, request=asked(messages=m)))[0] for m in ([first], turns)]

    assert ["one", "two"] == words
    assert ["the weekly digest", "not monthly?"] == [one.last_message for one in model.ledger]


async def test_a_request_without_a_scene_is_told_so() -> None:
    """It is an error that no client retries, and names what was asked."""
    scenes = [{"when": {"contains": "weekly"}, "answers": [{"text": "a"}]}]
    with standin({"lockstep": "standin/1", "scenes": scenes}) as model:
        with pytest.raises(anthropic.NotFoundError, match="no scene of the script fits `yearly`"):
            await ask(model, request=asked("yearly"))
        entry = model.ledger[0]

    assert (None, "rejected", Billed()) == (entry.scene, entry.kind, entry.usage)


async def test_what_was_marked_is_cached_by_its_exact_prefix() -> None:
    """Written once, read ever after; another model, schema or beginning shares nothing."""
    goal = {"type": "text", "text": "g" * 40, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    turns = [{"role": "user", "content": [goal, {"type": "text", "text": "t" * 8}]}]
    schema = count(json.dumps(SCHEMA, separators=(",", ":")))
    constant = schema + count("You plan.") + count("tools: " * 20)
    with standin(script({"text": "a"})) as model:
        first = told(await ask(model, request=asked()))
        again = told(await ask(model, request=asked("another")))
        longer = told(await ask(model, request=asked(messages=turns)))
        longer_again = told(await ask(model, request=asked(messages=turns)))
        elsewhere = told(await ask(model, request=asked(model="claude-opus-5-5")))
        free = told(await ask(model, request=asked(output_config={})))

    assert Billed(input_tokens=6, output_tokens=1, cache_creation_input_tokens=constant) == first
    assert Billed(input_tokens=2, output_tokens=1, cache_read_input_tokens=constant) == again
    assert (
        Billed(
            input_tokens=2,
            output_tokens=1,
            cache_read_input_tokens=constant,
            cache_creation_input_tokens=10,
            cache_creation_1h_input_tokens=10,
        )
        == longer
    )
    assert Billed(input_tokens=2, output_tokens=1, cache_read_input_tokens=constant + 10) == (
        longer_again
    )
    assert (first, constant - schema) == (elsewhere, free.cache_creation_input_tokens)


async def test_counting_tokens_says_what_asking_costs() -> None:
    """The count is the whole input; it is free and takes no answer from the script."""
    request = asked()
    with standin(script({"text": "a"}, {"text": "b"})) as model:
        async with client(model) as opened:
            counted = await opened.messages.count_tokens(
                **{name: part for name, part in request.items() if name != "max_tokens"}
            )
        message = await ask(model, request=request)

    assert ["a"] == said(message)
    assert told(message).total - told(message).output_tokens == counted.input_tokens
    assert ("count_tokens", Billed()) == (model.ledger[0].endpoint, model.ledger[0].usage)


async def test_a_script_may_say_what_is_billed() -> None:
    """`usage` replaces what was counted, also where nothing arrived."""
    usage = {"input_tokens": 70, "output_tokens": 9, "cache_read_input_tokens": 5}
    answers = ({"text": LONG, "usage": usage}, {"drop": True, "usage": usage})
    with standin(script(*answers)) as model:
        heard = told(await ask(model))
        with pytest.raises(anthropic.APIConnectionError):
            await ask(model)
        lost = settled(model, "broken").usage

    assert Billed(input_tokens=70, output_tokens=9, cache_read_input_tokens=5) == lost
    assert lost == heard.model_copy(update={"cache_creation_input_tokens": 0})


async def test_an_answer_takes_its_time() -> None:
    """`delay_seconds` before the first byte, `tokens_per_second` from then on."""
    answer = {"text": "abcd" * 40, "delay_seconds": 0.1, "tokens_per_second": 200}
    for stream in (True, False):
        with standin(script(answer)) as model:
            start = time.monotonic()
            await ask(model, stream)
            assert 0.3 <= time.monotonic() - start < 3


async def test_the_name_of_the_model_may_be_another() -> None:
    """The script's, or one answer's own."""
    played = {**script({"text": "a"}, {"text": "b", "model": "n"}), "model": "m"}
    with standin(played) as model:
        assert ["m", "n"] == [(await ask(model)).model for _ in range(2)]


async def test_many_are_answered_at_once() -> None:
    """Each gets an answer of its own, each answer is given once, and the books add up."""
    answers = [{"json": {"n": n}, "tokens_per_second": 50} for n in range(100)]
    with standin(script(*answers)) as model:
        async with client(model) as opened:

            async def one() -> anthropic.types.Message:
                async with opened.messages.stream(**asked()) as streamed:
                    return await streamed.get_final_message()

            messages = await asyncio.gather(*(one() for _ in range(100)))

    assert set(range(100)) == {json.loads(said(message)[0])["n"] for message in messages}
    assert sum(map(told, messages), Billed()) == model.totals.usage
    assert (100, 100) == (model.totals.requests, len({one.request_id for one in model.ledger}))
    assert 99 == sum(one.usage.cache_read_input_tokens > 0 for one in model.ledger)


async def test_other_processes_can_read_the_ledger() -> None:
    """`GET /ledger` is the same, and the key is not in it."""
    with standin(script({"text": "a"}, {"error": {"status": 500}})) as model:
        await ask(model)
        with pytest.raises(anthropic.InternalServerError):
            await ask(model)
        connection = http.client.HTTPConnection(model.base_url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/ledger")
        text = connection.getresponse().read().decode()
        connection.close()
        written = json.loads(text)

    assert model.ledger == tuple(Entry.model_validate(one) for one in written["entries"])
    assert model.totals.model_dump() == written["totals"]
    assert KEY not in text


async def test_who_listens_hears_every_request_when_it_ends() -> None:
    """`heard` is called with the entry that the ledger keeps."""
    heard: list[Entry] = []
    with standin(script({"text": "a"}), heard=heard.append) as model:
        await ask(model)

    assert heard == list(model.ledger)


async def test_nothing_is_said_on_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Nor on standard error, whatever clients do."""
    with standin(script({"drop": True}, {"text": "a"})) as model:
        with pytest.raises(anthropic.APIConnectionError):
            await ask(model)
        with connected(model) as rude:
            rude.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        await ask(model)

    assert ("", "") == tuple(capfd.readouterr())


async def test_files_lie_beside_the_script(tmp_path: Path) -> None:
    """A script in a folder names its answers, and its plan files, from there."""
    (tmp_path / "prose.txt").write_text("für später\n")
    (tmp_path / "weekly.plan.json").write_text(json.dumps(PLAN))
    path = tmp_path / "script.json"
    path.write_text(
        json.dumps(script({"file": "prose.txt"}, {"proposal_file": "weekly.plan.json"}))
    )
    with standin(path) as model:
        words = [said(await ask(model))[0] for _ in range(2)]

    assert "für später\n" == words[0]
    assert (PLAN, ()) == unfold(words[1], PLAN["goal"])


BROKEN: dict[str, tuple[Any, str, str]] = {
    "unknown field": (script({"text": "a", "teh": 1}), "LS-LOAD-007", "/scenes/0/answers/0/teh"),
    "no answer": (script({}), "LS-LOAD-007", "/scenes/0/answers/0"),
    "no answers": (script(), "LS-LOAD-007", "/scenes/0/answers"),
    "two contents": (script({"text": "a", "json": 1}), "LS-LOAD-007", "/scenes/0/answers/0"),
    "two faults": (script({"drop": True, "cut": {}}), "LS-LOAD-007", "/scenes/0/answers/0"),
    "words that are dropped": (
        script({"text": "a", "drop": True}),
        *("LS-LOAD-007", "/scenes/0/answers/0"),
    ),
    "a header of ours": (
        script({"error": {"status": 429, "headers": {"Content-Length": "3"}}}),
        *("LS-LOAD-007", "/scenes/0/answers/0/error/headers"),
    ),
    "another format": ({**script({"text": "a"}), "lockstep": "plan/1"}, "LS-LOAD-007", "/lockstep"),
    "a scene that is never reached": (
        {"lockstep": "standin/1", "scenes": script({"text": "a"})["scenes"] * 2},
        *("LS-LOAD-007", ""),
    ),
    "a file that is not there": (script({"file": "no.txt"}), "LS-LOAD-001", "no.txt"),
    "a plan that is not there": (script({"proposal_file": "no.json"}), "LS-LOAD-001", "no.json"),
}


@pytest.mark.parametrize(("written", "code", "place"), BROKEN.values(), ids=BROKEN.keys())
def test_a_script_that_cannot_be_played_is_refused(
    tmp_path: Path, written: Any, code: str, place: str
) -> None:
    """By code and place, before any server is there, and once."""
    path = tmp_path / "script.json"
    path.write_text(json.dumps(written))
    with pytest.raises(LockstepError) as caught, standin(path):
        raise AssertionError("this script was played")

    assert [code] == [finding.code for finding in caught.value.findings]
    assert caught.value.findings[0].place.endswith(place)


def test_a_taken_port_is_named() -> None:
    """LS-SRV-009, with the number."""
    with standin(script({"text": "a"})) as model:
        port = int(model.base_url.rpartition(":")[2])
        again = standin(script({"text": "a"}), port)
        with pytest.raises(LockstepError, match=f"LS-SRV-009 stand-in: port {port} of"), again:
            raise AssertionError("two servers have one port")


def test_a_port_is_free_again_at_once() -> None:
    """Whoever restarts a stand-in finds its port."""
    port = 0
    for _ in range(3):
        with standin(Script.model_validate(script({"text": "a"})), port) as model:
            port = int(model.base_url.rpartition(":")[2])
            assert 200 == post(model, json.dumps(asked()))[0]


@pytest.mark.parametrize("text", ["", "a", "abcd", "ä" * 100, "😀" * 33, "a😀ä€" * 50, "x" * 32])
def test_pieces_are_the_text_and_their_tokens_add_up(text: str) -> None:
    """No character is split or lost, and each beginning has the tokens that are billed for it."""
    found = list(pieces(text))
    beginnings = ["".join(piece for piece, _ in found[: n + 1]) for n in range(len(found))]

    assert text == "".join(piece for piece, _ in found)
    assert [count(one) for one in beginnings] == [tokens for _, tokens in found]
    assert text == head(text, count(text))
    assert all(count(head(text, n)) <= n for n in range(20))


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
async def test_the_command_serves_until_it_is_told(tmp_path: Path, ending: signal.Signals) -> None:
    """One JSON document with the address and the variables; exit 0, though an answer hangs."""
    path = tmp_path / "script.json"
    path.write_text(json.dumps(script({"text": "a"}, {"hang": {"seconds": 600}})))
    command = [sys.executable, "-P", "-m", "worker.cli.main", "standin", str(path)]
    process = subprocess.Popen(
        [*command, "--format", "json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LOCKSTEP_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(process.stdout.readline())
            assert lines[-1]
        shown = json.loads("".join(lines))
        variables = shown["environment"]
        async with anthropic.AsyncAnthropic(
            api_key=variables["ANTHROPIC_API_KEY"],
            base_url=variables["ANTHROPIC_BASE_URL"],
            max_retries=0,
        ) as opened:
            async with opened.messages.stream(**asked()) as streamed:
                assert ["a"] == said(await streamed.get_final_message())
            hanging = asyncio.create_task(opened.messages.create(**asked()))
            await asyncio.sleep(0.2)
            process.send_signal(ending)
            with pytest.raises(anthropic.APIConnectionError):
                await hanging
        assert 0 == await asyncio.to_thread(process.wait, 10)
        assert "" == process.stdout.read()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
