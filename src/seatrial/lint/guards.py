"""Places in shell code that a batch job does not come to, or where what is written does no harm."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.lint.words import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_JOB = re.compile(r"\$\{?SLURM_(SUBMIT_DIR|JOB_?ID|JOB_NAME|PROCID)\b|-v SLURM_(SUBMIT_DIR|JOB_?ID)\b")
_PRINTS = re.compile(r"(echo|printf|usage|log|die|error|warn|info)\b")
_PARTS = {"if_statement", "elif_clause", "else_clause", "list", "ternary_expression"}


def is_elsewhere(node: Node) -> bool:
    """A condition about Slurm's variables stands around it, ``${SLURM_SUBMIT_DIR:-...}`` too, or it is only printed."""
    below: Node = node
    while (above := below.parent) is not None:
        if above.type == "command" and _PRINTS.match(text_of(above)):
            return True
        if above.type == "expansion" and _JOB.match("$" + text_of(above)[2:]):
            return True
        if above.type in _PARTS and _JOB.search(_before(above, below)):
            return True
        below = above
    return False


def _before(node: Node, child: Node) -> str:
    """The parts of a node before one of them."""
    source, begin = node.text or b"", node.start_byte
    return source[: child.start_byte - begin].decode("utf-8", errors="replace")
