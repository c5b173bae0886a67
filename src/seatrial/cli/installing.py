"""What is shown while an environment is made: a line that changes on a terminal, plain lines otherwise. On stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def installing(*, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """What takes the news. Nothing is shown before the first."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _: None
    elif not sys.stderr.isatty():
        yield lambda news: console.print(news, markup=False, soft_wrap=True)
    else:
        from rich.text import Text

        status = console.status("")

        def show(news: str) -> None:
            status.update(Text(news))
            status.start()

        try:
            yield show
        finally:
            status.stop()
