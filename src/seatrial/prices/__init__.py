"""What things on AWS cost: a table with source and date, bills that say what is unknown, and a table of one's own."""

from seatrial.prices.bills import Bill, Line, bill, hourly
from seatrial.prices.entry import Price
from seatrial.prices.runs import RunCost, run_cost
from seatrial.prices.table import known, price

__all__ = ["Bill", "Line", "Price", "RunCost", "bill", "hourly", "known", "price", "run_cost"]
