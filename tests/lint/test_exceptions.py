"""What looks like a defect and is none, and defects in other forms than a rule's own example."""

from __future__ import annotations

import pytest

from tests.lint.test_rules import hits

JOB = "#!/bin/bash\n#SBATCH --nodes=2\n#SBATCH --exclusive\n"
POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n      image: a:1\n"

FINE = {
    # one program per accelerator, without torchrun, as `srun` is meant to be used
    "tasks": JOB.replace("--exclusive", "--gpus-per-node=8\n#SBATCH --output=/fsx/runs/%j.log")
    + "srun --ntasks-per-node=8 --kill-on-bad-exit=1 bash -c 'export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID; "
    "exec python train.py'\n",
    "torchrun once for each node": JOB
    + "srun --ntasks-per-node=1 torchrun --nnodes=2 --rdzv_endpoint=a:29500 --nproc_per_node=8 train.py\n",
    "as many tasks as nodes": JOB
    + "srun -N 2 -n 2 torchrun --nnodes=2 --rdzv_endpoint=a:29500 --nproc_per_node=8 train.py\n",
    "tasks that cannot be known": JOB
    + 'srun -n "$SLURM_JOB_NUM_NODES" torchrun --nnodes=2 --rdzv_endpoint=a:29500 --nproc_per_node=8 train.py\n',
    "the message of a usage": JOB + 'echo "usage: $0 STEPS" >&2\n',
    "real path by scontrol": JOB + "scontrol show job $SLURM_JOB_ID\nHERE=$(dirname $0)\nls $HERE\n",
    "rank for the log": JOB + 'echo "on node $SLURM_NODEID"\n',
    "escaped": JOB + 'srun bash -c "python train.py --rank \\$SLURM_PROCID"\n',
    "file and line of the job": JOB + "# see https://example.com/#SBATCH\nsrun hostname\n",
    "a script that writes another": JOB + "cat > /fsx/b.sbatch <<'EOF'\n#!/bin/bash\n#SBATCH -N 1\nEOF\n",
    "wait for each": "#!/bin/bash\nsrun true &\na=$!\nsrun true &\nb=$!\nwait $a && wait $b\n",
    "clone that is sent back": "#!/bin/bash\ngit clone https://github.com/a/b\ncd b\ngit commit -m c\ngit push\n",
    "handed to one program": "#!/bin/bash\nOMP_NUM_THREADS=8\nOMP_NUM_THREADS=8 python train.py\n",
    "names in a string around others": '#!/bin/bash\necho "$(date "+%s") $(date "+%F") host=<host>"\n',
    "wait for copies": "#!/bin/bash\ncp a b &\nwait\n",
    "wait -n": "#!/bin/bash\nsrun true &\nwait -n\n",
    "braces of JSON": '#!/bin/bash\nX=1\necho \'{"a": {"b": \'"${X}"\'}}\' "{\\"a\\": ${X}}"\n',
    "nested default": "#!/bin/bash\necho ${A:-${B:-1}}\n",
    "conditional exec": '#!/bin/bash\nif [ -n "$1" ]; then\n  exec python a.py\nfi\necho done\n',
    "exec of redirects": "#!/bin/bash\nexec > /tmp/log 2>&1\necho done\n",
    "cd with options": "#!/bin/bash\ncd -P -- /fsx 2> /dev/null\n",
    "comment in an array": '#!/bin/bash\nA=(\n  --a \\\n  # --b\n  --c\n)\nrun "${A[@]}"\n',
    "comment after the command": "#!/bin/bash\nrun --a \\\n  --b \\\n  # --c\nrun\n",
    "documented variable": "#!/bin/bash\n# Set DATA before you start this.\nrun $DATA\n",
    "tested variable": '#!/bin/bash\nif [ -z "$DATA" ]; then exit 1; fi\nrun $DATA\n',
    "demanded variable": "#!/bin/bash\n: ${DATA:?}\nrun $DATA\n",
    "variables of a sourced file": "#!/bin/bash\nsource settings.sh\nrun $DATA\n",
    "variables of the cluster": "#!/bin/bash\nrun $SLURM_JOB_ID $HOME $AWS_REGION $HF_HOME $1 $@ $?\n",
    "a library": "#!/bin/bash\nset -e\nf() {\n  run $DATA\n}\n",
    "read": "#!/bin/bash\nwhile IFS=, read -r a b; do run $a $b; done < /fsx/list\n",
    "pins": "FROM a:1\nRUN pip install --no-cache-dir -U pip setuptools && pip install -r requirements.txt a==1 b@https://x/b.whl\n",
    "which packages may be built": "FROM a:1\nRUN pip install --only-binary :all: --no-binary a,b -r pins.txt\n",
    "an editable install": "FROM a:1\nRUN pip install -e . && pip install ./dist/a.whl '.[dev]'\n",
    "a commit": "FROM a:1\nRUN pip install git+https://github.com/a/b@0123abc\n",
    "clone and checkout": "FROM a:1\nRUN git clone https://github.com/a/b && cd b && git checkout 0123abc\n",
    "clone of a branch from outside": "#!/bin/bash\ngit clone -b ${TAG:?} https://github.com/a/b\n",
    "curl for its status": "#!/bin/bash\ncurl -s -o /dev/null https://example.com\n",
    "curl to a pipe": "#!/bin/bash\ncurl -s https://example.com/a.json | jq .\n",
    "a comment about a pipe": "#!/bin/bash\n# curl https://example.com | bash\necho\n",
    "a stage": "FROM a:1 AS base\nFROM base\n",
    "an image from outside": "ARG IMAGE\nFROM ${IMAGE}\n",
    "scratch": "FROM scratch\n",
    "a digest": "FROM a@sha256:0123\n",
    "a port of the registry": "FROM registry.example.com:5000/a:1\n",
    "anchors in URLs": "FROM a:1\nENV DOCS=https://example.com/#top\nRUN echo 'a # b'\n",
    "tokens that are no secrets": "#!/bin/bash\nexport EOS_TOKEN=endoftext MAX_TOKENS=123456789 TOKENIZER=a/llama\n",
    "placeholders": "#!/bin/bash\nexport HF_TOKEN='<your token>' WANDB_API_KEY=your_key_here API_KEY=${KEY:?}\n",
    "a path of a secret": "#!/bin/bash\nexport HF_TOKEN=/run/secrets/token\n",
    "homes of images": "#!/bin/bash\nls /home/ubuntu /home/ec2-user /opt/home/x\n",
    "an image from envsubst": POD.replace("a:1", "$IMAGE"),
    "a tag from envsubst": POD.replace("a:1", "registry/a:${TAG}"),
    "an empty dir": POD + "  volumes: [{name: shm, emptyDir: {medium: Memory}}]\n",
    "a claim of another repository": POD + "  volumes: [{name: a, persistentVolumeClaim: {claimName: elsewhere}}]\n",
    "an agent": POD.replace("Pod", "DaemonSet") + "      securityContext: {privileged: true}\n",
    "ranges of nodes": "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nspec:\n  elasticPolicy: {minReplicas: 1, "
    "maxReplicas: 4}\n  pytorchReplicaSpecs:\n    Worker: {replicas: 2, template: {spec: {containers: [{name: a, "
    "image: a:1, command: [torchrun, --nnodes=1:4, x.py]}]}}}\n",
    "CPUs of a GPU node": POD.replace("spec:", "spec:\n  nodeSelector: {node.kubernetes.io/instance-type: p5.48xlarge}")
    + "      command: [torchrun, --nproc_per_node=4, x.py, --backend=gloo]\n",
    "processes on CPUs": POD + "      command: [torchrun, --nproc_per_node=4, x.py]\n",
}


