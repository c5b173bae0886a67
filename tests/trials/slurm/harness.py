"""A real Slurm on this machine: munged, slurmctld and a slurmd for each node, which is a machine of its own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.trials.slurm import configuration
from tests.trials.slurm.processes import kill, start, start_machine
from tests.waiting import poll

# A job that a node failure ended is not among them: it may be requeued.
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "DEADLINE")


class Slurm:
    """A cluster of N x p5.48xlarge, as far as Slurm can tell: p5-1 to p5-N, all in the partition `dev`, the last one
    also in `small`, where a job may run for an hour.

    A context manager: entering it starts the daemons, leaving it ends every process of it and of its jobs. All
    machines share this machine's files and network; each has its own host name, processes and /run.
    """

    prefix = "p5-"
    hardware = (
        "Sockets=2 CoresPerSocket=48 ThreadsPerCore=2 RealMemory=2000000 "
        f"Gres=gpu:h100:{configuration.GPUS} Feature=p5.48xlarge,efa"
    )

    def __init__(
        self, folder: Path, *, nodes: int = 4, prolog: str = "", conf: str = "", pyxis: bool = False, cloud: int = 0
    ) -> None:
        """`folder` is made; `prolog` is a script's text, `conf` more lines for slurm.conf.

        `pyxis` adds the options of pyxis_shim.c to srun and sbatch. `cloud` more nodes are in the partition `cloud`;
        they can be asked for, but never start.
        """
        self.folder = folder
        self.names = tuple(f"{self.prefix}{number}" for number in range(1, nodes + 1))
        self.env = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "SLURM_CONF": str(folder / "slurm.conf")}
        self._options = {"prolog": prolog, "conf": conf, "pyxis": pyxis, "cloud": cloud}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}  # of machines and daemons, by name

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException as error:
            self.stop()
            error.add_note(self._logs())
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        for name in ("log", "state", "work"):
            (self.folder / name).mkdir(parents=True)
        head, self.addresses = self._network()
        configuration.write(self.folder, self.addresses, self.hardware, head, **self._options)
        files = ("socket=munge.sock", "key-file=munge.key", "pid-file=munge.pid", "seed-file=munge.seed")
        options = [f"--{option.replace('=', f'={self.folder}/')}" for option in (*files, "log-file=log/munged.log")]
        log = self.folder / "log/munged.out"
        self.processes["munged"] = start(("munged", "--foreground", "--force", *options), log, self.env)
        self._ready("munged", (self.folder / "munge.sock").exists)
        self.start_controller("-c")
        for name in self.names:
            self.start_node(name)
        self._wait_until_idle()

    def stop(self) -> None:
        while self.processes:
            kill(self.processes.popitem()[1])

    def machine(self, name: str, *command: str | Path) -> subprocess.Popen[bytes]:
        """Starts one more machine with a command; the caller must `kill` it."""
        return start_machine(name, *command, folder=self.folder, env=self.env, plug=self._plug(name))

    # Commands and jobs

    def run(
        self, *argv: str | Path, check: bool = True, stdin: str = "", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command with the cluster's environment, in the folder `work`. With `check`, fails unless it does."""
        done = subprocess.run(
            argv,
            env={**os.environ, **self.env},
            cwd=self.folder / "work",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def sbatch(self, script: Path | str, *args: str) -> str:
        """Submits a file or a text. Returns the job's id."""
        if isinstance(script, Path):
            return self.run("sbatch", "--parsable", *args, script).stdout.strip()
        return self.run("sbatch", "--parsable", *args, stdin=script).stdout.strip()

    def job(self, job: str) -> dict[str, str]:
        """What `scontrol show job` says."""
        return _fields(self.run("scontrol", "--oneliner", "show", "job", job).stdout.splitlines()[0])

    def output(self, job: str) -> str:
        """What the job has written so far."""
        return Path(self.job(job)["StdOut"]).read_text()

    def wait(self, job: str, *states: str, timeout: float = 60) -> dict[str, str]:
        """Waits until the job is in one of the states, by default COMPLETED. Returns what `job` says then.

        Fails at once when the job has ended in another state. RUNNING does not mean that its program runs already.
        """
        wanted = states or ("COMPLETED",)
        poll(lambda: self.job(job)["JobState"] in (*wanted, *ENDED), timeout, f"job {job} is {' or '.join(wanted)}")
        found = self.job(job)
        out = Path(found["StdOut"])
        assert found["JobState"] in wanted, f"{found}\n{out.read_text() if out.exists() else 'no output'}"
        return found

    # Nodes

    def nodes(self) -> dict[str, str]:
        """Node -> state, as `scontrol show node` says it: IDLE, MIXED, DOWN+NOT_RESPONDING, IDLE+DRAIN ..."""
        lines = self.run("scontrol", "--oneliner", "show", "nodes").stdout.splitlines()
        return {node["NodeName"]: node["State"] for node in map(_fields, lines)}

    def start_controller(self, *options: str) -> None:
        """slurmctld, with the jobs that it knew unless the option is -c."""
        self.processes["head"] = self.machine("head", "slurmctld", "-D", *options)
        self._ready("head", lambda: self.run("scontrol", "ping", check=False).returncode == 0)

    def stop_controller(self) -> None:
        """slurmctld writes down what it knows and ends."""
        self.run("scontrol", "shutdown", "slurmctld")
        self.processes.pop("head").wait(30)

    def start_node(self, name: str) -> None:
        """Switches a node on; it takes a moment until the controller knows."""
        self.processes[name] = self.machine(name, "slurmd", "-D", "-N", name)

    def kill_node(self, name: str) -> None:
        """The power of a node fails: no process on it is left, and the controller has to find out by itself."""
        kill(self.processes.pop(name))

    def down(self, name: str, reason: str) -> None:
        """Takes a node down as an administrator does; its jobs are requeued."""
        self.run("scontrol", "update", f"nodename={name}", "state=down", f"reason={reason}")

    def resume(self) -> None:
        """Takes every node that is down or drained back into service; it takes a moment until all are idle."""
        for name, state in self.nodes().items():
            if re.search("DOWN|DRAIN|FAIL", state):  # one that came back by itself in the meantime is refused
                self.run("scontrol", "update", f"nodename={name}", "state=resume", check=False)

    def reset(self) -> None:
        """Back to a cluster without jobs, all of its nodes idle."""
        for name in self.names:
            if name not in self.processes or self.processes[name].poll() is not None:
                self.start_node(name)
        jobs = self._queue()
        if jobs:
            self.run("scancel", *jobs)
        poll(lambda: not self._queue(), 60, "all jobs gone")
        self.resume()
        self._wait_until_idle()

    def _ready(self, name: str, condition: Callable[[], bool]) -> None:
        def check() -> bool:
            assert self.processes[name].poll() is None, f"{name} has ended"
            return condition()

        poll(check, 20, f"{name} is ready")

    def _queue(self) -> list[str]:
        return self.run("squeue", "--noheader", "--format=%A").stdout.split()

    def _wait_until_idle(self) -> None:
        poll(lambda: set(self.nodes().values()) == {"IDLE"}, 60, "all nodes idle")

    def _logs(self) -> str:
        logs = sorted(self.folder.glob("log/*"))
        return "\n".join(f"{log}:\n{log.read_text(errors='replace')[-2000:]}" for log in logs)

    def _network(self) -> tuple[str, dict[str, str]]:
        """Address of the head and of each node."""
        return "127.0.0.1", dict.fromkeys(self.names, "127.0.0.1")

    def _plug(self, name: str) -> tuple[str, str]:
        """Where a machine's cable leads: the process of the switch, and the machine's address; empty: no cable."""
        return "", ""


def _fields(line: str) -> dict[str, str]:
    """A line of `scontrol --oneliner show`: Key=value, the values with blanks, keys with a capital first."""
    return dict(re.findall(r"(?:^|\s)([A-Z][\w:/]*)=(.*?)(?=\s+[A-Z][\w:/]*=|\s*$)", line))
