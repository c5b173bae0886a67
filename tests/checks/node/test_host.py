"""The host: fake trees of /proc and /sys are looked at as the real ones are; numbers on both sides of each bound."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.catalogue import sources
from seatrial.checks.collecting import collect, look
from seatrial.checks.judging import judge
from seatrial.checks.node import links, nvme
from seatrial.checks.node.cpu import cpu_list
from seatrial.checks.node.services import SERVICES, SYSTEMD
from seatrial.checks.observations import Source, Unreadable
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Finding, Severity, Verdict, overall
from tests.checks.test_checks import CHECKS, judged

RECORDED = Path(__file__).parents[1] / "recorded"
C5 = Profile.of("c5.2xlarge")


def seen(rule: str, root: Path, profile: Profile = C5, source: Source | None = None) -> list[Finding]:
    check = CHECKS[rule]
    [observation] = collect([source or check.source], profile, root)
    return judge([check], [observation], profile)


def write(root: Path, **files: str) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def verdicts(findings: list[Finding]) -> list[Verdict]:
    return [finding.verdict for finding in findings]


def edited(rule: str, old: str, new: str, profile: Profile | None = None) -> Verdict:
    """The verdict on the good example in which something is otherwise."""
    good = CHECKS[rule].rule.good
    assert old in good
    return overall(judged(CHECKS[rule], good.replace(old, new), profile))


# --- CPUs


def test_a_real_lscpu():
    text = (RECORDED / "lscpu/two-cpus.txt").read_text()
    two = replace(C5, name="c5.large", vcpus=2)
    assert [overall(judged(CHECKS[rule], text, two)) for rule in ("node.cpus", "node.numa")] == [Verdict.PASS] * 2
    assert overall(judged(CHECKS["node.cpus"], text, replace(two, vcpus=4))) is Verdict.WARN, "hyper-threading is off"
    assert overall(judged(CHECKS["node.cpus"], text, replace(two, vcpus=8))) is Verdict.FAIL
    assert overall(judged(CHECKS["node.cpus"], text, NOT_KNOWN)) is Verdict.UNKNOWN


def test_sets_of_cpus():
    assert cpu_list("0-3,8") == {0, 1, 2, 3, 8} and cpu_list("") == set()
    for text in ("0-", "a", "0 1"):
        with pytest.raises(Unreadable):
            cpu_list(text)


def test_the_governor_where_the_kernel_may_choose_and_where_not(tmp_path):
    write(tmp_path, **{"sys/devices/system/cpu/online": "0-1\n"})
    assert verdicts(seen("node.governor", tmp_path)) == [Verdict.SKIP]
    for number, verdict in ((0, Verdict.UNKNOWN), (1, Verdict.PASS)):
        write(tmp_path, **{f"sys/devices/system/cpu/cpu{number}/cpufreq/scaling_governor": "performance\n"})
        assert verdicts(seen("node.governor", tmp_path)) == [verdict]
    write(tmp_path, **{"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "schedutil\n"})
    assert verdicts(seen("node.governor", tmp_path)) == [Verdict.WARN]


# --- memory


def edac(root: Path, wrong: int, corrected: int, seconds: int) -> None:
    folder = "sys/devices/system/edac/mc/mc0"
    counts = {"ue_count": wrong, "ce_count": corrected, "seconds_since_reset": seconds}
    write(root, **{f"{folder}/{name}": f"{value}\n" for name, value in counts.items()})


@pytest.mark.parametrize(
    ("counts", "verdict", "severity"),
    [
        ((0, 49, 3600), Verdict.PASS, Severity.NONE),
        ((0, 50, 3600), Verdict.WARN, Severity.MONITOR),
        ((0, 50, 10 * 86400), Verdict.PASS, Severity.NONE),
        ((0, 500, 10 * 86400), Verdict.WARN, Severity.MONITOR),
        ((1, 0, 10 * 86400), Verdict.FAIL, Severity.ISOLATE),
    ],
)
def test_errors_of_memory(tmp_path, counts, verdict, severity):
    write(tmp_path, **{"proc/sys/kernel/osrelease": "6.1\n"})
    edac(tmp_path, *counts)
    [finding] = seen("node.memory-errors", tmp_path)
    assert (finding.verdict, finding.severity) == (verdict, severity)


def test_memory_that_nobody_counts(tmp_path):
    write(tmp_path, **{"proc/sys/kernel/osrelease": "6.1\n"})
    metal, virtual = Profile.of("g4dn.metal"), Profile.of("p5.48xlarge")
    found = [verdicts(seen("node.memory-errors", tmp_path, profile)) for profile in (metal, virtual, NOT_KNOWN)]
    assert found == [[Verdict.UNKNOWN], [Verdict.SKIP], [Verdict.UNKNOWN]]


def test_swap_and_huge_pages():
    assert edited("node.swap", "SwapTotal:             0 kB", "SwapTotal:             4 kB") is Verdict.WARN
    assert edited("efa.huge-pages", "5128", "2560") is Verdict.PASS
    assert edited("efa.huge-pages", "5128", "2559") is Verdict.WARN
    assert edited("efa.huge-pages", "5128", "0", C5) is not Verdict.WARN, "it has no EFA"


# --- disks


@pytest.mark.parametrize(
    ("percent", "verdict"),
    [(79, Verdict.PASS), (80, Verdict.WARN), (84, Verdict.WARN), (85, Verdict.FAIL), (100, Verdict.FAIL)],
)
def test_space(percent, verdict):
    assert edited("node.disk-space", "30%", f"{percent}%") is verdict
    assert edited("node.disk-files", "7%", f"{percent}%") is verdict


def test_a_real_df_and_its_options(tmp_path):
    for command in (["df", "-P", "-k", "/"], ["df", "-P", "-T", "/"], ["df", "-P", "-i", "/"]):
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        [finding] = judged(CHECKS["node.disk-space"], text)
        assert finding.scope == {"mount": "/"} and finding.verdict in (Verdict.PASS, Verdict.WARN, Verdict.FAIL)
    human = "Filesystem      Size  Used Avail Use% Mounted on\n/dev/vda        252G   42G   60G  42% /\n"
    assert overall(judged(CHECKS["node.disk-space"], human)) is Verdict.UNKNOWN
    head, line = CHECKS["node.disk-files"].rule.good.splitlines()
    vfat = f"{head}\n{line}\n/dev/vda15             0       0        0     - /boot/efi\n"
    assert verdicts(judged(CHECKS["node.disk-files"], vfat)) == [Verdict.PASS, Verdict.SKIP]


def test_shared_memory():
    rule = "node.shared-memory"
    assert edited(rule, "1048576000         0 1048576000", "1048576 0 1048576") is Verdict.PASS
    assert edited(rule, "1048576000         0 1048576000", "1048576 1 1048575") is Verdict.FAIL, "what is free counts"
    assert edited(rule, "/dev/shm", "/") is Verdict.UNKNOWN, "there is no file system of its own"


MOUNTED = "/dev/nvme0n1p1 / xfs rw,noatime 0 0\ntmpfs /run tmpfs ro 0 0\n10.0.0.9@tcp:/fsx /fsx lustre rw,flock 0 0\n"


@pytest.mark.parametrize(
    ("mounted", "fstab", "verdict"),
    [
        (MOUNTED, "# comment\n\nUUID=1 / xfs defaults 0 1\nnas:/x /fsx/ nfs4 _netdev\n", Verdict.PASS),
        (MOUNTED, "UUID=1 / xfs defaults\nnas:/x /data nfs4 _netdev,nofail\n", Verdict.FAIL),
        (MOUNTED, "UUID=1 / xfs defaults\nnas:/x /data nfs4 noauto\n/swap none swap sw 0 0\n", Verdict.PASS),
        (MOUNTED, "UUID=1 /\n", Verdict.UNKNOWN),
        ("proc /proc proc rw 0 0\n", "UUID=1 / xfs defaults\n", Verdict.UNKNOWN),
    ],
)
def test_mounts_that_are_wanted(tmp_path, mounted, fstab, verdict):
    write(tmp_path, **{"proc/self/mounts": mounted, "etc/fstab": fstab})
    assert overall(seen("node.mounts", tmp_path)) is verdict


@pytest.mark.parametrize(
    ("type_and_options", "verdict"),
    [
        ("ext4 rw,errors=remount-ro", Verdict.PASS),
        ("ext4 ro,errors=remount-ro", Verdict.FAIL),
        ("ext4 rw,emergency_ro", Verdict.FAIL),
        ("xfs ro", Verdict.WARN),
        ("xfs noatime", Verdict.UNKNOWN),
    ],
)
def test_file_systems_that_went_read_only(tmp_path, type_and_options, verdict):
    write(tmp_path, **{"proc/self/mounts": f"/dev/vda / {type_and_options} 0 0\n"})
    assert overall(seen("node.read-only", tmp_path)) is verdict


def disks(root: Path, models: list[str], state: str = "live", size: int = 7421875000) -> None:
    write(root, **{"proc/sys/kernel/osrelease": "6.1\n"})
    for number, model in enumerate(models):
        folder = f"sys/block/nvme{number}n1"
        facts = {"size": size, "device/model": model, "device/state": state}
        write(root, **{f"{folder}/{name}": f"{value}\n" for name, value in facts.items()})


@pytest.mark.parametrize(
    ("stores", "state", "verdict"),
    [(8, "live", Verdict.PASS), (7, "live", Verdict.FAIL), (0, "live", Verdict.FAIL), (8, "dead", Verdict.FAIL)],
)
def test_instance_storage(tmp_path, stores, state, verdict):
    disks(tmp_path, ["Amazon Elastic Block Store              "] + [nvme.STORE] * stores, state)
    assert overall(seen("node.nvme", tmp_path, Profile.of("p5.48xlarge"))) is verdict
    assert overall(seen("node.nvme", tmp_path, NOT_KNOWN)) in (Verdict.UNKNOWN, Verdict.FAIL)


SMARTCTL = """{
  "device": {"name": "/dev/nvme3"},
  "nvme_smart_health_information_log": {"critical_warning": 0, "percentage_used": 99, "media_errors": 0}
}
"""


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ('"percentage_used": 99', '"percentage_used": 99', Verdict.PASS),
        ('"percentage_used": 99', '"percentage_used": 100', Verdict.WARN),
        ('"media_errors": 0', '"media_errors": 1', Verdict.WARN),
        ('"critical_warning": 0', '"critical_warning": 8', Verdict.FAIL),
        ('"critical_warning": 0', '"critical_warning": {"value": 8, "read_only": 1}', Verdict.FAIL),
        ('"critical_warning": 0, ', "", Verdict.UNKNOWN),
        ('"media_errors": 0', '"media_errors": "0"', Verdict.UNKNOWN),
    ],
)
def test_smart_of_both_tools(old, new, verdict):
    assert overall(judged(CHECKS["node.smart"], SMARTCTL.replace(old, new))) is verdict


def test_a_disk_that_gave_no_log_is_unknown():
    good = CHECKS["node.smart"].rule.good
    one = good.removesuffix("@ end\n")
    for text in (one, f"@ /dev/nvme9\n{good}", f"{one}@ /dev/nvme1\n", f"{one}@ /dev/nvme1\n@ end\n", f'{one}{{"a'):
        assert overall(judged(CHECKS["node.smart"], text)) is Verdict.UNKNOWN, text
    assert verdicts(judged(CHECKS["node.smart"], "@ end\n")) == [Verdict.SKIP]
    assert verdicts(judged(CHECKS["node.smart"], f"{one}{good}")) == [Verdict.PASS] * 2


def test_the_loop_over_disks_says_when_it_is_through(tmp_path, monkeypatch):
    tool = tmp_path / "nvme"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    observation = look(nvme.SMART)
    assert observation.text.startswith("@ ")
    assert overall(judge([CHECKS["node.smart"]], [observation], NOT_KNOWN)) is Verdict.UNKNOWN


# --- time, limits, links, modules, services


def test_clocks():
    assert overall(judged(CHECKS["node.clock-offset"], (RECORDED / "chrony/no-server.txt").read_text())) is Verdict.FAIL
    assert edited("node.clock-offset", "0.000003", "-0.050000") is Verdict.PASS
    assert edited("node.clock-offset", "0.000003", "-0.051000") is Verdict.FAIL
    assert edited("node.clock-offset", "Normal", "Abnormal") is Verdict.UNKNOWN
    assert edited("node.uptime", "86400.50", "600.00") is Verdict.PASS
    assert edited("node.uptime", "86400.50", "599.99") is Verdict.WARN


@pytest.mark.parametrize(
    ("soft", "verdict"),
    [("unlimited", Verdict.PASS), (str(16 * 2**30), Verdict.WARN), (str(16 * 2**30 - 1), Verdict.FAIL)],
)
def test_locked_memory(soft, verdict):
    line = "unlimited            unlimited            bytes"
    assert edited("efa.memlock", line, f"{soft}            unlimited            bytes") is verdict
    [finding] = judged(CHECKS["efa.memlock"], CHECKS["efa.memlock"].rule.good, C5)
    assert finding.verdict is Verdict.SKIP


@pytest.mark.parametrize(
    ("files", "rule", "verdict"),
    [
        ({"memory.max": "4294967296"}, "node.memory-share", Verdict.WARN),
        ({"memory.max": "17179869184"}, "node.memory-share", Verdict.PASS),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, "node.memory-share", Verdict.PASS),
        ({"memory/memory.limit_in_bytes": "4294967296"}, "node.memory-share", Verdict.WARN),
        ({"memory.max": "much"}, "node.memory-share", Verdict.UNKNOWN),
        ({}, "node.memory-share", Verdict.PASS),
        ({"cpu.max": "800000 100000"}, "node.cpu-share", Verdict.PASS),
        ({"cpu.max": "700000 100000"}, "node.cpu-share", Verdict.WARN),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "node.cpu-share", Verdict.PASS),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, "node.cpu-share", Verdict.WARN),
    ],
)
def test_both_generations_of_cgroups(tmp_path, files, rule, verdict):
    write(tmp_path, **{"proc/self/status": "Name:\tcat\nCpus_allowed_list:\t0-127\n"})
    write(tmp_path, **{"sys/devices/system/cpu/online": "0-7\n"})
    write(tmp_path, **{f"sys/fs/cgroup/{name}": f"{value}\n" for name, value in files.items()})
    assert overall(seen(rule, tmp_path)) is verdict


def test_a_job_that_may_run_on_some_cpus(tmp_path):
    write(tmp_path, **{"proc/self/status": "Cpus_allowed_list:\t0-3\n", "sys/devices/system/cpu/online": "0-7\n"})
    assert overall(seen("node.cpu-share", tmp_path)) is Verdict.WARN


def interface(root: Path, name: str, *, virtual: bool = False, **facts: str) -> None:
    values = {"flags": "0x1003", "operstate": "up", "carrier_changes": "1", "mtu": "9001"} | facts
    write(root, **{f"sys/class/net/{name}/{key}": f"{value}\n" for key, value in values.items()})
    for counter in ("rx_packets", "tx_packets", "rx_errors", "tx_errors"):
        write(root, **{f"sys/class/net/{name}/statistics/{counter}": "5\n"})
    if not virtual:
        write(root, **{f"sys/class/net/{name}/device/uevent": "DRIVER=ena\n"})


@pytest.mark.parametrize(
    ("facts", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"operstate": "unknown"}, Verdict.PASS),
        ({"operstate": "down"}, Verdict.FAIL),
        ({"operstate": "dormant"}, Verdict.FAIL),
        ({"operstate": "down", "flags": "0x1002"}, Verdict.UNKNOWN),
        ({"carrier_changes": "<Invalid argument>"}, Verdict.UNKNOWN),
    ],
)
def test_interfaces(tmp_path, facts, verdict):
    write(tmp_path, **{"proc/sys/kernel/osrelease": "6.1\n"})
    interface(tmp_path, "ens5", **facts)
    interface(tmp_path, "docker0", virtual=True, operstate="down")
    source = replace(links.LINKS, apart=0.0)
    assert overall(seen("node.links", tmp_path, source=source)) is verdict


def test_links_between_two_looks():
    good = CHECKS["node.links"].rule.good
    at = good.index("@ 1001")
    first, second = good[:at], good[at:]
    flaps = first + second.replace("carrier_changes:2", "carrier_changes:4")
    assert overall(judged(CHECKS["node.links"], flaps)) is Verdict.WARN
    for errors, verdict in ((10, Verdict.PASS), (11, Verdict.WARN)):
        text = first + second.replace("rx_errors:0", f"rx_errors:{errors}")
        assert overall(judged(CHECKS["node.link-errors"], text)) is verdict
    gone = first + second.replace("ens5", "ens6")
    assert overall(judged(CHECKS["node.links"], gone)) is Verdict.UNKNOWN
    fell = first + second.replace("carrier_changes:2", "carrier_changes:1")
    assert overall(judged(CHECKS["node.links"], fell)) is Verdict.UNKNOWN


def test_modules_of_each_part(tmp_path):
    write(tmp_path, **{"proc/sys/kernel/osrelease": "6.1\n"})
    assert verdicts(seen("node.modules", tmp_path, Profile.of("p5.48xlarge"))) == [Verdict.UNKNOWN] * 2
    write(tmp_path, **{"proc/modules": "neuron 1 0 - Live 0x0 (OE)\nefa 1 0 - Loading 0x0\n"})
    write(tmp_path, **{"proc/modules": "neuron 311296 0 - Live 0xffffffffc0a00000 (OE)\nefa 1 0 - Loading 0x0\n"})
    assert verdicts(seen("node.modules", tmp_path, Profile.of("trn1.2xlarge"))) == [Verdict.PASS]
    [finding] = seen("node.modules", tmp_path, Profile.of("c5n.18xlarge"))
    assert finding.observed == "ib_uverbs is not loaded, ib_core is not loaded, efa is Loading"
    assert verdicts(seen("node.modules", tmp_path, C5)) == [Verdict.SKIP]
    assert verdicts(seen("node.modules", tmp_path, NOT_KNOWN)) == [Verdict.UNKNOWN]


def test_services_that_are_switched_on():
    good = CHECKS["node.services"].rule.good
    for state, sub, verdict in (
        ("activating", "start-pre", Verdict.WARN),
        ("activating", "auto-restart", Verdict.FAIL),
        ("inactive", "dead", Verdict.FAIL),
        ("reloading", "reload", Verdict.PASS),
    ):
        text = good.replace("=active", f"={state}").replace("=running", f"={sub}")
        assert overall(judged(CHECKS["node.services"], text)) is verdict
    off = good.replace("UnitFileState=enabled", "UnitFileState=disabled")
    assert verdicts(judged(CHECKS["node.services"], off)) == [Verdict.SKIP]
    assert SYSTEMD.command[-len(SERVICES) :] == tuple(f"{name}.service" for name in SERVICES)


# --- this very machine


def test_this_machine_can_be_looked_at():
    quick = sources("quick")
    observations = collect(quick.values(), NOT_KNOWN)
    findings = judge([check for check in CHECKS.values() if check.source.kind in quick], observations, NOT_KNOWN)
    found = {finding.check: finding for finding in findings}
    unreadable = [f for f in findings if "could not be read" in f.observed]
    assert not unreadable, unreadable
    for rule in ("node.swap", "node.open-files", "node.numa", "node.uptime", "node.cpu-share"):
        assert found[rule].verdict in (Verdict.PASS, Verdict.WARN), found[rule]
    slowest = max(observations, key=lambda observation: observation.seconds)
    assert slowest.seconds < 10, slowest.origin
