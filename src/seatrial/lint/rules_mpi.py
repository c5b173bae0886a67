"""Rules about mpirun: as many processes as there are slots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.findings import Verdict
from seatrial.lint.allocation import EACH, directives, nodes, number, tasks_per_node
from seatrial.lint.documents import Document
from seatrial.lint.launch import Launch, code, spelled
from seatrial.lint.manifest import Map, containers, integer
from seatrial.lint.rules import Hit, Tree, rule
from seatrial.lint.script import option
from seatrial.lint.spreading import MPIRUN, processes_of_mpirun

_OWN_HOSTS = re.compile(r"--?(hostfile|machinefile|host|hosts|f|app|oversubscribe|use-hwthread-cpus)$|-H$")
"""Options after which the slots of the job do not count."""
_JOB = """apiVersion: kubeflow.org/v2beta1
kind: MPIJob
spec:
  slotsPerWorker: 8
  mpiReplicaSpecs:
    Launcher:
      template:
        spec:
          containers:
            - image: registry.example.com/train:1.4.0
              command: [mpirun, -np, '{}', ./train]
    Worker:
      replicas: 2
      template:
        spec:
          containers:
            - image: registry.example.com/train:1.4.0
              resources:
                limits:
                  nvidia.com/gpu: 8
              volumeMounts:
                - name: shm
                  mountPath: /dev/shm
          volumes:
            - name: shm
              emptyDir:
                medium: Memory
"""


def _asked(document: Document) -> Iterator[tuple[int, int]]:
    """Line and number of processes of every mpirun that takes its slots from the job."""
    if not any(document.commands(*MPIRUN)) or "OVERSUBSCRIBE" in code(document.text).upper():
        return
    for script in document.scripts:
        for command in script.naming(*MPIRUN):
            at = command.find(*MPIRUN)
            if at is None or command.name in ("echo", "which", "apt-get", "command"):
                continue
            words = list(spelled(script, command.words[at:]))
            count = processes_of_mpirun(words)
            if count and not any(_OWN_HOSTS.match(word.text.partition("=")[0]) for word in words):
                yield command.line, count


def copies_of_mpirun(launch: Launch) -> int:
    """How often an mpirun in front of a training program starts it; 0: none does, or the number is not known."""
    at = next((i for i, word in enumerate(launch.before) if PurePosixPath(word.text).name in MPIRUN), None)
    return 0 if at is None else processes_of_mpirun(launch.before[at:]) or 0


@rule(
    "mpi.slots",
    Verdict.FAIL,
    ("yaml", "sbatch"),
    expected="no more processes than slots: workers times slotsPerWorker, or nodes times tasks",
    why="Open MPI starts nothing and ends with: there are not enough slots available in the system.",
    remedy="make -np, the workers and slotsPerWorker agree",
    source="https://docs.open-mpi.org/en/v5.0.x/launching-apps/scheduling.html; kubeflow/mpi-operator, v2beta1 types",
    bad=_JOB.format(32),
    at=11,
    good=_JOB.format(16),
)
def slots(document: Document, _: Tree) -> Iterator[Hit]:
    have, seen = _slots_of_pods(document) if document.kind == "yaml" else _slots_of_job(document)
    for line, count in _asked(document) if have else ():
        if have and count > have:
            yield line, f"{count} processes on {seen}"


def _slots_of_pods(document: Document) -> tuple[int | None, str]:
    manifest = document.manifest or Map()
    spec = manifest.map("spec")
    workers = integer(spec.map("mpiReplicaSpecs", "Worker").get("replicas", "1"))
    each = integer(spec.get("slotsPerWorker", "1"))  # the operator's default
    if manifest.get("kind") != "MPIJob" or str(spec.get("mpiImplementation", "OpenMPI")) != "OpenMPI":
        return None, ""
    if workers is None or each is None or "Worker" not in spec.map("mpiReplicaSpecs"):
        return None, ""
    workers += spec.get("runLauncherAsWorker") == "true"
    return workers * each, f"{workers} workers with {each} slots each"


def _slots_of_job(document: Document) -> tuple[int | None, str]:
    words = directives(document)
    if not any(option(words, name) for name in ("--ntasks", "-n", *EACH)):
        return None, ""
    total = number(option(words, "--ntasks", "-n"))
    count, each = nodes(document), tasks_per_node(document)
    have = total or (count * each if count and each else None)
    return have, f"{have} tasks of the job"


@rule(
    "mpi.idle-slots",
    Verdict.WARN,
    ("yaml",),
    expected="as many processes as slots",
    why="mpirun fills one worker after the other: the GPUs of the last ones are paid for and idle.",
    remedy="make -np, the workers and slotsPerWorker agree",
    source="https://docs.open-mpi.org/en/v5.0.x/launching-apps/scheduling.html",
    bad=_JOB.format(8),
    at=11,
    good=_JOB.format(16),
)
def idle_slots(document: Document, _: Tree) -> Iterator[Hit]:
    have, seen = _slots_of_pods(document)
    asked = list(_asked(document)) if have and "slotsPerWorker" in (document.manifest or Map()).map("spec") else []
    workers = (document.manifest or Map()).map("spec", "mpiReplicaSpecs", "Worker")
    gpus = any(container.resource("nvidia.com/gpu") for container in containers(workers))
    if gpus and have and len(asked) == 1 and asked[0][1] < have:
        yield asked[0][0], f"{asked[0][1]} processes on {seen}"
