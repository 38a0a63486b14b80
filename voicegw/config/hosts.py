"""What the host in a URL tells of where it is reached. Asks no name server."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether it is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_private(host: str) -> bool:
    """Whether the name can only be meant inside a network of one's own: a private address, a name without a dot."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host
