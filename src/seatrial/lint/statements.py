"""Shell code that bash takes and the grammar refuses: it is written otherwise, or its statement is left out.

Every change keeps the lines, so that what is read afterwards knows its place.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_OFTEN = 8
_DEEPEST = 20
"""Levels of statements in each other: nobody writes more."""
Refused = Callable[[str], bool]
"""Whether the grammar refuses a text."""

_VALUE = r"(?:\$\(\([^()\n]*\)\)|\$\([^()\n]*\)|[^\s();|&<>]*)"
_REWRITES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    # 10#$x: the base of a number that a variable holds
    (re.compile(r"(?<=[\s(+*/%=-])\d{1,2}#(?=\$)"), ""),
    # ${x:$n+1}: in an offset, which is arithmetic, a name needs no $
    (
        re.compile(r"(\$\{\w+(?:\[[^\]{}]*\])?:)([^-=+?{}\n][^{}\n]*)(?=\})"),
        lambda found: found[1] + found[2].replace("$", " "),
    ),
    # ${x:=$(( (a + 1) / b ))}: parentheses in the arithmetic of a default
    (
        re.compile(r"(\$\{\w+:?[=-]\$\(\()((?:[^{}\n]|\$\{\w+\})*)(?=\)\)\})"),
        lambda found: found[1] + re.sub(r"[()]", " ", found[2]),
    ),
    # $(x=1 2>&1): a redirect of nothing but an assignment
    (
        re.compile(rf"((?:^|[;(&|])[ \t]*[A-Za-z_]\w*={_VALUE}[ \t]+)(\d?>(?:&\d|[ \t]*/dev/null))", re.MULTILINE),
        r"\1",
    ),
    # for x do: over the arguments
    (re.compile(r"(?m)((?:^|[;{(])[ \t]*for[ \t]+\w+)[ \t]+do\b"), r"\1; do"),
    # ;& and ;;& after the commands of a pattern
    (re.compile(r";;?&(?=\s)"), ";;"),
    # ${x//["']/}: quotes among the characters of a pattern
    (
        re.compile(r"(\$\{\w+(?:\[[^\]{}]*\])?(?:[%#/]|//|%%|##)\[)([^\]\n]+)(?=\])"),
        lambda found: found[1] + re.sub(r"[\"'`]", "_", found[2]),
    ),
    # m[$a,$b]: two parts of one key
    (re.compile(r"\w\[[^\]\s]*\$\w[^\]\s]*\]"), lambda found: found[0].replace(",", ".")),
)
_HEREDOCS = (
    # <<\EOF, which is <<'EOF'
    (re.compile(r"(<<-?[ \t]*)\\(\w+)"), r"\1'\2'"),
    # <<EOF || and the rest behind the here-document; <<EOF;
    (re.compile(r"(?m)^(.*<<-?[ \t]*[\"']?\w+.*?)[ \t]*(?:;|\|\||&&|\|)[ \t]*$"), r"\1"),
)
"""Of these the grammar makes nonsense without a word."""
_OPENING = re.compile(
    r"[\s;]*(?:(?:(?:if|then|else|elif|do|while|until|time|!|\{|\((?!\())|function\s+\S+|[\w:.-]+\s*\(\s*\))(?=[\s{($]|$)\s*)*"
)
_PART = re.compile(r"\s*(?:(?:for|select|case|fi|done|esac|in)\b|\}|\)|\]\])")
"""What begins so is a part of a statement, and none by itself."""
_HEREDOC = re.compile(r"<<(-?)[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)'|\\?([^\s;&|<>()\"']+))")
_TOKEN = re.compile(
    r"\\.|'[^']*'|\$'(?:\\.|[^'\\])*'|\$\(|\$\{|<<<|<<-?|&&|\|\||[<>]&|&>|>\||[\"`(){}\n#;&|]|\[\[(?=\s)|\]\]",
    re.DOTALL,
)
_CLOSERS = {'"': '"', "`": "`", "$(": ")", "(": ")", "${": "}", "[[": "]]"}
_SEPARATORS = {"\n", ";", "&", "|", "&&", "||", ")"}
_BEFORE = re.compile(r"[\s;]*(?:(?:then|else|do|time|!)(?=\s)\s*)*")
_LEADING = re.compile(rf"{_OPENING.pattern}(?:\w+|[}})\s])*")
_OPENS = re.compile(r"(?<![^;\s])(?:if|for|while|until|select|case|\{)(?=\s|$)")
_CLOSES = re.compile(r"(?<![^;\s])(?:fi|done|esac|\})(?=[\s;)]|$)")


class Readable(NamedTuple):
    """A text that the grammar takes, as far as one could be made."""

    text: str
    lost: tuple[tuple[int, str], ...] = ()
    """The statements that were left out, each behind the row on which it begins, from 0."""


def readable(text: str, refused: Refused) -> Readable:
    """The text without what the grammar refuses; the text as it was if that leads nowhere."""
    rewritten = text
    for pattern, write in _REWRITES:
        rewritten = pattern.sub(write, rewritten)
    refused = functools.lru_cache(maxsize=16)(refused)  # what is tried next was often tried before
    if not refused(rewritten):
        return Readable(rewritten)
    left, lost, spans = rewritten, list[tuple[int, int]](), list[tuple[int, int]]()
    for spans in _smallest_first(rewritten):
        wrong = [span for span in spans if _is_refused(left, *span, refused)]
        lost += wrong
        left = _without(left, wrong)
        if wrong and not refused(left):
            break
    for _ in range(_OFTEN):  # what the grammar refuses only behind what stands before it
        if not refused(left) or not spans:
            break
        first = bisect.bisect_left(spans, True, key=lambda span: refused(left[: span[1]]))
        lost += spans[first : first + 1]
        left = _without(left, spans[first : first + 1])
    if refused(left):
        return Readable(text)
    return Readable(left, tuple((left.count("\n", 0, start), rewritten[start:end].rstrip()) for start, end in lost))


def plain_heredocs(text: str) -> str:
    """The text with the first lines of its here-documents written so that the grammar finds their ends."""
    for pattern, write in _HEREDOCS if "<<" in text else ():
        text = pattern.sub(write, text)
    return text


def _code(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the command of a piece stands, behind words such as ``then``."""
    return _behind(_OPENING, text, start, end), end


