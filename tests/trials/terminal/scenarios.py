"""All scenarios, in the order of docs/trials.md."""

from __future__ import annotations

from tests.trials.terminal.scenarios_input import INPUTS
from tests.trials.terminal.scenarios_screen import SCREENS
from tests.trials.terminal.scenarios_stop import STOPS

GROUPS = {"What is typed, and is wrong": INPUTS, "What is shown": SCREENS, "What ends a run": STOPS}
