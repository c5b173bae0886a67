"""Slurm's own commands, here or over ssh: submit, find, ask, collect, cancel."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping, Sequence

from seatrial import __version__
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Severity, Verdict
from seatrial.launchers import _names, _shell
from seatrial.plan import Plan
from seatrial.runs import Phase, Run, Standing, Submission
from seatrial.spec import Cluster, Job

PHASES = {
    Phase.QUEUED: (
        "PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT",
    ),
    Phase.RUNNING: ("RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "SUSPENDED", "STOPPED", "RESIZING"),
    Phase.ENDED: (
        "COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE",
        "PREEMPTED", "REVOKED", "LAUNCH_FAILED", "RECONFIG_FAIL",
    ),
}  # fmt: skip
"""Slurm's job states, squeue(1)."""
_PHASE_OF = {state: phase for phase, states in PHASES.items() for state in states}

LONGEST_NAME = 64
BLOCK = 8 * 2**20
"""Bytes of one file that are fetched at once."""


def engine_name(name: str) -> str:
    """The job's name in Slurm, and of its folder on the shared file system."""
    return _names.engine_name(name, longest=LONGEST_NAME)


def array_names(name: str, elements: int) -> list[str]:
    """The runs of a job array."""
    return [f"{name}-{element}" for element in range(elements)]


def submit(plan: Plan, name: str, cluster: Cluster) -> str:
    """Put the plan's files into the run's folder and give them to sbatch; an active job of this name is kept."""
    job = Job.from_json(plan.files["job.json"])
    done = _run(cluster, _submit_script(plan, name, cluster, job))
    if done.returncode != 0:
        raise UserError(_refused(done.stderr, cluster))
    return _single_id(done.stdout)


def lookup(name: str, cluster: Cluster) -> str | None:
    """The id under which `name` was submitted last."""
    folder = _q(_folder(name, cluster))
    find = f"find_job {_q(engine_name(name))} --states=all"
    done = _run(cluster, f"{_FIND}\n[ -d {folder} ] || return 0\ncd {folder}\n[ -s job.id ] && cat job.id || {find}")
    if done.returncode != 0:
        raise UserError(_refused(done.stderr, cluster))
    return _single_id(done.stdout) or None


# $1: the name, then more options of squeue. The folder tells our job from another one of the same name.
_FIND = """find_job() {
    jobs=$(squeue --me --noheader --name="$@" --format='%F %Z') || return 1
    while read -r id where; do
        if [ "$where" -ef "$PWD" ]; then echo "$id"; break; fi
    done <<EOF
$jobs
EOF
}"""


def _submit_script(plan: Plan, name: str, cluster: Cluster, job: Job) -> str:
    folder, shared = _q(_folder(name, cluster)), _q(cluster.shared or "")
    lines = [
        "trap '' HUP  # a cut connection must not leave a job that nobody knows",
        "set -eu",
        _FIND,
        f"[ -d {shared} ] || mkdir -p {shared}",
        # Only where the folder was made before can there be a job already.
        f"if mkdir {folder} 2>/dev/null; then new=1; else new=''; fi",
        f"cd {folder}",
        "exec 9>.lock && flock 9",
        f"if [ -z $new ]; then id=$(find_job {_q(engine_name(name))}); else id=''; fi",
        'if [ -n "$id" ]; then echo "$id" | tee job.id; return; fi',
    ]
    lines += [f"printf %s {_q(text)} >{_q(path)}" for path, text in plan.files.items()]
    # By standard input, so in no file and in no process list; sbatch hands its environment to the job.
    lines += [f"export {s}={_q(os.environ[s])}" for s in job.secrets if s in os.environ]
    undo = f"[ -z $new ] || rm -r {folder}"  # never a folder that holds checkpoints of an earlier submission
    lines += [f"id=$(sbatch --parsable job.sbatch) || {{ {undo}; return 1; }}", "id=${id%%;*}", 'echo "$id" >job.id']
    for element, run in enumerate(array_names(name, cluster.options.array or 0)):
        folder = _q(_folder(run, cluster))
        lines.append(f'mkdir -p {folder} && echo "${{id}}_{element}" >{folder}/job.id')
    return "\n".join([*lines, 'echo "$id"'])


