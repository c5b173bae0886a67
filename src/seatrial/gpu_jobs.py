"""Which job has which GPU, as NVIDIA's DCGM exporter reads it with --hpc-job-mapping-dir: a file for each GPU, named by
its index, with a line for each job. Its metrics then have the label hpc_job.

https://github.com/NVIDIA/dcgm-exporter, README, "HPC job labels" (November 2026).
"""

from __future__ import annotations

FOLDER = "/run/seatrial/gpu-jobs"
"""It does not outlive the node's boot, and neither do jobs. Who has no DCGM exporter has no such folder."""

_EACH = f"""\
for gpu in $(echo "${{SLURM_JOB_GPUS:-}}" | tr , ' '); do
    [ -d {FOLDER} ] || break
"""

BEGIN = f"""\
{_EACH}    echo "$SLURM_JOB_ID" >>"{FOLDER}/$gpu"
done
"""
"""Shell, for what runs before a job of Slurm."""

END = f"""\
{_EACH}    [ ! -f "{FOLDER}/$gpu" ] || sed -i "/^$SLURM_JOB_ID\\$/d" "{FOLDER}/$gpu"
done
"""
"""Shell, for what runs after it."""
