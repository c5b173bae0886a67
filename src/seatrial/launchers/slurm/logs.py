"""A run's events, logs, stacks and dumps, from the shared file system to the run's own folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch

from seatrial.cluster import Cluster
from seatrial.launchers.slurm.commands import folder, quote, run
from seatrial.profiling import FOLDER
from seatrial.runs import Run
from seatrial.standing import Submission

BLOCK = 8 * 2**20
"""Bytes of one file that are fetched at once."""

DUMPS = "stacks/*-rank-*"
"""What ranks knew of their collectives. Such a file is replaced, never continued: one of another size comes whole."""


def collect(to: Run, submission: Submission, cluster: Cluster, *, logs: bool) -> None:
    """Bring what is new of the run's events, and of its logs and profiles if asked to, from the shared file system."""
    there = folder(submission.name, cluster)
    wanted = ["events.jsonl", *(["logs/*.log", "stacks/*.txt", DUMPS, "slurm-*.log", f"{FOLDER}/*"] if logs else [])]
    if logs and to.job.profile is not None:
        (to.path / FOLDER).mkdir(exist_ok=True)
    while _bring(to, cluster, there, wanted):
        pass


def _bring(to: Run, cluster: Cluster, there: str, wanted: Sequence[str]) -> bool:
    """A block of each file that has grown. Returns whether one of a profile is left: half of it cannot be read."""
    files = [to.events_path, *(path for name in ("logs", "stacks", FOLDER) for path in to.path.glob(f"{name}/*"))]
    have = {str(path.relative_to(to.path)): path.stat().st_size for path in files if path.exists()}
    answer, more = run(cluster, _script(there, wanted, have)).stdout, False
    while answer:
        header, _, answer = answer.partition(b"\n")
        size, _, name = header.decode().partition(" ")
        block, answer = answer[: int(size)], answer[int(size) :]
        if len(block) == int(size):  # of what was cut off the next call brings the whole
            with (to.path / name).open("wb" if fnmatch(name, DUMPS) else "ab") as file:
                file.write(block)
            more = more or (len(block) == BLOCK and name.startswith(f"{FOLDER}/"))
    return more


def _script(there: str, wanted: Sequence[str], have: Mapping[str, int]) -> str:
    """Of each file in a folder that has grown: a line with the number of bytes and the name here, then the bytes."""
    cases = "\n".join(f"{quote(name)}) have={size} ;;" for name, size in have.items())
    return f"""cd {quote(there)} 2>/dev/null || return 0
for file in {" ".join(wanted)}; do
    [ -f "$file" ] || continue
    name=$file
    case $file in slurm-*) name=logs/$file ;; esac
    have=0
    case $name in
    {cases}
    esac
    more=$(($(stat -c %s "$file") - have))
    case $file in {DUMPS})
        [ "$more" -eq 0 ] || more=$((more + have))
        [ "$more" -le {BLOCK} ] || continue # no dump has as much
        have=0
        ;;
    esac
    [ "$more" -le {BLOCK} ] || more={BLOCK}
    [ "$more" -gt 0 ] || continue
    printf '%s %s\\n' "$more" "$name"
    tail -c +$((have + 1)) "$file" | head -c "$more"
done"""
