"""No connection to a private address, whatever a name resolves to and wherever a redirect leads.

The check sits where the socket is opened, on the very address that is then connected to, so that a
name which resolves differently the second time gains nothing.
"""

import ipaddress
import socket
from collections.abc import Collection
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError


class PrivateAddressError(NewConnectionError):
    """A host name that resolves to an address of this machine or its network."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the open internet; mapped IPv4 is looked into."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner:
            return is_public(str(inner))
        if ip in ipaddress.ip_network("64:ff9b::/96"):  # NAT64: the last 32 bits are IPv4
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


def _connect(connection: Any) -> socket.socket:
    host, port = connection.host.strip("[]"), connection.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        gai = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(host, connection, gai) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(address) and address not in connection.allowed:
            raise PrivateAddressError(connection, f"{host} leads to the private address {address}")
    last: OSError | None = None
    for address in addresses:
        try:
            opened = socket.create_connection((address, port), connection.timeout)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            last = error
        else:
            return opened
    raise NewConnectionError(connection, str(last))


class GuardedAdapter(HTTPAdapter):
    """A requests adapter whose connections refuse private addresses, but for the allowed ones."""

    def __init__(self, allowed: Collection[str] = (), **arguments: Any) -> None:
        self.allowed = frozenset(allowed)
        super().__init__(**arguments)

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        allowed = self.allowed

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        for kind in (Plain, Secure):
            kind.allowed = allowed  # type: ignore[union-attr]
        manager = PoolManager(
            num_pools=keywords.get("connections", arguments[0] if arguments else 10),
            maxsize=keywords.get("maxsize", arguments[1] if len(arguments) > 1 else 10),
            block=False,
        )
        manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
        self.poolmanager = manager