def standings(submissions: Sequence[Submission], cluster: Cluster) -> dict[str, Standing]:
    """Where each job stands: one squeue for all, and for those that it has forgotten one sacct and one scontrol."""
    ids = {s.job_id: s.name for s in submissions if s.job_id is not None}
    done = _run(cluster, "squeue --me --noheader --array --states=all --format='%i|%T|%r|%N'")
    if done.returncode != 0 and b"not found" not in done.stderr:
        raise UserError(_refused(done.stderr, cluster))
    found = parse_squeue(done.stdout.decode(errors="replace"))
    missing = [job_id for job_id in ids if job_id not in found]
    if missing:
        asked = shlex.quote(",".join(missing))
        fields = "JobID,State,ExitCode"
        script = f"sacct --noheader --parsable2 --allocations --jobs={asked} --format={fields} 2>/dev/null\n"
        script += "echo '#scontrol'; scontrol --oneliner show jobs 2>/dev/null\nreturn 0"
        accounted, _, shown = _run(cluster, script).stdout.decode(errors="replace").partition("#scontrol\n")
        found = {**parse_scontrol(shown), **parse_sacct(accounted), **found}
    gone = Standing(phase=Phase.GONE, detail="Slurm does not know the job any more")
    return {name: found.get(job_id, gone) for job_id, name in ids.items()}


def parse_squeue(text: str) -> dict[str, Standing]:
    """Lines ``id|state|reason|nodes`` of squeue."""
    found = {}
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == 4:
            job_id, state, reason, nodes = parts
            more = nodes if state == "RUNNING" else "" if reason == "None" else reason
            found[job_id] = _standing(state, more)
    return found


def parse_sacct(text: str) -> dict[str, Standing]:
    """Lines ``id|state|exit code`` of sacct; ``CANCELLED by 0`` is a state, too."""
    found = {}
    for line in text.splitlines():
        parts = line.split("|")
        if len(parts) == 3:
            job_id, state, code = parts
            found[job_id] = _standing(state.split(" ")[0], "" if code == "0:0" else f"exit code {code}")
    return found


def parse_scontrol(text: str) -> dict[str, Standing]:
    """Lines of ``scontrol --oneliner show jobs``."""
    found = {}
    for line in text.splitlines():
        fields = dict(re.findall(r"(?:^| )(\w+)=(\S*)", line))
        if "JobId" in fields and "JobState" in fields:
            element = fields.get("ArrayTaskId")
            job_id = f"{fields['ArrayJobId']}_{element}" if element else fields["JobId"]
            reason = fields.get("Reason", "None")
            found[job_id] = _standing(fields["JobState"], "" if reason == "None" else reason)
    return found


def _standing(state: str, more: str) -> Standing:
    phase = _PHASE_OF.get(state.rstrip("+"), Phase.RUNNING)  # an unknown state proves no end
    return Standing(
        phase=phase,
        detail=f"{state}: {more}" if more else state,
        failed=phase is Phase.ENDED and not state.startswith("COMPLETED"),
    )


def collect(run: Run, submission: Submission, cluster: Cluster, *, logs: bool) -> None:
    """Bring what is new of the run's events, and of its logs if asked to, from the shared file system."""
    folder = _folder(submission.name, cluster)
    wanted = ["events.jsonl", *(["logs/*.log", "stacks/*.txt", "slurm-*.log"] if logs else [])]
    files = [run.events_path, *run.path.glob("logs/*"), *run.path.glob("stacks/*")]
    have = {str(path.relative_to(run.path)): path.stat().st_size for path in files if path.exists()}
    answer = _run(cluster, _collect_script(folder, wanted, have)).stdout
    while answer:
        header, _, answer = answer.partition(b"\n")
        size, _, name = header.decode().partition(" ")
        block, answer = answer[: int(size)], answer[int(size) :]
        if len(block) == int(size):  # of what was cut off the next call brings the whole
            with (run.path / name).open("ab") as file:
                file.write(block)


def _collect_script(folder: str, wanted: Sequence[str], have: Mapping[str, int]) -> str:
    """Of each file in `folder` that has grown: a line with the number of bytes and the name here, then the bytes."""
    cases = "\n".join(f"{_q(name)}) have={size} ;;" for name, size in have.items())
    return f"""cd {_q(folder)} 2>/dev/null || return 0
for file in {" ".join(wanted)}; do
    [ -f "$file" ] || continue
    name=$file
    case $file in slurm-*) name=logs/$file ;; esac
    have=0
    case $name in
    {cases}
    esac
    more=$(($(stat -c %s "$file") - have))
    [ "$more" -le {BLOCK} ] || more={BLOCK}
    [ "$more" -gt 0 ] || continue
    printf '%s %s\\n' "$more" "$name"
    tail -c +$((have + 1)) "$file" | head -c "$more"
done"""


def cancel(submission: Submission, cluster: Cluster) -> None:
    """Ask a running job for a checkpoint and an end, take a waiting one out of the queue."""
    job_id = _q(submission.job_id or "")
    script = f"""case $(squeue --noheader --array --jobs={job_id} --format=%T | head -n 1) in
RUNNING) scancel --batch --signal=TERM {job_id} ;;
*) scancel {job_id} ;;
esac"""
    done = _run(cluster, script)
    if done.returncode != 0:
        raise UserError(_refused(done.stderr, cluster))


