"""From policy files to rules that can be trusted to mean something.

All that is wrong with them is found at once, before the first question is asked: whoever writes
policy should not learn of the second mistake by correcting the first.
"""

import json
from collections.abc import Iterator

import cedarpy

from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.loading import MAX_FINDINGS
from policies.cedar.advice import advise, one_line, unheard
from policies.cedar.annotations import refused
from policies.cedar.own import CONTEXTS, own
from policies.cedar.own import words as words_of
from policies.cedar.rules import CedarRule, read, twice
from policies.cedar.schema import Vocabulary
from policies.decider import PolicyTexts


def load(texts: PolicyTexts, words: Vocabulary, schema: cedarpy.Schema) -> tuple[CedarRule, ...]:
    """The rules of all files, sorted by id; LS-POLICY-001 for everything that is wrong."""
    rules: list[CedarRule] = []
    problems: list[Finding] = []
    for file, text in texts.every().items():
        found, wrong = read(file, text)
        rules += found
        problems += wrong
    problems += twice(rules)
    problems += _mixed(rules)
    problems += _invalid([rule for rule in rules if not own(rule)], words, schema)
    for action in CONTEXTS:
        about = [rule for rule in rules if rule.tools == frozenset({action})]
        if about:
            known = words_of(action)
            problems += _invalid(about, known, schema_of(known))
    if problems:
        raise LockstepError(*problems[:MAX_FINDINGS])
    return tuple(sorted(rules, key=lambda rule: rule.rule.id))


def _mixed(rules: list[CedarRule]) -> Iterator[Finding]:
    for rule in rules:
        named = own(rule)
        if named and len(rule.tools or ()) > 1:
            first = min(named)
            yield refused(
                rule.place,
                f"names `{first}` beside {'tools' if len(named) < 2 else f'`{max(named)}`'}, "
                "which has other facts",
                "give it a rule of its own",
            )


def _invalid(
    rules: list[CedarRule], words: Vocabulary, schema: cedarpy.Schema
) -> Iterator[Finding]:
    # Cedar numbers policies in the order of the text, and the text is ours.
    result = cedarpy.validate_policies("\n".join(rule.text for rule in rules), schema)
    errors: dict[str, list[str]] = {}
    for error in result.errors:
        errors.setdefault(error.policy_id, []).append(error.error)
    for number, rule in enumerate(rules):
        yield from advise(rule.place, errors.pop(f"policy{number}", ()), words)
        tools = words.actions if rule.tools is None else sorted(rule.tools)
        yield from unheard(rule.place, rule.form["conditions"], tools, words)
    for rest in errors.values():
        yield from advise("policy", map(one_line, rest), words)
    if not result.validation_passed and not result.errors:
        yield from advise("policy", ["is not valid, and Cedar does not say why"], words)


def schema_of(words: Vocabulary) -> cedarpy.Schema:
    """The vocabulary as a handle; LS-POLICY-001 where Cedar refuses a name in it."""
    try:
        return cedarpy.Schema.from_json_str(json.dumps(words.document))
    except ValueError as error:
        raise LockstepError.of(
            "LS-POLICY-001",
            "schema",
            f"Cedar cannot be told of these tools and resources: {one_line(str(error))}",
            "rename what it names",
        ) from None
