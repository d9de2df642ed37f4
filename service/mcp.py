"""Start `python -m service.mcp`: the service's search and answers as tools of the Model Context Protocol.

It is a process of its own that calls the HTTP API, because the protocol's SDK changes how uvicorn shuts down (ADR 67).
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import aiohttp
from pydantic import BaseModel, Field

from rag import __version__
from rag.arguments import ArgumentParser
from rag.errors import Misconfigured
from rag.http import bearer_header
from rag.logs import report
from rag.program import prepare_process, run_program
from service.settings import McpSettings, Settings

_EXAMPLES = """examples:
  python -m service.mcp                   speak over standard input and output, as desktop clients expect
  python -m service.mcp --http            serve http://127.0.0.1:8765/mcp for clients on this machine

needs: a running service at RAG_MCP__URL, and RAG_MCP__API_KEY once it has keys"""
_INSTRUCTIONS = "Search and answer from the organisation's own documents. Cite the sources that a result names."
# An answer may wait in the queue of the model. A client that waits longer has given up.
_SECONDS = 300

Question = Annotated[str, Field(description="A question in plain language.", min_length=1)]
Limit = Annotated[int, Field(description="Number of passages.", ge=1, le=20)]


class Passage(BaseModel):
    """A passage of a document."""

    n: int = Field(description="Number that markers such as [1] refer to.")
    title: str
    heading_path: list[str]
    uri: str
    text: str


class Passages(BaseModel):
    """The passages, best first."""

    results: list[Passage]


class CitedAnswer(BaseModel):
    """An answer with its sources."""

    answer: str
    declined: bool = Field(description="True if nothing near enough to the question was found.")
    unsure: bool = Field(description="True if no passage clearly answers. The answer says so in its first paragraph.")
    citations: list[Passage]


def main() -> int:
    """Run the server until its client leaves, and return the exit status."""
    prepare_process("mcp")
    arguments = build_parser().parse_args()
    return run_program(
        "mcp", Settings, lambda settings: _run(settings.mcp, is_http=arguments.http), log_level="warning"
    )


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    parser = ArgumentParser(
        prog="python -m service.mcp",
        description="Offer search and answers as tools of the Model Context Protocol.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--http", action="store_true", help="serve streamable HTTP on RAG_MCP__PORT of this machine")
    return parser


def _run(settings: McpSettings, *, is_http: bool) -> None:
    server = _build_server(settings)
    if is_http:
        report("mcp_ready", f"Tools for MCP clients: http://127.0.0.1:{settings.port}/mcp")
        # Its callers act with the key of this process, so no other machine may reach it.
        asyncio.run(server.run_streamable_http_async(host="127.0.0.1", port=settings.port))
    else:
        asyncio.run(server.run_stdio_async())


def _build_server(settings: McpSettings) -> Any:
    """Return the server with its tools. Raises `Misconfigured` if the SDK is not installed."""
    try:
        from mcp.server.mcpserver import MCPServer  # noqa: PLC0415 - installed where this program runs only
        from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415
    except ImportError as error:
        raise Misconfigured("The package mcp is not installed. Run `make setup-mcp`.") from error

    async def call(path: str, body: dict[str, Any]) -> Any:
        async with _post(settings, path, body) as response:
            try:
                document = await response.json(content_type=None)
            except ValueError:
                document = {}
            if response.status != 200:
                reason = document.get("detail") or f"The service responded with status {response.status}."
                raise ToolError(f"{reason} (request {document.get('request_id')})")
            return document

    async def search(question: Question, limit: Limit = 5) -> Passages:
        """Search the documents, and return the passages that are nearest to a question."""
        return Passages.model_validate(await call("/v1/search", {"question": question, "limit": limit}))

    async def answer(question: Question, limit: Limit = 5) -> CitedAnswer:
        """Answer a question from the documents, with the passages that support the answer."""
        return CitedAnswer.model_validate(await call("/v1/answers", {"question": question, "limit": limit}))

    server = MCPServer("groundwork", instructions=_INSTRUCTIONS, version=__version__, log_level="WARNING")
    server.tool()(search)
    server.tool()(answer)
    return server


@asynccontextmanager
async def _post(settings: McpSettings, path: str, body: dict[str, Any]) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a request to the service. Raises `ConnectionError` in words that an agent can pass on."""
    headers = bearer_header(settings.api_key)
    limit = aiohttp.ClientTimeout(total=_SECONDS)
    url = f"{str(settings.url).rstrip('/')}{path}"
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as session,
            session.post(url, json=body, headers=headers, allow_redirects=False) as response,
        ):
            yield response
    except aiohttp.ClientError as error:
        raise ConnectionError("The service cannot be reached. Start it, or check RAG_MCP__URL.") from error
    except TimeoutError as error:
        raise ConnectionError(f"The service did not answer within {_SECONDS} s. Ask again later.") from error


if __name__ == "__main__":
    sys.exit(main())
