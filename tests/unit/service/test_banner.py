"""The address that the service announces is one that answers."""

import socket

import pytest

from service.banner import url_of


def is_available(host: str) -> bool:
    try:
        socket.create_server((host, 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_an_ipv4_listener_is_announced_by_an_address_of_this_machine(host):
    with socket.create_server((host, 0)) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}"
        socket.create_connection(("127.0.0.1", port), timeout=60).close()


@pytest.mark.skipif(not is_available("::1"), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::1", "::"])
def test_an_ipv6_listener_is_announced_with_brackets(host):
    with socket.create_server((host, 0), family=socket.AF_INET6) as listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"
