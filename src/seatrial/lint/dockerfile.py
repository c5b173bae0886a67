"""Dockerfiles: their instructions, through dockerfile-parse, each with the shell code in it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seatrial.lint import shell
from seatrial.lint.script import Script, Word

INSTRUCTIONS = {
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
}
INSTRUCTIONS |= {"ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
_HEREDOC = re.compile(r"^\s*(?:RUN|COPY|ADD)\s.*<<-?[\"']?(\w+)[\"']?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Instruction:
    """One instruction."""

    name: str
    """In capitals."""
    value: str
    """What follows the name, on one line."""
    text: str
    """As it is written, all lines."""
    line: int
    script: Script | None = None
    """RUN, CMD and ENTRYPOINT: what they run. ENV and ARG: the same as assignments."""


def load(text: str, *, line: int = 1) -> list[Instruction]:
    """The instructions of a Dockerfile. Raises ValueError, saying where, at a line that is none."""
    from dockerfile_parse import DockerfileParser

    lines, bodies = _without_heredocs(text.split("\n"))
    parsed = DockerfileParser(fileobj=io.BytesIO("\n".join(_continued(lines)).encode("utf-8"))).structure
    found: list[Instruction] = []
    known: dict[str, str] = {}
    for item in parsed:
        name, start = item["instruction"], item["startline"]
        if name == "COMMENT":
            continue
        if name not in INSTRUCTIONS:
            raise ValueError(f"{name[:40]!r} is no instruction", line + start)
        if name == "FROM" and not item["value"].strip():
            raise ValueError("FROM names no image", line + start)
        written = "\n".join(lines[start : item["endline"] + 1])
        body = bodies.get(start)
        script = _script(name, _continued(written.split("\n")), item["value"], line + start, known)
        if body is not None and name == "RUN":
            script = shell.parse(body, line=line + start + 1, known=known)
        if name in ("ARG", "ENV") and script:
            known.update(script.values)
        found.append(Instruction(name=name, value=item["value"], text=written, line=line + start, script=script))
    return found


def _script(name: str, lines: list[str], value: str, line: int, known: Mapping[str, str]) -> Script | None:
    if name not in ("RUN", "CMD", "ENTRYPOINT", "ENV", "ARG"):
        return None
    words = _json_words(value)
    if words is not None:
        return shell.of_words([Word(w, line, w, "$" not in w) for w in words], known) if words else None
    code = "\n".join(lines).lstrip()[len(name) :]
    if name in ("ENV", "ARG"):
        code = re.sub(r"^\s+(\w+)\s+(.+)", r" \1='\2'", code) if name == "ENV" and "=" not in code else code
        return shell.parse(f"export{code}", line=line, known=known)
    return shell.parse(re.sub(r"^(\s*--\w+(=\S+)?)+(?=\s)", "", code), line=line, known=known)


def _json_words(value: str) -> list[str] | None:
    if not value.startswith("["):
        return None
    try:
        words = json.loads(value)
    except ValueError:
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _continued(lines: list[str]) -> list[str]:
    """Comments and empty lines inside an instruction are left out by Docker: here they become bare continuations."""
    result, inside = [], False
    for text in lines:
        if inside and (not text.strip() or text.lstrip().startswith("#")):
            result.append("\\")
            continue
        result.append(text)
        inside = text.rstrip().endswith("\\") and not text.lstrip().startswith("#")
    return result


def _without_heredocs(lines: list[str]) -> tuple[list[str], dict[int, str]]:
    """The lines with here-documents emptied, and the here-documents by the index of the line that begins them."""
    kept, bodies, at = list(lines), dict[int, str](), 0
    while at < len(lines):
        begins = _HEREDOC.match(lines[at])
        ends = [i for i in range(at + 1, len(lines)) if begins and lines[i].strip() == begins[1]]
        if begins and ends:
            bodies[at] = "\n".join(lines[at + 1 : ends[0]])
            kept[at + 1 : ends[0] + 1] = [""] * (ends[0] - at)
            at = ends[0]
        at += 1
    return kept, bodies


def stages(instructions: list[Instruction]) -> Iterator[tuple[Instruction, str]]:
    """Each FROM with its image, defaults of build arguments filled in. A FROM on an earlier stage is left out."""
    known: dict[str, str] = {}
    names: set[str] = set()
    for item in instructions:
        if item.name == "ARG" and not names and item.script:
            known.update(item.script.values)
        if item.name == "FROM":
            words = [word for word in item.value.split() if not word.startswith("--")]
            image = re.sub(
                r"\$\{?(\w+)(?::-[^}]*)?\}?", lambda match: known.get(match[1], match[0]), words[0] if words else ""
            )
            if image not in names:
                yield item, image
            names.add(words[2] if len(words) > 2 else image)