def check(cluster: Cluster) -> list[Finding]:
    """What its commands, its nodes and its shared folder look like. Starts nothing."""
    options = cluster.options
    partition = f"--partition={_q(options.partition)}" if options.partition else ""
    environment = " ".join(_q(f"{name}={value}") for name, value in cluster.environment.items())
    script = f"""sinfo --version
echo '#nodes'; sinfo --noheader --Node {partition} --format='%N|%t|%c|%G' | sort -u
echo '#folder'; mkdir -p {_q(cluster.shared or "/")} && test -w {_q(cluster.shared or "/")} && echo writable
echo '#python'; env {environment} {_q(cluster.python)} -c 'import seatrial; print(seatrial.__version__)'"""
    try:
        done = _run(cluster, script)
    except UserError as error:
        [problem] = error.problems
        return [_finding("reached", Verdict.FAIL, problem.what, "its commands answer", problem.remedy)]
    text = done.stdout.decode(errors="replace")
    version, _, text = text.partition("#nodes\n")
    nodes, _, text = text.partition("#folder\n")
    folder, _, python = text.partition("#python\n")
    if not version.startswith("slurm"):
        why = done.stderr.decode(errors="replace").strip().splitlines() or ["sinfo says nothing"]
        return [_finding("reached", Verdict.FAIL, why[0], "sinfo --version answers", "is Slurm's bin folder in PATH?")]
    return [
        _finding("reached", Verdict.PASS, version.strip(), "its commands answer"),
        *_check_nodes(nodes, cluster),
        _check_folder(folder, cluster),
        _check_python(python.strip(), cluster),
    ]


def _check_nodes(text: str, cluster: Cluster) -> Iterable[Finding]:
    rows = [line.split("|") for line in text.splitlines() if line.count("|") == 3]
    states = [state.rstrip("*~#!%$@^-") for _, state, _, _ in rows]
    usable = sum(state in ("idle", "mix", "alloc", "comp", "plnd", "resv", "npc") for state in states)
    observed = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states))) or "no node"
    verdict = Verdict.PASS if usable >= cluster.nodes else Verdict.FAIL
    yield _finding("nodes", verdict, observed, f"{cluster.nodes} nodes that can work", "sinfo --list-reasons")
    if cluster.accelerators_per_node and rows:
        has_gres = all("gpu" in gres for *_, gres in rows)
        asks = cluster.options.gpus != "none"
        there = "GRES gpu" if has_gres else "no GRES gpu"
        remedy = f'set options.gpus = "{"gpus-per-node" if has_gres else "none"}"'
        yield _finding(
            "gres", Verdict.PASS if has_gres == asks else Verdict.FAIL, there, "as options.gpus asks", remedy
        )


def _check_folder(text: str, cluster: Cluster) -> Finding:
    verdict = Verdict.PASS if text.strip() == "writable" else Verdict.FAIL
    observed = f"{cluster.shared} can{'' if verdict is Verdict.PASS else 'not'} be written to"
    return _finding("shared", verdict, observed, "a folder that all nodes share", "is the file system mounted?")


def _check_python(found: str, cluster: Cluster) -> Finding:
    if cluster.container != "none":
        return _finding("python", Verdict.SKIP, "it is in the image", f"seatrial {__version__}")
    expected = f"{cluster.python} imports seatrial {__version__}"
    verdict = Verdict.PASS if found == __version__ else Verdict.FAIL
    return _finding("python", verdict, found or "not installed", expected, f"pip install seatrial=={__version__}")


def _finding(check: str, verdict: Verdict, observed: str, expected: str, action: str = "") -> Finding:
    bad = verdict is Verdict.FAIL
    return Finding(
        check=f"cluster.{check}",
        verdict=verdict,
        severity=Severity.HIGH if bad else Severity.NONE,
        observed=observed,
        expected=expected,
        action=action if bad else "",
    )


def _single_id(answer: bytes) -> str:
    return answer.decode().strip().partition("\n")[0]


def _refused(stderr: bytes, cluster: Cluster) -> Problem:
    lines = [line.removeprefix("sbatch: ") for line in stderr.decode(errors="replace").strip().splitlines()]
    what = "; ".join(line.removeprefix("error: ") for line in lines) or "Slurm's command failed without a word"
    return Problem(what, f"Slurm of cluster {cluster.name}", f"seatrial cluster check {cluster.name}")


def _folder(name: str, cluster: Cluster) -> str:
    return f"{(cluster.shared or '').rstrip('/')}/{engine_name(name)}"


def _q(text: str) -> str:
    return shlex.quote(text)


def _run(cluster: Cluster, script: str) -> subprocess.CompletedProcess[bytes]:
    return _shell.run(script, cluster.options.reach, cluster.options.ssh_options)
