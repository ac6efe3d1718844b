"""What things are called, and how such a name may look.

Names end in activity ids, file names, log keys and Cedar entities, so each has a narrow alphabet
and a length; none can be mistaken for a path, a flag or markup.
"""

from typing import Annotated

from pydantic import StringConstraints

AgentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
StepId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")]
ResourceKind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
ResourceName = Annotated[str, StringConstraints(min_length=1, max_length=512)]
RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,126}$")]
ErrorName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$")]
Role = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]{0,62}$")]
Person = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,126}$")]
Sentence = Annotated[str, StringConstraints(max_length=1000)]


def task_queue(agent: str, environment: str) -> str:
    """The queue that an agent's workers poll in one environment.

    One queue an environment, so that the credentials of production are only ever where production's
    workers run.
    """
    return f"{agent}.{environment}"
