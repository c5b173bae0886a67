"""The network interface that reaches another host."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys

SIOCGIFADDR = 0x8915
"""Linux's request for an interface's address, netdevice(7)."""


def towards(host: str, port: int) -> str | None:
    """Name of the interface through which this machine reaches `host`; None if it cannot be told.

    Nothing is sent: connecting a datagram socket only makes the kernel choose a route.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, port))
            mine = probe.getsockname()[0]
    except OSError:
        return None
    if sys.platform == "darwin":  # the request above is Linux's
        return "lo0" if mine.startswith("127.") else None
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in names if _address(name) == mine), "lo" if mine.startswith("127.") else None)


def _address(interface: str) -> str | None:
    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            return socket.inet_ntoa(fcntl.ioctl(probe, SIOCGIFADDR, request)[20:24])
        except OSError:  # it has none
            return None
