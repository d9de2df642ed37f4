"""`python -m service`: serves, and keeps the API keys."""

import signal
import sys

if __name__ == "__main__":
    # The first process of a container ignores every signal that it has no handler for, and what follows takes a second.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

import argparse
import asyncio
import errno
import gc
import socket
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
import uvloop

from rag.errors import GroundworkError, Misconfigured
from rag.logs import configure_logging
from rag.program import exit_on_broken_pipe
from rag.retries import log_retries
from rag.settings import read_settings, report_unwritable_folder
from rag.tracing.opening import open_tracing
from service.app import create_app
from service.auth.keys import Keys
from service.http.draining import DrainingServer
from service.resources import open_resources
from service.settings import Settings
from service.worker import open_worker

_LAST_PORT = 65535

_EXAMPLES = """examples:
  python -m service                                serves on 127.0.0.1:8000
  python -m service --port 9000                    somewhere else
  python -m service keys create --tenant acme --role writer
  python -m service --host 0.0.0.0                 for others too; keys must exist
  curl -N localhost:8000/v1/answers -H 'Content-Type: application/json' \\
       -d '{"question": "How do I run it?", "stream": true}'

settings: environment variables RAG_…, or .env; the README lists them"""


def main() -> int:
    arguments = build_parser().parse_args()
    try:
        settings = read_settings(Settings)
        given = {name: getattr(arguments, name) for name in ("host", "port") if getattr(arguments, name) is not None}
        settings = settings.model_copy(update=given)
        configure_logging(settings)
        log_retries()
        with report_unwritable_folder(), exit_on_broken_pipe():
            if arguments.command == "keys":
                _keys(arguments, Keys(settings.keys_file))
            else:
                _serve(settings)
    except GroundworkError as error:
        _say(f"service: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of this program, from which docs/reference/cli.md is generated."""
    parser = argparse.ArgumentParser(
        prog="python -m service",
        description="Answers questions from the collection, with citations.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", help="address to listen on (RAG_HOST)")
    parser.add_argument("--port", type=_port, help="port to listen on (RAG_PORT)")
    commands = parser.add_subparsers(dest="command")
    keys = commands.add_parser("keys", help="create, list and revoke API keys").add_subparsers(
        dest="action", required=True
    )
    create = keys.add_parser("create", help="print a new key; it is shown once")
    create.add_argument("--tenant", default="default", help="whose documents it opens (default: %(default)s)")
    create.add_argument("--role", choices=["reader", "writer"], default="reader", help="writers upload and delete too")
    keys.add_parser("list", help="every key with its tenant and role, never the secret")
    revoke = keys.add_parser("revoke", help="take a key out of force at once")
    revoke.add_argument("id", help="as `keys list` shows it")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is no port; ports are 0 to {_LAST_PORT}")
    return int(text)


def _keys(arguments: argparse.Namespace, keys: Keys) -> None:
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
        # Resources first: a service that refuses to start should not have started a worker.
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
            timeout_graceful_shutdown=settings.drain_seconds,
        )
        _spare_what_stays()
        _say(_welcome(settings, listener.getsockname()[1]))
        _leave_signals_to_uvicorn()
        await DrainingServer(config, resources).serve(sockets=[listener])


def _spare_what_stays() -> None:
    """Modules and models live as long as the process: the collector need not look at them again with every request."""
    gc.collect()
    gc.freeze()


def _leave_signals_to_uvicorn() -> None:
    """uvicorn drains, then raises the signal again, which would end this process before its resources are closed."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, lambda: None)


def _require_keys_beyond_loopback(settings: Settings) -> None:
    if settings.is_loopback or Keys(settings.keys_file).exist():
        return
    raise Misconfigured(
        f"{settings.host} can be reached from outside, and there are no API keys. "
        "Create one first: `python -m service keys create --role writer`."
    )


def _listen(host: str, port: int) -> socket.socket:
    """Takes the port before the models load, so that a taken one is said at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            # Not the next one: beside 8000 that is the worker's, for its metrics.
            raise Misconfigured(f"Port {port} is taken. Choose another: `--port {port + 10}` or RAG_PORT.") from error
        raise Misconfigured(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
    return listener


def _welcome(settings: Settings, port: int) -> str:
    base = f"http://{'localhost' if settings.is_loopback else settings.host}:{port}"
    return (
        f"\nGroundwork answers on {base}\n"
        f"  the page       {base}/\n"
        f"  the API        {base}/docs\n"
        f"  in a terminal  curl -N {base}/v1/answers -H 'Content-Type: application/json' "
        """-d '{"question": "What does a reader see while a revision is published?", "stream": true}'\n"""
        f"  your documents {_python()} -m ingest run ~/my/folder\n"
    )


def _python() -> str:
    """This interpreter as a person would type it here."""
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _print(line: str) -> None:
    print(line)  # noqa: T201 - the result that was asked for


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - for the person who started this


if __name__ == "__main__":
    sys.exit(main())
