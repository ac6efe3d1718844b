"""May it happen? Answered from data alone: facts, checks, Cedar decisions, plan rules."""
