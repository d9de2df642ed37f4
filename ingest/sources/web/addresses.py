"""Decide which addresses a fetch may connect to, so that a URL cannot reach this machine, its network or its cloud."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
MayConnect = Callable[[Address], bool]

# Cloud metadata services, which return credentials. Azure's address 168.63.129.16 is in a public range.
_METADATA = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def is_not_metadata(address: Address) -> bool:
    """Return True for every address except metadata services, which stay forbidden if private ones are allowed."""
    return _unwrapped(address) not in _METADATA


def is_public(address: Address) -> bool:
    """Return True if the address is reachable from the public internet.

    An IPv6 address that embeds an IPv4 address counts as that IPv4 address.
    """
    address = _unwrapped(address)
    if address in _METADATA or address.is_multicast or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return True
    # 6to4 and Teredo addresses embed an address that only the far end of the tunnel sees.
    return address in _GLOBAL_UNICAST and address.sixtofour is None and address.teredo is None


def _unwrapped(address: Address) -> Address:
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address
