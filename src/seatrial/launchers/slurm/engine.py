"""Slurm's own commands, here or over ssh: submit, find, ask, cancel."""

from __future__ import annotations

import os
from collections.abc import Sequence

from seatrial.cluster import Cluster
from seatrial.job import Job
from seatrial.launchers.slurm import answers
from seatrial.launchers.slurm.commands import answer, array_names, engine_name, folder, quote, refused, run
from seatrial.plan import Plan
from seatrial.standing import Phase, Standing, Submission

_GONE = Standing(phase=Phase.GONE, detail="Slurm does not know the job any more")

# $1: the name, then more options of squeue. The folder tells our job from another one of the same name; --all looks
# into hidden partitions, too.
_FIND = """find_job() {
    jobs=$(squeue --all --me --noheader --name="$@" --format='%F %Z') || return 1
    while read -r id where; do
        if [ "$where" -ef "$PWD" ]; then echo "$id"; break; fi
    done <<EOF
$jobs
EOF
}"""


def submit(plan: Plan, name: str, cluster: Cluster) -> str:
    """Put the plan's files into the run's folder and give them to sbatch; an active job of this name is kept."""
    job = Job.from_json(plan.files["job.json"])
    return answer(cluster, _submit_script(plan, name, cluster, job)).strip()


def lookup(name: str, cluster: Cluster) -> str | None:
    """The id under which `name` was submitted last."""
    there = quote(folder(name, cluster))
    find = f"find_job {quote(engine_name(name))} --states=all"
    script = f"{_FIND}\n[ -d {there} ] || return 0\ncd {there}\nif [ -s job.id ]; then cat job.id; else {find}; fi"
    return answer(cluster, script).strip() or None


_REFUSE_WHAT_IS_NOT_OURS = """\
if [ ! -e job.json ] && [ ! -e job.sbatch ] && [ ! -e job.id ] && [ -n "$(ls -A | grep -vx .lock)" ]; then
    [ -n "$locked" ] || rm .lock
    echo "$PWD is no run of Seatrial and holds something: take another --name" >&2
    return 1
fi"""


def _submit_script(plan: Plan, name: str, cluster: Cluster, job: Job) -> str:
    there = quote(folder(name, cluster))
    lines = [
        "trap '' HUP  # a cut connection must not leave a job that nobody knows",
        "set -eu",
        _FIND,
        f"made=''; [ -d {there} ] || {{ mkdir -p {there}; made=1; }}",
        f"cd {there}",
        "locked=''; [ ! -e .lock ] || locked=1",
        "exec 9>>.lock && flock 9",
        _REFUSE_WHAT_IS_NOT_OURS,
        # Whoever had the lock before left its files: only then can there be a job already.
        f"id=''; if [ -e job.sbatch ]; then made=''; id=$(find_job {quote(engine_name(name))}); fi",
        'if [ -n "$id" ]; then echo "$id" | tee job.id; return; fi',
    ]
    folders = {os.path.dirname(path) for path in plan.files} - {""}
    lines += [f"mkdir -p {quote(folder)}" for folder in sorted(folders)]
    lines += [f"printf %s {quote(text)} >{quote(path)}" for path, text in plan.files.items()]
    # By standard input, so in no file and in no process list; sbatch hands its environment to the job.
    lines += [f"export {s}={quote(os.environ[s])}" for s in job.secrets if s in os.environ]
    undo = f'[ -z "$made" ] || rm -r {there}'  # never a folder that was there: it may hold checkpoints, or anything
    lines += [f"id=$(sbatch --parsable job.sbatch) || {{ {undo}; return 1; }}", "id=${id%%;*}", 'echo "$id" >job.id']
    for element, task in enumerate(array_names(name, cluster.options.array or 0)):
        there = quote(folder(task, cluster))
        lines.append(f'mkdir -p {there} && echo "${{id}}_{element}" >{there}/job.id')
    return "\n".join([*lines, 'echo "$id"'])


def standings(submissions: Sequence[Submission], cluster: Cluster) -> dict[str, Standing]:
    """Where each job stands: one squeue for all, and one sacct for those that it has forgotten.

    scontrol is not asked: it reads the same memory of slurmctld as squeue.
    """
    ids = {s.job_id: s.name for s in submissions if s.job_id is not None}
    found = answers.parse_squeue(answer(cluster, answers.SQUEUE))
    missing = {job_id.partition("_")[0] for job_id in ids if answers.of(job_id, found) is None}
    if missing:  # where there is no accounting, sacct fails, and nothing is known of them
        done = run(cluster, f"{answers.SACCT} --jobs={','.join(sorted(missing))}")
        if answers.NO_DATABASE in done.stderr:
            raise refused(cluster, done)
        found = answers.parse_sacct(done.stdout.decode(errors="replace")) | found
    return {name: answers.of(job_id, found) or _GONE for job_id, name in ids.items()}


def cancel(submission: Submission, cluster: Cluster) -> None:
    """Ask a running job for a checkpoint and an end, take a waiting one out of the queue."""
    job_id = quote(submission.job_id or "")
    script = f"""case $(squeue --noheader --array --jobs={job_id} --format=%T | head -n 1) in
RUNNING) scancel --batch --signal=TERM {job_id} ;;
*) scancel {job_id} ;;
esac"""
    answer(cluster, script)