def _behind(opening: re.Pattern[str], text: str, start: int, end: int) -> int:
    """Where what follows such words begins."""
    found = opening.match(text, start, end)
    return found.end() if found else start


def _is_refused(text: str, start: int, end: int, refused: Refused) -> bool:
    code = text[start:end]
    if not code.strip() or _PART.match(code):
        return False
    return refused(f"case x in\n{code} ;;\nesac\n" if _is_pattern(code) else code + "\n")


def _is_pattern(code: str) -> bool:
    """It is what ``case`` compares with: its bracket is opened nowhere."""
    return code.endswith(")") and "(" not in code and "\n" not in code


def _without(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with ``:``, which does nothing, in place of these statements, and with other patterns."""
    for start, end in spans:
        code = text[start:end].rstrip()
        first, last = ("x", ")") if _is_pattern(code) else ("{ :;", "}") if code[:1] == "{" else (":", "")
        blank = re.sub(r"[^\n]", " ", code[len(first) : len(code) - len(last)])
        text = text[:start] + first + blank + last + text[start + len(code) :]
    return text


def _smallest_first(text: str) -> Iterator[list[tuple[int, int]]]:
    """Simple commands, then the statements around them, then those around these."""
    pieces = list(_pieces(text))
    yield [_code(text, *piece) for piece in pieces]
    depths, depth = list[tuple[int, int]](), 0
    for start, end in pieces:
        words = text[start : _behind(_LEADING, text, start, end)]
        after = depth + len(_OPENS.findall(words)) - len(_CLOSES.findall(words))
        depths.append((max(depth, after), after))
        depth = max(after, 0)
    for level in range(min(max((inside for inside, _ in depths), default=0), _DEEPEST), -1, -1):
        groups, begin = list[tuple[int, int]](), -1
        for (start, end), (inside, after) in zip(pieces, depths, strict=True):
            begin = start if begin < 0 and inside >= level else begin
            if begin >= 0 and after < max(level, 1):
                groups.append((_behind(_BEFORE, text, begin, len(text)), end))
                begin = -1
        yield groups


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Commands between new lines, ``;``, ``&`` and ``|`` outside of quotes, brackets and here-documents."""
    closers: list[str] = []
    heredocs: list[re.Match[str]] = []
    at = start = 0
    while found := _TOKEN.search(text, at):
        token, here, at = found[0], found.start(), found.end()
        top = closers[-1] if closers else ""
        if token == top:
            closers.pop()
        elif top == '"' and token not in ("$(", "${", "`"):
            at = here + 1 if token[0] in "'$" else at
        elif token in _CLOSERS:
            closers.append(_CLOSERS[token])
        elif token == "#" and top != "}" and (here == 0 or text[here - 1] in " \t\n;("):
            at = len(text) if (end := text.find("\n", here)) < 0 else end
        elif token in ("<<", "<<-") and (heredoc := _HEREDOC.match(text, here)):
            heredocs.append(heredoc)
            at = heredoc.end()
        elif token == "\n" and heredocs:
            at, heredocs = _after(text, at, heredocs), []
        if closers or heredocs or top or token not in _SEPARATORS:
            continue
        yield start, at if token in ("\n", ")") else here
        start = at


def _after(text: str, at: int, heredocs: Sequence[re.Match[str]]) -> int:
    """Where the here-documents end that begin at a place."""
    for heredoc in heredocs:
        word = next(name for name in heredoc.groups()[1:] if name is not None)
        tabs = "\t*" if heredoc[1] else ""
        end = re.compile(rf"^{tabs}{re.escape(word)}$\n?", re.MULTILINE).search(text, at)
        at = end.end() if end else len(text)
    return at
