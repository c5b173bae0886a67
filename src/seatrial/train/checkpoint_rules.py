"""What a rank finds about checkpoints: none are kept, one is damaged, one could not be written."""

from __future__ import annotations

from seatrial.findings import Rule, Severity, Verdict

NONE_KEPT = Rule(
    id="checkpoint.none",
    verdicts=(Verdict.SKIP,),
    reads="the cluster",
    expected="a folder that all nodes share",
    why="a checkpoint in a folder of one node is lost with it",
    remedy="give the cluster a shared file system: the key shared in seatrial.toml",
    source="docs/clusters.md",
    good='shared = "/fsx/seatrial"',
    bad="no checkpoints are kept",
)
DAMAGED = Rule(
    id="checkpoint.damaged",
    verdicts=(Verdict.WARN,),
    reads="the checkpoint's manifest and the checksums of its files",
    expected="every file is as it was written",
    why="training that goes on from damaged weights is wrong without saying so",
    remedy="the one before it is used",
    source="docs/local.md",
    severity=Severity.MONITOR,
    good="step-00000100: as it was written",
    bad="step-00000100: checksum of model.safetensors differs",
)
NOT_SAVED = Rule(
    id="checkpoint.save",
    verdicts=(Verdict.WARN,),
    reads="what the file system answers to a save",
    expected="a checkpoint that is complete",
    why="what was trained since the last one is lost if the job ends now",
    remedy="training goes on; the checkpoints before it are untouched",
    source="docs/local.md",
    severity=Severity.MONITOR,
    good="step 100: saved",
    bad="step 100: OSError: No space left on device",
)
