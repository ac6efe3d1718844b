"""A history held against what may stand in one: decisions, approvals, answers, locks, limits."""
