"""Finds out how a service is asked, and brings it the documents that the questions are about."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
from rich.console import Console
from rich.progress import track

from evals.answers.gold import OWN_DOCUMENTS
from evals.datasets import CorpusDocument
from evals.scorecard.asking import PATHS, Door, Protocol, Reply, ask
from evals.scorecard.sources import upload_name
from rag.errors import InvalidInput, Unavailable

API_KEY = "SCORECARD_API_KEY"
"""The environment variable with the service's API key, so that the key is in no list of processes."""
# A question that every corpus has an answer to. Its time does not count, because the service may still be warming up.
_FIRST_QUESTION = "What is described here?"
_MISSING = frozenset({404, 405})
_REQUEST_SECONDS = 60.0
_POLL_SECONDS = 1.0
# States of a document that do not change any more.
_SETTLED = frozenset({"ready", "empty", "rejected"})


@asynccontextmanager
async def open_session(*, with_key: bool = True) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the client. It uses no proxy of the environment, and no request follows a redirect."""
    key = os.environ.get(API_KEY) if with_key else None
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(
        headers=headers,
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        yield session


async def find_door(
    session: aiohttp.ClientSession, url: str, *, protocol: Protocol | None, model: str | None, seconds: float
) -> Door:
    """Ask a first question over each protocol and return the first that the service knows.

    Raise `InvalidInput` if it knows none, and `Unavailable` if it does not answer.
    """
    base = url.rstrip("/").removesuffix("/v1")
    if not base.startswith(("http://", "https://")):
        raise InvalidInput(f"{url} is not a URL of a service, such as http://127.0.0.1:8000.")
    chosen = model or await _first_model(session, base)
    refused: list[str] = []
    for candidate in [protocol] if protocol else list(PATHS):
        door = Door(url=base, protocol=candidate, model=chosen)
        reply = await ask(session, door, _FIRST_QUESTION, seconds=seconds)
        if reply.is_complete:
            return door
        refused.append(f"{PATHS[candidate]}: {reply.describe()} {reply.reason}".strip())
        if reply.status not in _MISSING:
            raise _cannot_ask(base, reply, refused)
    raise InvalidInput(f"{base} speaks none of the protocols. {'; '.join(refused)}")


async def bring_documents(
    session: aiohttp.ClientSession, url: str, documents: Sequence[CorpusDocument], *, seconds: float
) -> None:
    """Upload the documents by `PUT /v1/documents/{id}`, and wait until each of them can be found.

    Raise `InvalidInput` if the service has no such route, and `Unavailable` if it rejects a document or needs longer.
    """
    deadline = time.monotonic() + seconds
    for document in track(documents, "upload", console=Console(stderr=True)):
        await _put(session, url, document)
    waiting = [document.id for document in documents]
    told = ""
    while waiting:
        waiting = [name for name in waiting if not await _is_settled(session, url, name)]
        if (state := f"{len(documents) - len(waiting)} of {len(documents)} documents are ready") != told:
            print(state, file=sys.stderr, flush=True)
            told = state
        if waiting and time.monotonic() > deadline:
            raise Unavailable(
                f"{len(waiting)} documents were not ready within {seconds:g} s, among them {waiting[0]}. "
                "Look at the worker's log, or raise --wait."
            )
        await asyncio.sleep(_POLL_SECONDS if waiting else 0)


async def _put(session: aiohttp.ClientSession, url: str, document: CorpusDocument) -> None:
    address = _address(url, document.id)
    try:
        async with (
            asyncio.timeout(_REQUEST_SECONDS),
            session.put(
                address,
                data=document.text.encode(),
                headers={"Content-Type": "text/markdown"},
                allow_redirects=False,
            ) as response,
        ):
            body = (await response.content.read(500)).decode(errors="replace")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unavailable(f"{address} does not take documents: {error or type(error).__name__}") from error
    if response.status in _MISSING:
        raise InvalidInput(
            f"The service has no PUT /v1/documents/{{id}} (status {response.status}). "
            f"Ingest the folder {OWN_DOCUMENTS} into it, with its paths as names, and pass --uploaded."
        )
    if response.status >= 300:
        raise Unavailable(f"{address} answers with status {response.status}: {body}{_key_hint(response.status)}")


async def _is_settled(session: aiohttp.ClientSession, url: str, name: str) -> bool:
    """Return whether the service has processed the document. Without a route for its state, it has."""
    try:
        status, state = await _state_of(session, _address(url, name))
    except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError) as error:
        raise Unavailable(
            f"The service does not report the state of {name}: {error or type(error).__name__}"
        ) from error
    if state == "rejected":
        raise Unavailable(f"The service rejected {name}, so not all questions can be answered.")
    # It does not know the document yet, or has no such route.
    if status in _MISSING:
        return status == 405
    return state is None or state in _SETTLED


async def _state_of(session: aiohttp.ClientSession, address: str) -> tuple[int, str | None]:
    async with asyncio.timeout(_REQUEST_SECONDS), session.get(address, allow_redirects=False) as response:
        return response.status, (await response.json()).get("state") if response.status == 200 else None


async def _first_model(session: aiohttp.ClientSession, base: str) -> str:
    """Return the first name of `/v1/models`, or any name if the service does not list them."""
    try:
        async with (
            asyncio.timeout(_REQUEST_SECONDS),
            session.get(f"{base}/v1/models", allow_redirects=False) as response,
        ):
            return str((await response.json())["data"][0]["id"]) if response.status == 200 else "default"
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        raise Unavailable(
            f"{base} does not answer: {error or type(error).__name__}. Is the service running?"
        ) from error
    except (aiohttp.ClientError, ValueError, LookupError, TypeError):
        return "default"


def _cannot_ask(base: str, reply: Reply, refused: Sequence[str]) -> Exception:
    return Unavailable(f"{base} did not answer a first question. {'; '.join(refused)}{_key_hint(reply.status)}")


def _key_hint(status: int) -> str:
    return f" Set {API_KEY} to a key of the service." if status in {401, 403} else ""


def _address(url: str, name: str) -> str:
    return f"{url}/v1/documents/{quote(upload_name(name))}"
