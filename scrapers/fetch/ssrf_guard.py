"""Refuse connections to private addresses, whatever a name resolves to or a redirect says.

The check runs where the socket opens, on the very address that is connected to, so that DNS
rebinding gains nothing.
"""

import ipaddress
import socket
from collections.abc import Collection
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError

from scrapers.fetch.deadlines import Deadlines


class PrivateAddressError(NewConnectionError):
    """A host name that resolves to a local or private address."""


def is_public(address: str) -> bool:
    """Whether an IP address is public; embedded IPv4 (mapped, 6to4, Teredo, NAT64) is unwrapped."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner:
            return is_public(str(inner))
        if ip in ipaddress.ip_network("64:ff9b::/96"):  # NAT64: the last 32 bits are IPv4
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return ip.is_global and not ip.is_multicast


def _connect(connection: Any) -> socket.socket:
    """urllib3's `_new_conn`, checking all addresses of the host before trying each."""
    host, port = connection.host.strip("[]"), connection.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        gai = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
        raise NameResolutionError(host, connection, gai) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_public(address) and address not in connection.allowed:
            raise PrivateAddressError(
                connection, f"{host} resolves to the private address {address}"
            )
    last: OSError | None = None
    for address in addresses:
        try:
            opened = socket.create_connection((address, port), connection.timeout)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # TLS takes the socket over; its twin can shut the connection down at any moment.
            connection.twin = opened.dup()
        except OSError as error:
            last = error
        else:
            connection.watch()
            return opened
    raise NewConnectionError(connection, str(last))


def _guarded(pool: type, allowed: frozenset[str], deadlines: Deadlines) -> type:
    """A subclass of a urllib3 connection pool whose connections check addresses and deadlines."""
    base: Any = pool.ConnectionCls  # type: ignore[attr-defined]

    def watch(connection: Any) -> None:
        if deadlines.current:
            deadlines.current.watch(connection)

    def request(connection: Any, *arguments: Any, **keywords: Any) -> None:
        watch(connection)
        base.request(connection, *arguments, **keywords)

    def close(connection: Any) -> None:
        base.close(connection)
        if connection.twin is not None:
            connection.twin.close()
            connection.twin = None

    members = {"_new_conn": _connect, "allowed": allowed, "twin": None, "watch": watch}
    members |= {"request": request, "close": close}
    return type("GuardedPool", (pool,), {"ConnectionCls": type("Guarded", (base,), members)})


class GuardedAdapter(HTTPAdapter):
    """A requests adapter that refuses to connect to private addresses, except allowed ones."""

    def __init__(self, allowed: Collection[str], deadlines: Deadlines, **arguments: Any) -> None:
        self.allowed, self.deadlines = frozenset(allowed), deadlines
        super().__init__(**arguments)

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, **keywords)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _guarded(HTTPConnectionPool, self.allowed, self.deadlines),
            "https": _guarded(HTTPSConnectionPool, self.allowed, self.deadlines),
        }
