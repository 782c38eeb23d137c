"""
Which IP addresses are public: a client that may name an address must not reach through this service what is inside.

Python's own `is_global` is true for addresses that lead inside: the metadata of a cloud machine by NAT64
(64:ff9b::a9fe:a9fe) and by 6to4, multicast, and some that clouds use for themselves. So these are lists of their own.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NOT_PUBLIC = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network: leads to this machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' own
        "127.0.0.0/8",  # this machine
        "168.63.129.16/32",  # the platform of Azure, seen by its machines alone
        "169.254.0.0/16",  # this link: the metadata of machines in a cloud
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # for protocols
        "192.0.2.0/24",  # for examples
        "192.88.99.0/24",  # 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # for measurements
        "198.51.100.0/24",  # for examples
        "203.0.113.0/24",  # for examples
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
# All that is given out of IPv6; what lies outside is private, of one link, multicast, or translated into IPv4.
GIVEN_OUT = IPv6Network("2000::/3")
NOT_PUBLIC_OF_IT = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # for protocols: Teredo leads into IPv4
        "2001:db8::/32",  # for examples
        "2002::/16",  # 6to4: leads into IPv4
        "3fff::/20",  # for examples
    )
)


def parsed(text: str) -> Address:
    """
    Read an IP address. One of IPv4 that is written as IPv6 is one of IPv4.

    :raises ValueError: if it is none
    """
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def is_public(address: Address) -> bool:
    """Whether an address is that of a stranger, as far as its number tells."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC)
    return address in GIVEN_OUT and not any(address in network for network in NOT_PUBLIC_OF_IT)


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of these networks."""
    return any(address in network for network in networks)


def network(text: str) -> Network:
    """
    Read a network.

    :raises ValueError: if it is none, or all addresses there are
    """
    found = ip_network(text)
    if found.prefixlen == 0:
        raise ValueError
    return found
