"""Events of a run in the text of a log: how they come back where the run's folder is out of reach."""

from __future__ import annotations

import json

from seatrial.events import PRINTED

_JSON = json.JSONDecoder()


def events_in(text: str) -> list[str]:
    """The printed events of a text, oldest first, each as the line that events.jsonl holds.

    Whatever stands before and behind an event on its line is left out, colours too, and so is an event that is torn.
    """
    found = []
    for line in text.split("\n"):
        start = line.find(PRINTED)
        while start >= 0:
            begin = start + len(PRINTED)
            try:
                record, end = _JSON.raw_decode(line, begin)
            except ValueError:
                end = begin  # torn; two writers on one line may have left a whole one behind it
            else:
                if isinstance(record, dict) and {"type", "time"} <= record.keys():
                    found.append(line[begin:end])
            start = line.find(PRINTED, end)
    return found
