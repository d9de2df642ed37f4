"""A generator on any server with OpenAI's `/v1/chat/completions`."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import structlog

from rag.endpoints import endpoint_of
from rag.errors import BadResponse, RequestRejected, Unavailable
from rag.gate import Gate
from rag.http import post
from rag.sse import EventDecoder, EventTooLong, ServerSentEvent
from rag.upstream import Upstream
from service.generation.base import Output, Prompt
from service.generation.completion import DONE, CompletionReader, split_documents
from service.generation.dialect import Quirk, build_request, find_quirk
from service.generation.refusals import explain_refusal

log = structlog.get_logger()

# A whole answer in one event with the probabilities of every token is smaller. Each stream may hold this much.
_MAX_EVENT_BYTES = 4 * 2**20
# The usage follows the finish at once. Some servers neither send [DONE] nor close the connection.
_LINGER_SECONDS = 2.0
# DeepSeek keeps a waiting request alive with comments for ten minutes, 20 times the usual RAG_HTTP__READ.
_KEPT_ALIVE = 20
_COMPLETIONS = "chat/completions"
_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"


_GENERATOR = Upstream("model server", "RAG_GENERATOR__URL, RAG_GENERATOR__MODEL and RAG_GENERATOR__API_KEY")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpoint:
    """A model at an OpenAI-compatible server."""

    url: str
    model: str
    concurrency: int
    upstream: Upstream = _GENERATOR
    settings: str = "RAG_GENERATOR"
    """Group of the settings that an operator changes."""
    provider: str = "openai"
    """Provider name in traces. The semantic conventions use openai for every server with that API."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Fields of the request body that an operator adds or overrides."""
    expects_reasoning: bool = False
    """True if the text probably begins inside the reasoning, because the chat template opens it. An answer that does
    not corrects it.
    """
    quirks: set[Quirk] = field(default_factory=set)
    """What this process has learned about the server, so that only its first answers need a second request."""


class OpenAIGenerator:
    """Streams one completion per call. The gate bounds the parallel calls."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: ModelEndpoint,
        *,
        gate: Gate,
        max_tokens: int,
        temperature: float,
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._url = endpoint_of(endpoint.url, _COMPLETIONS)
        self.model = endpoint.model
        self._gate = gate
        read = session.timeout.sock_read
        self._patience = read * _KEPT_ALIVE if read else None
        self._options = {"model": self.model, "max_tokens": max_tokens, "temperature": temperature}

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Output]:
        async with self._gate.enter(), aclosing(self._converse(prompt)) as pieces:
            try:
                async for piece in pieces:
                    yield piece
            except BadResponse as error:
                raise await self._explain(error) from error

    async def _converse(self, prompt: Prompt) -> AsyncGenerator[Output]:
        """Send the request again without a field that the server rejects. What works then is remembered."""
        endpoint = self._endpoint
        quirks = set(endpoint.quirks)
        request = build_request(prompt, self._options, quirks, endpoint.extra)
        while True:
            has_begun = False
            try:
                async with aclosing(self._complete(request)) as pieces:
                    async for piece in pieces:
                        if not has_begun:
                            self._remember(quirks)
                        has_begun = True
                        yield piece
                return
            except (RequestRejected, Unavailable) as error:
                quirk = None if has_begun else find_quirk(error.upstream, quirks)
                if quirk is None:
                    raise
                quirks.add(quirk)
                rejected, request = request, build_request(prompt, self._options, quirks, endpoint.extra)
                if request == rejected:
                    raise

    async def _explain(self, error: BadResponse) -> BadResponse:
        at, base = self._endpoint, self._url.replace(f"/{_COMPLETIONS}", "", 1)
        return await explain_refusal(
            error, self._session, base=base, model=at.model, headers=at.headers, settings=at.settings
        )

    def _remember(self, quirks: set[Quirk]) -> None:
        for quirk in quirks - self._endpoint.quirks:
            self._endpoint.quirks.add(quirk)
            log.info("model_server_quirk", model=self.model, quirk=quirk)

    async def _complete(self, request: Mapping[str, Any]) -> AsyncGenerator[Output]:
        endpoint = self._endpoint
        is_expected = endpoint.expects_reasoning and "opened_reasoning" not in endpoint.quirks
        starts_inside = is_expected or "unopened_reasoning" in endpoint.quirks
        reader = CompletionReader(endpoint.upstream, starts_inside_reasoning=starts_inside)
        # Leaving this block closes the connection. That tells the server to stop generating.
        async with (
            post(self._session, endpoint.upstream, self._url, request, endpoint.headers) as response,
            aclosing(_read_events(endpoint.upstream, response, reader, self._patience)) as events,
        ):
            async for event in events:
                for part in reader.read(event):
                    yield part
                if reader.is_done:
                    break
        for piece in reader.end():
            yield piece
        if reader.began == "inside":
            self._remember({"unopened_reasoning"})
        # A schema may forbid the reasoning, so the next text can begin differently.
        elif reader.began == "outside" and is_expected and "response_format" not in request:
            self._remember({"opened_reasoning"})


async def _read_events(
    upstream: Upstream, response: aiohttp.ClientResponse, reader: CompletionReader, patience: float | None
) -> AsyncGenerator[ServerSentEvent]:
    """Yield the events of a stream. A server that sends one JSON document instead is read like one event."""
    try:
        async with aclosing(_read_chunks(response, reader, patience)) as chunks:
            start = b""
            async for chunk in chunks:
                start = (start + chunk).lstrip(_BEFORE_JSON)
                if start:
                    break
            if start.startswith(b"{"):
                document = await _read_document(start, chunks)
                yield ServerSentEvent("", document)
                if len(split_documents(document)) == 1:  # Several are events, of which the last one has the finish.
                    yield ServerSentEvent("", DONE)
                return
            decoder = EventDecoder(limit=_MAX_EVENT_BYTES)
            for event in decoder.push(start):
                yield event
            async for chunk in chunks:
                for event in decoder.push(chunk):
                    yield event
            for event in decoder.end():
                yield event
    except EventTooLong as error:
        raise BadResponse(f"The {upstream.name} sent an event of more than {_MAX_EVENT_BYTES:,} bytes.") from error


async def _read_document(start: bytes, chunks: AsyncIterator[bytes]) -> str:
    document = bytearray(start)
    async for chunk in chunks:
        document += chunk
        if len(document) > _MAX_EVENT_BYTES:
            raise EventTooLong
    return document.decode(errors="replace")


async def _read_chunks(
    response: aiohttp.ClientResponse, reader: CompletionReader, patience: float | None
) -> AsyncGenerator[bytes]:
    """Yield the body. After the finish of the answer, neither silence nor a broken connection is an error.

    Before it, a server that sends nothing but signs of life for `patience` seconds is too late.
    """
    seen, waited = (0, False), 0.0
    while True:
        # After the finish, further events do not prolong the wait: a server could send pings for ever.
        if (now := (0 if reader.is_complete else reader.events, reader.is_complete)) != seen:
            seen, waited = now, 0.0
        limit = _LINGER_SECONDS if reader.is_complete else patience
        began = time.monotonic()
        try:
            async with asyncio.timeout(None if limit is None else max(0.0, limit - waited)):
                chunk = await response.content.readany()
        except (TimeoutError, aiohttp.ClientError):
            if reader.is_complete:
                return
            raise
        # Only the wait for the server: a client may read slowly.
        waited += time.monotonic() - began
        if not chunk:
            return
        yield chunk
