"""Jobs of operators that bring their own way to start ranks: HyperPod's agent, and mpirun."""

from __future__ import annotations

from typing import Any

from seatrial.events import PRINTED
from seatrial.launchers import _ranks
from seatrial.launchers.kubernetes.pod import (
    NODE,
    Work,
    arguments,
    container,
    environment,
    limits,
    literal,
    program,
    scale,
    template,
    variable,
)


def hyperpodpytorchjob(work: Work) -> dict[str, Any]:
    """HyperPod's agent stands in for torchrun: it asks the operator for its place, and watches the log."""
    size = [f"--nnodes={work.job.nodes}", f"--nproc-per-node={work.job.processes_per_node}"]
    command = ["hyperpodrun", *size, "--rdzv-backend", "hyperpod", *arguments(work)]
    pod = container(work, NODE, command, environment(work))
    pod["ports"] = [{"name": "agent", "containerPort": 8080}]
    ttl = work.options.ttl_seconds_after_finished
    policy = {
        "cleanPodPolicy": "None",
        "jobMaxRetryCount": work.restarts,
        **limits(work),
        "ttlSecondsAfterFinished": -1 if ttl is None else ttl,  # its default of 0 deletes the job with its logs
        "logMonitoringConfiguration": _log_rules(work),
    }
    replicas = [{"name": NODE, "replicas": work.job.nodes, "template": template(work, pod, restart_policy=None)}]
    return {"nprocPerNode": str(work.job.processes_per_node), "replicaSpecs": replicas, "runPolicy": policy}


def _log_rules(work: Work) -> list[dict[str, Any]]:
    """When a job counts as hanging, by the events that it prints."""
    started, stepped, ended = (f'.*{PRINTED}.*"type": "{name}".*' for name in ("run_start", "step", "run_end"))
    options = work.options
    return [
        {"name": "Start", "logPattern": started, "expectedStartCutOffInSeconds": 60 * options.start_minutes},
        {
            "name": "Steps",
            "logPattern": stepped,
            "expectedRecurringFrequencyInSeconds": 60 * options.hang_minutes,
            "stopPattern": ended,
        },
    ]


# The first host of the list is where rank 0 runs. By its whole path mpirun also finds its other half on the workers.
MPIRUN = 'MASTER_ADDR=$(sed "s/ .*//;q" /etc/mpi/hostfile); export MASTER_ADDR; exec "$(command -v mpirun)" "$@"'
MPI_RANK = (
    "RANK=$OMPI_COMM_WORLD_RANK LOCAL_RANK=$OMPI_COMM_WORLD_LOCAL_RANK "
    'WORLD_SIZE=$OMPI_COMM_WORLD_SIZE LOCAL_WORLD_SIZE=$OMPI_COMM_WORLD_LOCAL_SIZE exec "$@"'
)
SSHD = "ssh-keygen -A && exec /usr/sbin/sshd -De"
"""An image has no host keys: whoever has it would have them, too."""
MPI_NODE = 'NODE_RANK=$OMPI_COMM_WORLD_RANK exec "$@"'
_SSHD = ["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "NET_BIND_SERVICE", "SETGID", "SETUID", "SYS_CHROOT"]
"""What sshd needs to become another user; containers have all of them by default."""


def mpijob(work: Work) -> dict[str, Any]:
    """A launcher pod with mpirun, and a worker pod with sshd on each node."""
    entries = [*environment(work), variable("MASTER_PORT", str(_ranks.PORT), "of rank 0"), *scale(work)]
    start = ["sh", "-c", literal(MPIRUN), "sh", *_mpirun(work, entries)]
    launcher = container(work, "mpirun", start, entries, node=False)
    worker = container(work, NODE, ["sh", "-c", SSHD], [])
    worker["securityContext"]["capabilities"]["add"] = _SSHD
    policy = "OnFailure" if work.restarts else "Never"
    return {
        "slotsPerWorker": work.job.processes_per_node,
        "launcherCreationPolicy": "WaitForWorkersReady",
        "runPolicy": {"cleanPodPolicy": "Running", "backoffLimit": work.restarts, **limits(work)},
        "mpiReplicaSpecs": {
            "Launcher": {
                "replicas": 1,
                "restartPolicy": policy,
                "template": template(work, launcher, restart_policy=policy, node=False),
            },
            "Worker": {"replicas": work.job.nodes, "restartPolicy": "Never", "template": template(work, worker)},
        },
    }


def _mpirun(work: Work, entries: list[Any]) -> list[str]:
    """Arguments of mpirun: a process for each rank, or for each node, with every variable: sshd passes none on."""
    ranked = work.job.launch in ("rank", "mpi")
    each = work.job.processes_per_node if ranked else 1
    names = ["PATH", "LD_LIBRARY_PATH", "MASTER_ADDR", *(entry.value["name"] for entry in entries)]
    passed = [part for name in names for part in ("-x", name)]
    # By default mpirun kills its processes one second after it asked them to stop.
    patience = ["--mca", "odls_base_sigkill_timeout", str(_ranks.SHUTDOWN_SECONDS)]
    count = ["-np", str(each * work.job.nodes), "--map-by", f"ppr:{each}:node", "--bind-to", "none"]
    shell = ["sh", "-c", literal(MPI_RANK if ranked else MPI_NODE), "sh"]
    return ["--allow-run-as-root", *count, *patience, *passed, *shell, *program(work)]
