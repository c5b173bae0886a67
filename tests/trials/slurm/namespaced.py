"""A Slurm whose nodes have networks of their own: their jobs talk over eth0, through a switch."""

from __future__ import annotations

import random
import subprocess

from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.processes import start
from tests.waiting import poll

SWITCH = ("sh", "-c", "ip link add switch type bridge && ip link set switch up && exec sleep infinity")


class NamespacedSlurm(Slurm):
    """Nodes cpu-1 to cpu-N, each with an address of its own and without GPUs, for programs that train on CPUs.

    The switch is a bridge in a network namespace of its own. The kernel removes it, and every cable that ends there or
    in a node, with the last process there: nothing stays behind even if the test process is killed.
    """

    prefix = "cpu-"
    hardware = "CPUs=4 RealMemory=16000"
    uplink = ""
    """The network interface by which this machine reaches the nodes."""

    def stop(self) -> None:
        super().stop()
        if self.uplink:  # The kernel takes its time to remove it.
            subprocess.run(["ip", "link", "delete", self.uplink], env=self.env, capture_output=True)

    def kill_node(self, name: str) -> None:
        # First the cable: a machine without power does not say goodbye to its connections.
        self._on_switch("ip", "link", "delete", name)
        super().kill_node(name)

    def _network(self) -> tuple[str, dict[str, str]]:
        switch = start(SWITCH, self.folder / "log/switch.out", self.env, ("--net",))
        self.processes["switch"] = switch
        poll(lambda: self._on_switch("ip", "link", "show", "switch", check=False) == 0, 60, "the switch is there")
        network = self._plug_in_head()
        self._on_switch("ip", "link", "set", "head", "master", "switch", "up")
        return f"{network}.254", {name: f"{network}.{number}" for number, name in enumerate(self.names, start=11)}

    def _plug_in_head(self) -> str:
        """Connects this machine with the switch. Returns the first three numbers of a network that nobody else has."""
        cable = ("type", "veth", "peer", "name", "head", "netns", str(self.processes["switch"].pid))
        for number in random.sample(range(256), 10):
            # The name can be taken once: that also keeps test processes side by side apart.
            uplink = f"slurm-{number}"
            if self.run("ip", "link", "add", uplink, *cable, check=False).returncode == 0:
                self.uplink = uplink
                self.run("ip", "address", "add", f"10.99.{number}.254/24", "dev", uplink)
                self.run("ip", "link", "set", uplink, "up")
                return f"10.99.{number}"
        raise RuntimeError("no network could be made")

    def _plug(self, name: str) -> tuple[str, str]:
        return (str(self.processes["switch"].pid), self.addresses[name]) if name in self.addresses else ("", "")

    def _on_switch(self, *argv: str, check: bool = True) -> int:
        return self.run(
            "nsenter", "--target", str(self.processes["switch"].pid), "--net", *argv, check=check
        ).returncode
