"""What can go wrong with a fetch, in this project's words: is it this page, or is it a matter of time?"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import aiohttp

from rag.errors import InvalidInput, TimedOut, Unavailable

_LATER: Final = {408, 425, 429}
_NO_SUCH_HOST: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_EXCERPT: Final = 200


class LeadsAway(InvalidInput):
    """A redirect goes where the source does not follow."""


class RefusedAddress(OSError):
    """The address is not one to connect to; always the same words, so that several in a row come out as one."""

    def __init__(self) -> None:
        super().__init__(
            "its address is private to this machine, its network or its cloud; "
            "RAG_SOURCES__ALLOW_PRIVATE=true allows private ones"
        )


@contextmanager
def translated() -> Iterator[None]:
    """Turns what aiohttp raises into `InvalidInput` or `Unavailable`, with one line for a person."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut("the server took too long to answer") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise InvalidInput(f"its certificate is not valid: {one_line(error.certificate_error)}") from error
    except aiohttp.ClientConnectorError as error:
        raise _unconnected(error) from error
    except aiohttp.ClientPayloadError as error:
        raise Unavailable("the server broke its answer off") from error
    except aiohttp.InvalidURL as error:
        raise InvalidInput(f"not a URL that can be fetched: {one_line(error)}") from error
    except aiohttp.ClientResponseError as error:
        raise InvalidInput("the server answered with something that is not HTTP") from error
    except aiohttp.ClientError as error:
        raise Unavailable(f"cannot be fetched: {one_line(error)}") from error


def require_success(status: int) -> None:
    """Raises `Unavailable` where the same request may be answered later, `InvalidInput` for any other failure."""
    if 200 <= status < 300:
        return
    sentence = f"the server answered {status} {_phrase_of(status)}".rstrip()
    if status >= 500 or status in _LATER:
        raise Unavailable(sentence)
    raise InvalidInput(sentence)


def one_line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:_EXCERPT]


def _unconnected(error: aiohttp.ClientConnectorError) -> InvalidInput | Unavailable:
    cause = error.os_error
    if isinstance(cause, RefusedAddress):
        return InvalidInput(str(cause))
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return InvalidInput(f"no secure connection comes about: {one_line(cause)}")
    # aiohttp's resolver passes the number on in one place and the error in another.
    if isinstance(error, aiohttp.ClientConnectorDNSError) and _number_of(cause) in _NO_SUCH_HOST:
        return InvalidInput(f"there is no host {error.host}")
    return Unavailable(f"cannot be reached: {one_line(error)}")


def _number_of(error: BaseException) -> int | None:
    origin = error.__cause__ or error.__context__ or error
    return origin.errno if isinstance(origin, OSError) else None


def _phrase_of(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
