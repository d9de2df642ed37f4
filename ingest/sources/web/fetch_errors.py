"""Convert the errors of a fetch to `InvalidInput`, which is permanent, or `Unavailable`, which a retry may resolve."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import responses

import aiohttp
from yarl import URL

from ingest.sources.base import Gone
from rag.errors import InvalidInput, TimedOut, Unavailable

_RETRYABLE_STATUSES = {408, 425, 429}
GONE = {404, 410}
_NO_SUCH_HOST = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_MAX_CHARACTERS = 200


class RedirectRefused(InvalidInput):
    """A redirect to a URL outside the source."""

    def __init__(self, target: URL) -> None:
        super().__init__(f"it redirects to {target}, which does not belong to this source")
        self.target = target


class AddressRefused(OSError):
    """A forbidden address; the message is constant, so that the errors of several addresses are reported once."""

    def __init__(self) -> None:
        super().__init__(
            "its address is private to this machine, its network or its cloud; "
            "set RAG_SOURCES__ALLOW_PRIVATE=true to allow private addresses"
        )


@contextmanager
def http_errors() -> Iterator[None]:
    """Convert aiohttp's exceptions to `InvalidInput` or `Unavailable` with a one-line reason."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut("the server took too long to answer") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise InvalidInput(f"its certificate is not valid: {one_line(error.certificate_error)}") from error
    except aiohttp.ClientConnectorError as error:
        raise _connection_error(error) from error
    except aiohttp.ClientPayloadError as error:
        raise Unavailable("the server closed the connection before the end of the response") from error
    except aiohttp.InvalidURL as error:
        raise InvalidInput(f"not a valid URL: {one_line(error)}") from error
    except aiohttp.ClientResponseError as error:
        raise InvalidInput("the response of the server is not valid HTTP") from error
    except aiohttp.ClientError as error:
        raise Unavailable(f"cannot be fetched: {one_line(error)}") from error


def require_success(status: int) -> None:
    """Raise `Unavailable` if a retry may succeed, `Gone` if the page is, and `InvalidInput` for any other failure."""
    if 200 <= status < 300:
        return
    phrase = responses.get(status, "")
    reason = f"the server answered {status} {phrase}".rstrip()
    if status >= 500 or status in _RETRYABLE_STATUSES:
        raise Unavailable(reason)
    raise (Gone if status in GONE else InvalidInput)(reason)


def one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:_MAX_CHARACTERS]


def _connection_error(error: aiohttp.ClientConnectorError) -> InvalidInput | Unavailable:
    cause = error.os_error
    if isinstance(cause, AddressRefused):
        return InvalidInput(str(cause))
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return InvalidInput(f"no TLS connection could be established: {one_line(cause)}")
    if isinstance(error, aiohttp.ClientConnectorDNSError) and _errno_of(cause) in _NO_SUCH_HOST:
        return InvalidInput(f"the host {error.host} does not exist; check the spelling")
    return Unavailable(f"cannot be reached: {one_line(error)}")


def _errno_of(error: BaseException) -> int | None:
    # Depending on the resolver, aiohttp keeps the original error as the cause, as the context, or itself.
    origin = error.__cause__ or error.__context__ or error
    return origin.errno if isinstance(origin, OSError) else None