@pytest.mark.parametrize("text", FINE.values(), ids=list(FINE))
def test_nothing_is_found(text):
    assert hits(text) == []


FOUND = [
    ("slurm.torchrun-per-gpu", 4, JOB + "srun -n 16 torchrun --nproc_per_node=8 x.py\n"),
    ("slurm.torchrun-per-gpu", 4, JOB + "srun -N 2 --ntasks-per-node=8 bash -c 'torchrun --nproc_per_node=8 x.py'\n"),
    ("slurm.torchrun-per-gpu", 5, JOB + "N=8\nsrun --ntasks-per-node=$N torchrun --nproc_per_node=$N x.py\n"),
    ("slurm.torchrun-per-gpu", 4, JOB + "srun --ntasks-per-node=8 accelerate launch x.py\n"),
    ("slurm.log-folder", 4, JOB + "#SBATCH -e logs/%j.err\nsrun true\n"),
    ("slurm.spool-path", 4, JOB + 'cd "${BASH_SOURCE%/*}"\n'),
    ("slurm.spool-path", 4, JOB + 'H=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)\nls "$H"\n'),
    ("slurm.spool-path", 4, JOB + "ls $(readlink -f $0)\n"),
    ("slurm.rank-on-head", 4, JOB + "export RANK=$SLURM_PROCID\nsrun python x.py\n"),
    ("slurm.rank-on-head", 4, JOB + 'srun bash -c "python x.py --rank $SLURM_PROCID"\n'),
    (
        "slurm.auto-resume-from-nothing",
        6,
        JOB + 'A=""\nif [ -d /opt/x ]; then\n  A="--auto-resume=1"\nfi\n',
    ),
    (
        "slurm.more-processes-than-gpus",
        2,
        "#!/bin/bash\n#SBATCH --gpus-per-node=8\nINSTANCE_TYPE=g5.12xlarge\n",
    ),
    ("launch.master-port", 2, "#!/bin/bash\nexport MASTER_PORT=80\nrun\n"),
    ("launch.master-port", 2, "#!/bin/bash\ntorchrun --master_port 80 x.py\n"),
    ("launch.master-port", 7, POD + "      command: [torchrun, --master_port=80, x.py]\n"),
    ("launch.lost-status", 6, "#!/bin/bash\ngo() {\n  srun true\n}\ngo &\nwait\n"),
    (
        "launch.constant-rank",
        4,
        JOB + "srun bash -c 'torchrun --nnodes=2 --node_rank=0 --master_addr=head x.py'\n",
    ),
    ("launch.secret", 7, POD + '      env: [{name: HF_TOKEN, value: "abcdefgh12345678"}]\n'),
    ("launch.secret", 2, "FROM a:1\nARG GITHUB_TOKEN=abcdefgh12345678\n"),
    ("launch.secret", 2, "#!/bin/bash\nlogin --token hf_" + "abcdefghij" * 3 + "\n"),
    ("pins.pipe-to-shell", 2, '#!/bin/bash\nbash -c "$(curl -fsSL https://example.com/x)"\n'),
    ("pins.pipe-to-shell", 2, "#!/bin/bash\nbash <(curl -fsSL https://example.com/x)\n"),
    ("pins.pipe-to-shell", 2, "#!/bin/bash\nwget -qO- https://example.com/x | sudo -E bash -\n"),
    ("pins.mutable-url", 2, "FROM a:1\nADD https://raw.githubusercontent.com/a/b/main/x /x\n"),
    (
        "pins.mutable-url",
        2,
        "#!/bin/bash\ncurl -fO https://efa-installer.amazonaws.com/aws-efa-installer-latest.tar.gz\n",
    ),
    ("pins.unpinned-package", 2, "FROM a:1\nRUN python3 -m pip install --no-cache-dir 'torch>=2'\n"),
    ("pins.unpinned-package", 2, "FROM a:1\nRUN uv pip install torch\n"),
    ("pins.unpinned-package", 2, "FROM a:1\nRUN pip install git+https://github.com/a/b\n"),
    ("pins.unpinned-clone", 2, "#!/bin/bash\ngit clone -b main https://github.com/a/b\n"),
    ("docker.mutable-base", 2, "ARG TAG=latest\nFROM a:${TAG}\n"),
    ("docker.mutable-base", 1, "FROM mosaicml/llm-foundry:2.2.0_cu121_flash2_aws-latest\n"),
    ("kubernetes.mutable-image", 6, POD.replace("a:1", "$REGISTRY/a:latest")),
    ("kubernetes.placeholder", 6, POD.replace("a:1", "a:${MY-TAG}")),
    (
        "kubernetes.autoscaled-job",
        5,
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nspec:\n  scaleTargetRef:\n    kind: TrainJob\n",
    ),
    ("versions.below-floor", 6, POD.replace("a:1", "nccl-tests:efa1.28.0-ofiv1.13.2-aws-ncclv2.28.3-1")),
    ("versions.below-floor", 1, "FROM nccl-tests:efa1.48.0-ofiv1.7.1-aws-ncclv2.28.3-1\n"),
    ("versions.below-floor", 2, "#!/bin/bash\ntar -xf aws-efa-installer-1.28.0.tar.gz\n"),
    ("shell.version-redirect", 2, "#!/bin/bash\npip install -c pins.txt a>=1\n"),
    ("shell.broken-continuation", 2, "#!/bin/bash\npython train.py \\\t\n  --steps 10\n"),
    ("shell.broken-continuation", 2, "#!/bin/bash\npython train.py \\\\\n  --steps 10\n"),
    ("shell.undefined-variable", 3, "#!/bin/bash\nNODES=2\nrun --nodes $NODE\nrun --nodes $NODE\n"),
    ("launch.merge-marker", 2, "apiVersion: v1\n>>>>>>> main\n"),
]


