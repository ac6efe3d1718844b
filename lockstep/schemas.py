"""The published JSON Schemas: what plans, locks, manifests, events and the rest look like.

Generated from the nouns themselves, so that they cannot say anything else.
"""

from typing import Any

from pydantic import BaseModel, TypeAdapter

from lockstep.agent import Agent
from lockstep.case import Cases
from lockstep.catalogue import Pinned
from lockstep.contents import Contents
from lockstep.declaration import DeclarationFile
from lockstep.environment import Environment
from lockstep.escalation import Answer, Question
from lockstep.event import Event
from lockstep.lock import Lock
from lockstep.mock import Mock
from lockstep.pinned_tools import PinnedTools
from lockstep.plan import Plan
from lockstep.standin import Script
from lockstep.standing import StandingGrants

NOUNS: dict[str, type[BaseModel]] = {
    "agent": Agent,
    "answer": Answer,
    "cases": Cases,
    "catalogue": Pinned,
    "environment": Environment,
    "event": Event,
    "grants": StandingGrants,
    "lock": Lock,
    "mcp": PinnedTools,
    "mock": Mock,
    "pins": Contents,
    "plan": Plan,
    "question": Question,
    "standin": Script,
    "tool": DeclarationFile,
}


def published(noun: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a noun; KeyError for one that is not published."""
    schema = TypeAdapter(NOUNS[noun]).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:lockstep:{noun}:1",
        **schema,
    }
