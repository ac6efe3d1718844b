"""The baselines: a model in a loop with tools, written on the plain SDK, and one on LangGraph.

Both are as good as their makers' documents have them: independent calls go out at once, and the
plain loop marks all that it repeats for the cache.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import anthropic

from activities.models.prompt import untitled
from lockstep import Tool

SYSTEM = (
    "You look up what an incident review asks for. Call the tools you need, as many at once as do "
    "not depend on one another, then say in one sentence what was found."
)
MAX_TOKENS = 16_000
MAX_TURNS = 100


async def plain(base_url: str, key: str, model: str, tools: Mapping[str, Tool], goal: str) -> str:
    """The loop on Anthropic's SDK: ask, call what is wanted, hand back, until nothing is wanted."""
    offered: list[Any] = [
        {
            "name": name,
            "description": tool.spec.description,
            "input_schema": untitled(tool.spec.input),
        }
        for name, tool in sorted(tools.items())
    ]
    messages: list[Any] = [{"role": "user", "content": goal}]
    async with anthropic.AsyncAnthropic(api_key=key, base_url=base_url, max_retries=0) as client:
        for _ in range(MAX_TURNS):
            answer = await client.messages.create(
                model=model,
                max_tokens=MAX_TOKENS,
                system=SYSTEM,
                tools=offered,
                messages=messages,
                cache_control={"type": "ephemeral"},
            )
            messages.append({"role": "assistant", "content": answer.content})
            wanted = [block for block in answer.content if block.type == "tool_use"]
            if not wanted:
                return "".join(block.text for block in answer.content if block.type == "text")
            results = await asyncio.gather(
                *(called(tools[block.name], dict(block.input)) for block in wanted)
            )
            messages.append(
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": block.id, "content": result}
                        for block, result in zip(wanted, results, strict=True)
                    ],
                }
            )
    raise RuntimeError(f"the loop did not end after {MAX_TURNS} turns")


async def langgraph(
    base_url: str, key: str, model: str, tools: Mapping[str, Tool], goal: str
) -> str:
    """The same on LangGraph's own agent; ImportError where it is not installed."""
    from langchain_anthropic import ChatAnthropic  # noqa: PLC0415
    from langchain_core.tools import StructuredTool  # noqa: PLC0415
    from langgraph.prebuilt import create_react_agent  # noqa: PLC0415

    def wrapped(tool: Tool) -> StructuredTool:
        async def call(**args: Any) -> str:
            return await called(tool, args)

        return StructuredTool.from_function(
            coroutine=call,
            name=tool.name,
            description=tool.spec.description,
            args_schema=tool.input,
        )

    chat = ChatAnthropic(
        model_name=model,
        max_tokens_to_sample=MAX_TOKENS,
        api_key=key,
        base_url=base_url,
        max_retries=0,
        timeout=600,
        stop=None,
    )
    offered = [wrapped(tool) for _, tool in sorted(tools.items())]
    agent = create_react_agent(chat, offered, prompt=SYSTEM)
    said = await agent.ainvoke({"messages": [("user", goal)]}, {"recursion_limit": 2 * MAX_TURNS})
    return str(said["messages"][-1].text)


async def called(tool: Tool, args: dict[str, Any]) -> str:
    """What a tool says, as the model is told it."""
    request = tool.input.model_validate(args)
    output = await tool.function(request)
    return str(output.model_dump_json())
