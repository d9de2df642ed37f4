"""The lines that the operator reads when the service has started: its address and the settings in force."""

import ipaddress
import os
import shlex
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from pydantic import AnyUrl

from rag.errors import GroundworkError, Misconfigured
from rag.logs import say
from rag.settings import EmbedderSettings, InboxSettings, StoreSettings
from rag.store.base import StoreReader
from service.auth.keys import Keys
from service.nearby_models import USUAL_PORTS, describe_models, find_model_servers
from service.resources import Resources
from service.settings import NoGeneratorSettings, OpenAIGeneratorSettings, Settings
from service.writing.factory import default_mode

_QUESTION = "What happens to a document that exceeds a limit?"
_MEANINGS: Mapping[tuple[str, object], str] = {
    ("worker", "child"): " of this process",
    ("worker", "none"): " in this process: uploads wait until `python -m ingest worker` runs elsewhere",
    ("keys", "none"): ": every program on this machine may ask and upload",
    ("model", "none"): ": answers quote the documents. Set RAG_GENERATOR__KIND=openai to use a server",
}
"""Explanations of values for the operator."""


async def announce_start(resources: Resources, url: str) -> None:
    """Announce that the service answers on `url`."""
    settings = resources.settings
    facts = {
        "documents": await _count_documents(resources.store),
        "mode": default_mode(settings.answering, settings.generator),
        "model": _describe_model(settings),
        "embedder": _describe(settings.embedder, settings.embedder.model),
        "store": _describe(settings.store, settings.store_dir),
        "inbox": _describe(settings.inbox, settings.inbox_dir),
        "worker": settings.worker,
        "keys": _count_keys(resources.keys),
    }
    say("service_ready", _to_text(url, facts), url=url, **facts)
    if "generator" not in settings.model_fields_set:
        await _announce_models(AnyUrl(url).port)


async def _announce_models(own_port: int | None) -> None:
    """Announce the models that the operator could choose. The service itself is not asked."""
    servers = await find_model_servers(port for port in USUAL_PORTS if port != own_port)
    if text := describe_models(servers, os.environ):
        say("models_found", text, servers=[server.url for server in servers])


def url_of(listener: socket.socket) -> str:
    """Return a URL that answers on this machine. It has an address, because `localhost` may be another one."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"


async def _count_documents(store: StoreReader) -> int | str:
    """Return the number of documents, or why the store, which is awaited in the background, cannot count them."""
    try:
        return (await store.survey(since=time.time())).documents
    except GroundworkError as error:
        return f"not known yet: {error}"


def _to_text(url: str, facts: Mapping[str, object]) -> str:
    lines = "".join(f"  {name:<15}{value}{_MEANINGS.get((name, value), '')}\n" for name, value in facts.items())
    return (
        f"\nGroundwork answers on {url}\n"
        f"  the page       {url}/\n"
        f"  the API        {url}/docs\n"
        f"  in a terminal  curl -N {url}/v1/answers -H 'Content-Type: application/json' "
        f"""-d '{{"question": "{_QUESTION}", "stream": true}}'\n"""
        f"  your documents {_python()} -m ingest run ~/my/folder\n"
        f"\nIn use\n{lines}"
    )


def _count_keys(keys: Keys) -> int | str:
    """Return the number of keys, "none" if no caller needs one, or why none of them can be used."""
    try:
        return len(keys.list()) if keys.are_required() else "none"
    except Misconfigured as error:
        return str(error)


def _describe_model(settings: Settings) -> str:
    match settings.generator:
        case NoGeneratorSettings():
            return "none"
        case OpenAIGeneratorSettings(model=model, url=url):
            return f"{model} ({_without_secrets(url)})"
        case embedded:
            return f"{embedded.model} (in this process; docs/guides/own-model.md: how to use a better one)"


def _describe(part: EmbedderSettings | StoreSettings | InboxSettings, name: object) -> str:
    """Return the address of a server, or the name or folder of an embedded part."""
    url = getattr(part, "url", None)
    return f"{name if url is None else _without_secrets(url)} ({part.kind})"


def _without_secrets(url: AnyUrl) -> str:
    """Return scheme, host and port: user, password, path and query may be secret."""
    return f"{url.scheme}://{url.host}{f':{url.port}' if url.port else ''}"


def _python() -> str:
    """Return the path of this interpreter, relative to the current folder if it is inside, as a shell reads it."""
    path = Path(sys.executable)
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))
