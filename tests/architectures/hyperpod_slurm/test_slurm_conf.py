"""What the lifecycle scripts change in slurm.conf: what they want is there, once, and nothing else is touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seatrial.architectures.hyperpod_slurm.lifecycle import slurm_conf

CONF = """\
# By HyperPod
ClusterName=sea
SlurmctldHost=ip-10-1-0-10(10.1.0.10)
SchedulerParameters=defer # for many jobs
NodeName=ip-10-1-0-11 NodeAddr=10.1.0.11 CPUs=96
NodeName=ip-10-1-0-12 NodeAddr=10.1.0.12 CPUs=96 Gres=gpu:h100:8
PartitionName=dev Nodes=ALL Default=YES MaxTime=INFINITE
"""
NODES = {"gpu": ["ip-10-1-0-12", "ip-10-1-0-11"], "cpu": ["ip-10-1-0-13"]}

KEYS = st.sampled_from(["Prolog", "prolog", "KillOnBadExit", "SchedulerParameters", "GresTypes", "SelectType"])
WORDS = st.lists(st.sampled_from(["gpu", "defer", "bf_interval=1", "nohold"]), min_size=1, max_size=3, unique=True)
VALUES = st.dictionaries(KEYS, WORDS.map(",".join), max_size=4).filter(lambda d: len({k.lower() for k in d}) == len(d))
LINES = st.one_of(
    st.builds("{}={}".format, KEYS, WORDS.map(",".join)),
    st.sampled_from(["# Prolog=no", "", "  Prolog = a  # why", "NodeName=n1 CPUs=2", "PartitionName=dev Nodes=ALL"]),
    st.sampled_from(["PartitionName=gpu Nodes=n1 default=yes", "NodeName=n2 CPUs=2 gres=gpu:8", "Include more.conf"]),
)
TEXTS = st.lists(LINES, max_size=8).map(lambda lines: "".join(f"{line}\n" for line in lines))
PARTITIONS = st.dictionaries(
    st.sampled_from(["gpu", "dev", "cpu"]), st.lists(st.sampled_from(["n1", "n2"])), max_size=3
)


@given(TEXTS, VALUES)
def test_a_value_is_there_once_and_a_second_change_changes_nothing(text: str, values: dict[str, str]):
    once = slurm_conf.with_values(text, values)
    assert slurm_conf.with_values(once, values) == once
    for key, wanted in values.items():
        found = slurm_conf.value(once, key)
        assert found is not None
        if key.lower() in slurm_conf.LISTS:
            before = slurm_conf.value(text, key) or ""
            assert {*wanted.split(","), *filter(None, before.split(","))} <= set(found.split(","))
        else:
            assert found == wanted
        assert (
            sum(line.partition("#")[0].partition("=")[0].strip().lower() == key.lower() for line in once.splitlines())
            == 1
        )


@given(TEXTS, VALUES)
def test_what_is_not_named_stays_as_it_is(text: str, values: dict[str, str]):
    def others(found: str) -> list[str]:
        named = {key.lower() for key in values}
        return [line for line in found.splitlines() if line.partition("=")[0].strip().lower() not in named]

    assert others(slurm_conf.with_values(text, values)) == others(text)


@given(TEXTS, PARTITIONS, st.sampled_from(["gpu", "dev"]))
def test_partitions_are_there_once_and_stay(text: str, nodes: dict[str, list[str]], default: str):
    once = slurm_conf.with_partitions(text, nodes, default)
    assert slurm_conf.with_partitions(once, nodes, default) == once
    defaults = [line for line in once.splitlines() if "default=yes" in line.lower()]
    names = [line.split()[0] for line in once.splitlines() if line.startswith("PartitionName=")]
    for name, found in nodes.items():
        assert not found or f"PartitionName={name}" in names
    if f"PartitionName={default}" in names:
        assert {line.split()[0] for line in defaults} == {f"PartitionName={default}"}


def test_partitions_of_hyperpod_stay_and_ours_follow_what_is_there():
    text = slurm_conf.with_partitions(CONF + "PartitionName=cpu Nodes=ip-10-1-0-13\n", NODES, "gpu")
    assert "PartitionName=cpu Nodes=ip-10-1-0-13 Default=NO" in text.splitlines()
    assert "PartitionName=dev Nodes=ALL MaxTime=INFINITE Default=NO" in text.splitlines()
    ours = "PartitionName=gpu Nodes=ip-10-1-0-11,ip-10-1-0-12 MaxTime=INFINITE State=UP Default=YES"
    assert text.splitlines()[-2] == ours
    fewer = slurm_conf.with_partitions(text, {**NODES, "gpu": ["ip-10-1-0-99"]}, "gpu")
    assert fewer.count("PartitionName=gpu ") == 1 and "Nodes=ip-10-1-0-99 " in fewer
    alone = slurm_conf.with_partitions(CONF, {"gpu": NODES["gpu"]}, "gpu")
    assert "PartitionName=gpu Nodes=ALL " in alone  # also those that come in their place


def test_gpus_are_told_where_hyperpod_tells_none():
    gpus = dict.fromkeys(NODES["gpu"], 8)
    text = slurm_conf.with_gpus(CONF, gpus)
    assert "CPUs=96 Gres=gpu:8\n" in text and text.count("Gres=") == 2 and slurm_conf.with_gpus(text, gpus) == text
    assert slurm_conf.gres({"a": 8, "b": 1}).splitlines() == [
        "NodeName=a Name=gpu File=/dev/nvidia[0-7]",
        "NodeName=b Name=gpu File=/dev/nvidia0",
    ]


def test_topology_is_a_tree_of_network_nodes():
    paths = {"a": ["nn-1", "nn-2", "nn-3"], "b": ["nn-1", "nn-2", "nn-3"], "c": ["nn-1", "nn-4", "nn-5"]}
    assert slurm_conf.tree(paths).splitlines() == [
        "SwitchName=nn-3 Nodes=a,b",
        "SwitchName=nn-5 Nodes=c",
        "SwitchName=nn-1 Switches=nn-2,nn-4",
        "SwitchName=nn-2 Switches=nn-3",
        "SwitchName=nn-4 Switches=nn-5",
    ]