@pytest.mark.parametrize(("check", "line", "text"), FOUND, ids=[f"{row[0]}:{i}" for i, row in enumerate(FOUND)])
def test_it_is_found_in_other_forms(check, line, text):
    assert (check, line) in hits(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a:1\nENV \\TOOLS=/opt/'$A'\n", []),
        ("FROM a:1\nARG A(_VERSION=latest\nRUN x\n", [("docker.unused-version", 2)]),
        ("#!/bin/bash\nA[b-a]=$OMPI_COMM_WORLD_RANK\nmpirun -np 2 train $A\n", []),
    ],
)
def test_a_name_may_hold_what_means_something_in_a_pattern(text, expected):
    assert hits(text) == expected


def test_a_folder_that_is_there_takes_the_logs(tmp_path):
    text = JOB.replace("--exclusive", "--output=logs/%j.out") + "srun true\n"
    assert hits(text, tmp_path) == [("slurm.log-folder", 3)]
    (tmp_path / "logs").mkdir()
    assert hits(text, tmp_path) == []


def test_a_file_that_is_there_is_not_missing(tmp_path):
    text = "#!/bin/bash\npython ./train.py\n"
    assert hits(text, tmp_path) == [("shell.missing-file", 2)]
    (tmp_path / "train.py").touch()
    assert hits(text, tmp_path) == []
