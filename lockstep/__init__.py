"""Lockstep: the model proposes, the lock disposes.

This is the public vocabulary. What an agent's author writes is in here, and what a test of an agent
needs; everything else is reached by its own name.
"""

from lockstep.agent import Agent
from lockstep.amount import Amount
from lockstep.call import Call, Signal
from lockstep.decision import Decision, Outcome
from lockstep.environment import Environment, Stage
from lockstep.errors import LockstepError
from lockstep.escalation import Answer, Question, Verdict
from lockstep.event import Event
from lockstep.finding import Finding
from lockstep.loading import load
from lockstep.lock import Lock
from lockstep.plan import Plan, Step
from lockstep.record import Record
from lockstep.resource import Resource
from lockstep.rule import PlanRule, PlanView, StepView, Violation, plan_rule
from lockstep.tool import Effect, Idempotency, Tool, tool

__all__ = [
    "Agent",
    "Amount",
    "Answer",
    "Call",
    "Decision",
    "Effect",
    "Environment",
    "Event",
    "Finding",
    "Idempotency",
    "Lock",
    "LockstepError",
    "Outcome",
    "Plan",
    "PlanRule",
    "PlanView",
    "Question",
    "Record",
    "Resource",
    "Signal",
    "Stage",
    "Step",
    "StepView",
    "Tool",
    "Verdict",
    "Violation",
    "load",
    "plan_rule",
    "tool",
]
