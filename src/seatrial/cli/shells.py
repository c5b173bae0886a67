"""The shells that complete the command: click's own, which put a blank behind everything and know no KEY=VALUE."""

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from seatrial.cli.completing import NOSPACE

_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' completion type value
    for completion in $(env COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete "$1"); do
        IFS=',' read -r type value <<<"$completion"
        case $type in
        dir) compopt -o dirnames ;;
        file) compopt -o default ;;
        nospace) compopt -o nospace && COMPREPLY+=("$value") ;;
        plain) COMPREPLY+=("$value") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH_FILES = """        elif [[ "$type" == "dir" ]]; then
"""
_ZSH_NOSPACE = """        elif [[ "$type" == "nospace" ]]; then
            compadd -S '' -U -V unsorted -- "$key"
"""


@add_completion_class
class Bash(BashComplete):
    """Bash takes ``=`` for the end of a word: it is given the line, and told only what follows the last one."""

    source_template = _BASH
    _told = 0

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        breaks = set(os.environ.get("COMP_WORDBREAKS", "=:")) & set("=:")
        self._told = 1 + max((incomplete.rfind(char) for char in breaks), default=-1)
        return words, incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{str(item.value)[self._told :]}"


@add_completion_class
class Zsh(ZshComplete):
    """Zsh puts a blank behind what it is not told to."""

    source_template = ZshComplete.source_template.replace(_ZSH_FILES, _ZSH_NOSPACE + _ZSH_FILES)


@add_completion_class
class Fish(FishComplete):
    """Fish puts no blank behind ``/`` and ``=``."""

    def format_completion(self, item: CompletionItem[str]) -> str:
        plain = CompletionItem(item.value, type="plain", help=item.help) if item.type == NOSPACE else item
        return super().format_completion(plain)
