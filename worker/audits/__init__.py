"""A run that is over, looked into and taken along: bundles of it, and what is told of it."""
