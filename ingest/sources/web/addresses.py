"""Which addresses a fetch may connect to: not those of this machine, its network or its cloud."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
MayConnect = Callable[[Address], bool]

# They hand out credentials. Azure's (168.63.129.16) is public by its number and private by its meaning.
_METADATA: Final = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_anything_but_metadata(address: Address) -> bool:
    """What may be reached where private addresses are allowed: no document lies at a metadata service."""
    return _unwrapped(address) not in _METADATA


def is_public(address: Address) -> bool:
    """Whether everybody's internet has this address; one that carries an IPv4 address is judged by that."""
    address = _unwrapped(address)
    if address in _METADATA or address.is_multicast or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return True
    # Tunnels lead to an address that only their far end sees.
    return address in _GLOBAL_UNICAST and address.sixtofour is None and address.teredo is None


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address
