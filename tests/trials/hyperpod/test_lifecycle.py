"""The lifecycle scripts, really executed on nodes of each role, and the Slurm that they make."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import datetime

from tests.trials.hyperpod.conftest import PARAMS, Make
from tests.trials.hyperpod.nodes import Nodes
from tests.waiting import poll

CHANGES = re.compile(r"    (wrote|made|installs|installed|started|mounted|downloaded) ")
OWN_SECONDS = 60
"""What a worker's run may take of its own, beside packages."""
TOML = """\
[clusters.sea]
launcher = "slurm"
nodes = 2
cpus_per_node = 2
processes_per_node = 1
shared = "/fsx/runs"
python = "/opt/seatrial/venv/bin/python"
environment = { OMP_NUM_THREADS = "1" }
options = { partition = "cpu" }
"""


def states(cluster: Nodes) -> str:
    return cluster.controller.run("sinfo", "--noheader", "--Node", "--format=%N %P %T").stdout


def idle(cluster: Nodes) -> bool:
    return states(cluster).count(" idle") == len(cluster.workers) * 2  # each is in its own partition and in dev


def test_each_role_comes_up(cluster: Nodes):
    roles = {"controller": "controller", "login": "login", "cpu": "worker", "big": "worker"}
    for one in cluster.instances:
        assert f"this is {one.name}, a {roles[one.group]} node" in cluster.said[one.name]
        assert cluster.said[one.name].endswith("the node is ready\n")


def test_a_second_run_changes_nothing(cluster: Nodes):
    before = [one.snapshot() for one in cluster.instances], cluster.shared()
    assert before[0][0] and before[1]
    for one in cluster.instances:
        said = one.create()
        # A login node's slurmd has ended, once it had the configuration: it is started again.
        found = [line for line in said.splitlines() if CHANGES.search(line) and one.group != "login"]
        assert not found and said.endswith("the node is ready\n")
    assert ([one.snapshot() for one in cluster.instances], cluster.shared()) == before


def test_slurm_has_the_partitions_of_the_groups(cluster: Nodes):
    poll(lambda: idle(cluster), 60, "all workers are idle")
    names = [worker.name for worker in cluster.workers]
    lines = states(cluster).splitlines()
    assert [line for line in lines if " cpu*" in line] == [f"{name} cpu* idle" for name in names[:2]]
    assert [line for line in lines if " big " in line] == [f"{names[2]} big idle"]
    config = cluster.controller.run("scontrol", "show", "config").stdout
    assert re.search(r"KillOnBadExit += 1\n", config) and "bf_interval=1" in config


def test_a_job_trains_on_two_nodes_from_the_login_node(cluster: Nodes):
    poll(lambda: idle(cluster), 60, "all workers are idle")
    login = cluster.login
    login.put("/fsx/project/seatrial.toml", TOML)
    login.run("sh", "-c", "mkdir -p /fsx/runs && chown -R ada: /fsx/project /fsx/runs")
    seatrial = "exec /opt/seatrial/venv/bin/python -m seatrial run cpu-ddp --nodes 2 --processes 1 --on sea --name two"
    done = login.run("su", "-", "ada", "-c", f"cd /fsx/project && {seatrial}", check=False)
    logs = [path.read_text()[-2000:] for path in cluster.folder.glob("shared/fsx/runs/*/*.log")]
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{logs}"
    assert "cpu-ddp/tiny completed: PASS" in done.stdout + done.stderr


def test_a_node_that_is_not_what_it_ought_to_be_is_kept_from_jobs(make: Make):
    """By the hooks, which Slurm runs as the scripts have told it: this machine is no m5.2xlarge."""
    nodes = make("controller", "cpu", health_checks=True, observability=False)
    network = {"InstanceId": f"i-{1:017x}", "NetworkNodes": ["nn-1", "nn-2", "nn-3"]}
    (nodes.folder / "aws/topology").write_text(json.dumps({"Instances": [network]}))
    for one in reversed(nodes.instances):
        one.create()
    reason = ("sinfo", "--noheader", "--format=%T %E")
    poll(lambda: "drained seatrial/quick node." in nodes.controller.run(*reason).stdout, 60, "the node is drained")
    assert f"SwitchName=nn-3 Level=0 LinkSpeed=1 Nodes={nodes.workers[0].name}" in (
        nodes.controller.run("scontrol", "show", "topology").stdout
    )


