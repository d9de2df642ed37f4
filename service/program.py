"""The commands of `python -m service`: serve the API, and manage API keys."""

import argparse
import asyncio
import errno
import gc
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
import uvloop

from rag.errors import Misconfigured
from rag.logs import say
from rag.program import run_program
from rag.tracing.spans import open_tracing
from service.app import create_app
from service.auth.keys import Keys
from service.http.draining import DrainingServer
from service.resources import open_resources
from service.settings import NoGeneratorSettings, Settings
from service.worker import open_worker

_LAST_PORT = 65535

_EXAMPLES = """examples:
  python -m service                                serve on 127.0.0.1:8000
  python -m service --port 9000                    serve on another port
  python -m service keys create --tenant acme --role writer
  python -m service --host 0.0.0.0                 accept remote clients; API keys must exist
  curl -N localhost:8000/v1/answers -H 'Content-Type: application/json' \\
       -d '{"question": "How do I run it?", "stream": true}'

settings: environment variables RAG_… or the file .env; docs/reference/settings.md lists them"""


def main() -> int:
    """Run the command of `sys.argv` and return the exit status."""
    arguments = build_parser().parse_args()
    log_level = "warning" if arguments.command == "keys" else None
    return run_program("service", Settings, lambda settings: _run(arguments, settings), log_level=log_level)


def _run(arguments: argparse.Namespace, settings: Settings) -> None:
    if arguments.command == "keys":
        _manage_keys(arguments, Keys(settings.keys_file))
        return
    given = {name: value for name in ("host", "port") if (value := getattr(arguments, name)) is not None}
    _serve(settings.model_copy(update=given))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Serve answers with citations from the collection.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", help="address to listen on (RAG_HOST)")
    parser.add_argument("--port", type=_port, help="port to listen on (RAG_PORT)")
    commands = parser.add_subparsers(dest="command")
    keys_parser = commands.add_parser("keys", help="create, list and revoke API keys")
    keys = keys_parser.add_subparsers(dest="action", required=True)
    create = keys.add_parser("create", help="print a new key; it cannot be shown again")
    create.add_argument("--tenant", default="default", help="tenant that the key belongs to (default: %(default)s)")
    create.add_argument("--role", choices=["reader", "writer"], default="reader", help="a writer may upload and delete")
    keys.add_parser("list", help="list every key with its tenant and role, without the secret")
    revoke = keys.add_parser("revoke", help="revoke a key at once")
    revoke.add_argument("id", help="key id from `keys list`")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a valid port; use 0 to {_LAST_PORT}")
    return int(text)


def _manage_keys(arguments: argparse.Namespace, keys: Keys) -> None:
    match arguments.action:
        case "create":
            _print(keys.create(tenant=arguments.tenant, role=arguments.role))
        case "revoke":
            keys.revoke(arguments.id)
            _print(f"{arguments.id} is revoked.")
        case "list":
            for key in keys.list():
                created = datetime.fromtimestamp(key.created_at, UTC).strftime("%Y-%m-%d %H:%M")
                _print(f"{key.id}  {key.role:6}  {created}  {key.tenant}")


def _serve(settings: Settings) -> None:
    _require_keys_beyond_loopback(settings)
    listener = _listen(settings.host, settings.port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_on(listener, settings))


async def _serve_on(listener: socket.socket, settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        # Resources come first: if they cannot be opened, the service must not leave a started worker behind.
        resources = await stack.enter_async_context(open_resources(settings))
        if settings.worker == "child":
            await stack.enter_async_context(open_worker())
        await stack.enter_async_context(open_tracing(settings.tracing, service="groundwork-service"))
        config = uvicorn.Config(
            create_app(resources),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_seconds,
        )
        # Modules and models live as long as the process, so later garbage collections need not scan them.
        gc.collect()
        gc.freeze()
        say("service_ready", _welcome(settings, listener.getsockname()[1]))
        for sentence in _missing_parts(settings):
            say("part_missing", sentence)
        # uvicorn raises the signal again after draining, which would end the process before the resources close.
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, lambda: None)
        await DrainingServer(config, resources).serve(sockets=[listener])


def _require_keys_beyond_loopback(settings: Settings) -> None:
    if settings.is_loopback or Keys(settings.keys_file).exist():
        return
    raise Misconfigured(
        f"{settings.host} is not loopback, but no API keys exist. Run `python -m service keys create --role writer`."
    )


def _listen(host: str, port: int) -> socket.socket:
    """Bind the port before the models load, so a port in use is reported at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            # The next port is not suggested, because 8001 serves the worker's metrics.
            raise Misconfigured(f"Port {port} is in use. Choose another: `--port {port + 10}` or RAG_PORT.") from error
        raise Misconfigured(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
    return listener


def _welcome(settings: Settings, port: int) -> str:
    base = f"http://{'localhost' if settings.is_loopback else settings.host}:{port}"
    return (
        f"\nGroundwork answers on {base}\n"
        f"  the page       {base}/\n"
        f"  the API        {base}/docs\n"
        f"  in a terminal  curl -N {base}/v1/answers -H 'Content-Type: application/json' "
        """-d '{"question": "What happens to a document that crashes the parser?", "stream": true}'\n"""
        f"  your documents {_python()} -m ingest run ~/my/folder\n"
    )


def _missing_parts(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each part that this process does not have."""
    if isinstance(settings.generator, NoGeneratorSettings):
        yield "There is no language model: answers quote the documents. Set RAG_GENERATOR__KIND=openai to use a server."
    if settings.worker == "none":
        yield "There is no worker in this process: uploads wait until `python -m ingest worker` runs elsewhere."


def _python() -> str:
    """Return the path of this interpreter, relative to the current folder if it is inside."""
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _print(line: str) -> None:
    print(line)  # noqa: T201 - the output of the command
