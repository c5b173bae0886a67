"""Test cases: one folder each, found by being here. A folder's ``CASE`` is all that the rest of Seatrial sees."""
