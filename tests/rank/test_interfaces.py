"""The interface that reaches another host, on this machine's own routes."""

from __future__ import annotations

import socket
import sys

import pytest

from seatrial.rank import interfaces


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_reached_through_loopback(host):
    assert interfaces.towards(host, 20000) == ("lo0" if sys.platform == "darwin" else "lo")


def test_another_address_of_the_loopback_network_is_reached_through_loopback():
    assert interfaces.towards("127.0.1.1", 20000) in ("lo", "lo0")  # what Debian gives a host's own name


def test_what_cannot_be_resolved_is_left_to_gloo():
    assert interfaces.towards("nobody.invalid", 20000) is None


def test_every_interface_with_an_address_is_found_by_it():
    found = {name: interfaces._address(name) for _, name in socket.if_nameindex()}
    assert found.get("lo", "127.0.0.1") == "127.0.0.1"
    assert interfaces._address("no-such-if") is None
