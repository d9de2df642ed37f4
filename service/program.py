"""The command line of `python -m service`, and the service itself."""

import argparse
import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial

import uvicorn
import uvloop

from rag.arguments import ArgumentParser
from rag.errors import Misconfigured
from rag.program import run_program
from rag.settings import to_bare_address
from rag.tracing.spans import open_tracing
from service.app import create_app
from service.auth.keys import Keys
from service.banner import announce_start, url_of
from service.commands import erase, keys
from service.http.draining import DrainingServer
from service.resources import open_resources
from service.settings import Settings
from service.worker_supervisor import open_worker

_LAST_PORT = 65535

_EXAMPLES = """examples:
  python -m service                                serve on 127.0.0.1:8000
  python -m service --port 9000                    serve on another port
  python -m service --check                        say whether settings and port are valid, then stop
  python -m service keys create --tenant acme --role writer
  python -m service --host 0.0.0.0                 accept remote clients; API keys must exist
  curl -N localhost:8000/v1/answers -H 'Content-Type: application/json' \\
       -d '{"question": "How do I run it?", "stream": true}'

settings: environment variables RAG_… or the file .env; docs/reference/settings.md lists them"""


def main() -> int:
    """Run the command of `sys.argv` and return the exit status."""
    arguments = build_parser().parse_args()
    log_level = "warning" if arguments.command or arguments.check else None
    return run_program("service", Settings, lambda settings: _run(arguments, settings), log_level=log_level)


def _run(arguments: argparse.Namespace, settings: Settings) -> None:
    if arguments.command:
        arguments.run(arguments, settings)
        return
    given = {name: value for name in ("host", "port") if (value := getattr(arguments, name)) is not None}
    _serve(settings.model_copy(update=given), check_only=arguments.check)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    parser: argparse.ArgumentParser = ArgumentParser(
        prog="python -m service",
        description="Serve answers with citations from the collection.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", type=to_bare_address, help="address to listen on (RAG_HOST)")
    parser.add_argument("--port", type=_port, help="port to listen on (RAG_PORT)")
    parser.add_argument("--check", action="store_true", help="check the settings and the port, and do not serve")
    commands = parser.add_subparsers(dest="command")
    keys.add_command(commands)
    erase.add_command(commands)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a valid port; use 0 to {_LAST_PORT}")
    return int(text)


def _serve(settings: Settings, *, check_only: bool) -> None:
    _require_keys_beyond_loopback(settings)
    with _listen(settings.host, settings.port) as listener:
        if check_only:
            return
        with _explained_errors(settings), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve_on(listener, settings))


async def _serve_on(listener: socket.socket, settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        # Resources come first: if they cannot be opened, the service must not leave a started worker behind.
        resources = await stack.enter_async_context(open_resources(settings))
        if settings.worker == "child":
            await stack.enter_async_context(open_worker(resources.workers, log_format=settings.log_format))
        await stack.enter_async_context(open_tracing(settings.tracing, service="groundwork-service"))
        config = uvicorn.Config(
            create_app(resources),
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",  # No route is a WebSocket, and uvicorn would answer such a request without any log line.
            timeout_keep_alive=settings.keep_alive_seconds,
        )
        # Modules and models live as long as the process, so later garbage collections need not scan them.
        gc.collect()
        gc.freeze()
        # uvicorn raises the signal again after draining, which would end the process before the resources close.
        for signum in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(signum, lambda: None)
        announce = partial(announce_start, resources, url_of(listener))
        await DrainingServer(config, resources, announce).serve(sockets=[listener])


def _require_keys_beyond_loopback(settings: Settings) -> None:
    if settings.is_loopback or Keys(settings.keys_file).exist():
        return
    raise Misconfigured(
        f"{settings.host} is not loopback, but no API keys exist. Run `python -m service keys create --role writer`."
    )


@contextmanager
def _explained_errors(settings: Settings) -> Iterator[None]:
    """Translate the error of two services that started at the same time: both can bind a port, and one can listen."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Misconfigured(_explain(error, settings.host, settings.port)) from error


def _listen(host: str, port: int) -> socket.socket:
    """Bind the port before the models load, so a port in use is reported at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise Misconfigured(f"This machine has no IPv6, which {host} needs. Set RAG_HOST=127.0.0.1.") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:
        listener.close()
        raise Misconfigured(_explain(error, host, port)) from error
    return listener


def _explain(error: OSError | UnicodeError, host: str, port: int) -> str:
    """Return a sentence about an address that cannot be listened on."""
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            # The next port is not suggested, because 8001 serves the worker's metrics.
            free = port + 10 if port + 10 <= _LAST_PORT else port - 10
            return f"Port {port} is in use. Choose another: `--port {free}` or RAG_PORT."
        case errno.EACCES | errno.EPERM:
            return f"This user may not listen on port {port}. Choose a port from 1024 on: `--port 8000` or RAG_PORT."
        case _:
            reason = getattr(error, "strerror", None) or "it is not a valid host name"
            return f"Cannot listen on {host}: {reason}. Set RAG_HOST to an address of this machine, such as 127.0.0.1."