def test_jobs_are_accounted_in_the_database(make: Make):
    database = {"host": "127.0.0.1", "port": "3306", "user": "slurm", "secret_arn": "arn:aws:secretsmanager:password"}
    settings = {"package": None, "observability": False, "places": {"accounting": database}}
    nodes = make("controller", "cpu", **settings)
    (nodes.folder / "aws/arn:aws:secretsmanager:password").write_text("S3cret")
    controller, worker = nodes.instances
    server = subprocess.Popen(
        controller.command("sh", "-c", MARIADB), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        ping = ("mariadb", "--host=127.0.0.1", "--user=slurm", "--password=S3cret", "--execute=select 1")
        poll(lambda: controller.run(*ping, check=False).returncode == 0 or server.poll(), 60, "the database answers")
        assert server.poll() is None, controller.logs()
        said = worker.create() + controller.create()
        assert "accounting: done" in said and "S3cret" not in said
        assert controller.run("stat", "--format=%a", "/opt/slurm/etc/slurmdbd.conf").stdout == "600\n"
        before = controller.snapshot()
        assert not CHANGES.search(controller.create())
        assert {
            name for name, _ in before.items() ^ controller.snapshot().items() if "var/lib/mysql" not in name
        } == set()
        poll(lambda: " idle" in states(nodes), 60, "the worker is idle")
        controller.run("srun", "--job-name=counted", "hostname")
        sacct = ("sacct", "--noheader", "--allocations", "--parsable2", "--format=JobName,State")
        poll(lambda: controller.run(*sacct).stdout == "counted|COMPLETED\n", 60, "the job is accounted")
    finally:
        controller.run("pkill", "mariadbd", check=False)
        server.wait(60)


def test_users_are_the_same_everywhere_and_share_a_key(cluster: Nodes):
    keys = set()
    for one in cluster.instances:
        assert one.run("id", "-u", "ada").stdout == "10001\n"
        assert one.run("stat", "--format=%U %a", "/home/ada/.ssh/id_ed25519").stdout == "ada 600\n"
        keys.add(one.text("/home/ada/.ssh/id_ed25519.pub").split()[1])
        allowed = one.text("/home/ada/.ssh/authorized_keys")
        assert PARAMS.users[0].ssh_keys[0] in allowed and allowed.count("ada@cluster") == 1
    assert len(keys) == 1


def test_only_the_controller_gathers_metrics(cluster: Nodes):
    for one in cluster.instances:
        units = one.run("sh", "-c", "grep '^restart .*seatrial-' /var/log/systemctl").stdout
        assert "seatrial-node-exporter.service" in units
        assert ("seatrial-prometheus.service" in units) == (one.group == "controller")
        assert one.run("sh", "-c", "command -v node_exporter").stdout == "/usr/local/bin/node_exporter\n"


def test_a_worker_takes_less_than_a_minute(cluster: Nodes):
    lines = cluster.said[cluster.workers[0].name].splitlines()
    first, last = (datetime.fromisoformat(line.split()[0]) for line in (lines[0], lines[-1]))
    assert (last - first).total_seconds() <= OWN_SECONDS


MARIADB = """
mkdir -p /run/mysqld && chown mysql: /run/mysqld
echo "create database slurm_acct_db;
create user slurm@'%' identified by 'S3cret';
grant all on slurm_acct_db.* to slurm@'%';" >/tmp/sql
chmod 644 /tmp/sql
exec >/var/log/mariadbd.out 2>&1
exec mariadbd --user=mysql --bind-address=127.0.0.1 --innodb-buffer-pool-size=64M --init-file=/tmp/sql
"""
