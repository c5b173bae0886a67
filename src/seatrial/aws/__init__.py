"""AWS's interface, for whoever has something there: clients, and refusals in words that say how to repair them."""

from seatrial.aws.access import Access
from seatrial.aws.clients import client
from seatrial.aws.refusals import calls, error_code

__all__ = ["Access", "calls", "client", "error_code"]
