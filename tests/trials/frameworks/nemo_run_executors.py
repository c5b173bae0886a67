"""For test_nemo_run.py, in the environment nemo-run: what NeMo-Run makes of our executors, without a start."""

from __future__ import annotations

import dataclasses
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import nemo_run

from seatrial.cases.nemo_run import executors


def main() -> None:
    folder = Path(sys.argv[1])
    (job, on_slurm), (there, on_eks) = pickle.loads((folder / "jobs.pickle").read_bytes())
    executor = executors.slurm(job, on_slurm, folder=str(folder / "torchrun"))
    fault_tolerant = executors.slurm(job, on_slurm, folder=str(folder / "ft"), fault_tolerance=True)
    told: dict[str, Any] = {
        "torchrun": script(folder, executor),
        "ft": script(folder, fault_tolerant),
        "kubeflow": executors.kubeflow(there, on_eks).get_job_body("run-1", ["torchrun"]),
        "skypilot": [field.name for field in dataclasses.fields(nemo_run.SkypilotExecutor)],
    }
    (folder / "told.json").write_text(json.dumps(told))


def script(folder: Path, executor: Any) -> str:
    """The sbatch script of an experiment with one task, which its dry run writes."""
    with nemo_run.Experiment("dry", executor=executor, base_dir=str(folder)) as experiment:
        experiment.add(nemo_run.Script(path="pretrain.py", entrypoint="python"), name="pretrain")
        experiment.dryrun(log=False, delete_exp_dir=False)
    [path] = Path(experiment._exp_dir).glob("*_sbatch.sh")
    return path.read_text()


if __name__ == "__main__":
    main()
