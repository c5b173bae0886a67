"""What the datasets case prepares is read by the frameworks that it is for; and a whole run through the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from seatrial.data.prepare import verify
from seatrial.history import History

SCRIPT = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path
    from seatrial.train.shims.vision import no_torchvision

    def main(folder):
        from dataclasses import replace
        from seatrial.cases.datasets import CASE
        from seatrial.cases.datasets.formats import write

        texts = [f"document {i}: " + "words " * (i % 50) for i in range(300)]
        written = {}
        for name, changes in {
            "text": {"documents_per_file": 100, "source": "hf:owner/name/en"},
            "mds": {"sequence_length": 64, "workers": 2},
            "megatron": {"workers": 1},
        }.items():
            args = replace(CASE.recipe("tiny").args, format=name, **changes)
            (folder / name).mkdir()
            written[name] = write(args, iter(texts), folder / name, lambda _: None)

        from seatrial.train.shims.stubs import stub
        from seatrial.data.sources import HubDataset, open_source
        stub("triton")
        from torchtitan.hf_datasets.text_datasets import DATASETS
        titan = DATASETS["c4"]
        titan_rows = [titan.sample_processor(row) for row in titan.loader(str(folder / "text"))]
        source = open_source(f"hf:{folder / 'text'}", seed=0)
        assert isinstance(source, HubDataset)
        ours = [row["text"] for row in source.dataset]

        from streaming import StreamingDataset
        shards = StreamingDataset(local=str(folder / "mds"), split="train", shuffle=False, batch_size=1)
        sequences = [list(map(int, shards[i]["tokens"])) for i in range(len(shards))]

        from megatron.core.datasets.indexed_dataset import IndexedDataset
        indexed = IndexedDataset(str(folder / "megatron" / "text_document"))
        stream = [token for text in texts for token in [*text.encode(), 256]]
        whole = len(stream) // 64 * 64
        return {
            "titan": titan_rows == texts,
            "ours": ours == texts,
            "shards": source.dataset.num_shards,
            "mds": [token for sequence in sequences for token in sequence] == stream[:whole],
            "lengths": sorted({len(sequence) for sequence in sequences}),
            "sequences": len(sequences) == written["mds"].sequences,
            "tokens": [written["mds"].tokens, written["megatron"].tokens] == [len(stream)] * 2,
            "megatron": [list(map(int, indexed[i])) for i in range(len(indexed))] == [
                [*text.encode(), 256] for text in texts
            ],
            "width": str(indexed[0].dtype),
        }

    if __name__ == "__main__":
        no_torchvision()
        print("ANSWER", json.dumps(main(Path(sys.argv[1]))), flush=True)
        import os
        os._exit(0)
    """
)


def test_each_format_is_read_by_its_framework(frameworks: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    data = tmp_path / "data"
    data.mkdir()
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    command = [frameworks, str(tmp_path / "script.py"), str(data)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (answer,) = (line for line in done.stdout.splitlines() if line.startswith("ANSWER"))
    assert json.loads(answer.removeprefix("ANSWER")) == {
        "titan": True,
        "ours": True,
        "shards": 3,
        "mds": True,
        "lengths": [64],
        "sequences": True,
        "tokens": True,
        "megatron": True,
        "width": "uint16",
    }


def run(root: Path, *args: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "seatrial", "run", *args, "--runs-dir", str(root), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.usefixtures("frameworks")
def test_prepared_by_one_run_and_verified_by_the_next(tmp_path: Path) -> None:
    before = 0
    for name in ("first", "second"):
        answer = run(tmp_path, "datasets/tiny-mds", "--name", name)
        assert (answer["verdict"], answer["state"]) == ("PASS", "completed")
        folder = tmp_path / "datasets/tiny-mds"
        assert verify(folder) == []
        made = (folder / "manifest.json").stat().st_mtime_ns
        assert before in (0, made), "the second run makes nothing"
        before = made
    checks = {finding["check"] for finding in answer["findings"]}
    assert checks == {"data.checksums", "data.size", "run.completed", "run.events-readable"}
    assert [found.id for found in History(tmp_path).runs] == ["first", "second"], "the data are no run"
