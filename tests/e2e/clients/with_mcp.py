"""Calls the tools of the service with the official MCP client, in its own environment, and prints what it got as JSON.

Its arguments are the URL of a server, and the command of another one that speaks over standard input and output.
"""

import asyncio
import json
import os
import sys
from typing import Any

from mcp import Client, StdioServerParameters


async def main() -> list[dict[str, Any]]:
    url, command, *arguments = sys.argv[1:]
    server = StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    return [await call(url), await call(server)]


async def call(server: Any) -> dict[str, Any]:
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        searched = await client.call_tool("search", {"question": "Which seals does the pump need?", "limit": 1})
        answered = await client.call_tool("answer", {"question": "Which seals does the pump need?"})
        refused = await client.call_tool("answer", {"question": "x" * 5000})
        return {
            "tools": [tool.name for tool in tools],
            "search": searched.structured_content,
            "answer": answered.structured_content,
            "refused": [refused.is_error, refused.content[0].text],
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main())))
