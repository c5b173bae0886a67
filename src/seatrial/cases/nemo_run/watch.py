"""What the run hears of a training with NeMo beside its log, and how it is asked to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch import Callback
from megatron.core import parallel_state, tensor_parallel
from nemo.lightning.io import pl as checkpoint_io

from seatrial.cases.nemo_run import Args
from seatrial.cases.nemo_run.models import MODELS
from seatrial.rank import announce
from seatrial.train.agreement import replicas_agree
from seatrial.train.worker import Worker


class Watch(Callback):  # type: ignore[misc]
    """A callback of Lightning, the last of its list."""

    def __init__(self, args: Args, worker: Worker) -> None:
        self.args, self.worker = args, worker

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """The ranks have met, and the model is about to be built."""
        self._tell_of_checkpoints(trainer)
        if self.worker.device.type == "cpu":
            # NeMo seeds what is dropped out only where there are GPUs.
            tensor_parallel.model_parallel_cuda_manual_seed(self.args.seed)
            # With each line rank 0 alone gathers what none of Megatron's timers measured: NCCL takes an empty gather
            # for done, gloo counts it, and the next collective of all ranks never ends.
            trainer.strategy.timers = None
            # What is loaded is where it belongs; NeMo would move it to a GPU, and asserts that there is one.
            checkpoint_io._fix_tensors_device = lambda checkpoint: checkpoint

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """The first step is about to be taken."""
        if trainer.global_step:
            with announce.loading(self.worker, Path(trainer.ckpt_path), trainer.global_step):
                pass  # Lightning has loaded it before
        model = MODELS[self.args.model].padded
        announce.run_start(
            self.worker,
            steps=self.args.steps,
            first_step=trainer.global_step,
            parameters=model.parameters(),
            flops_per_token={} if self.args.task == "lora" else model.flops_per_token(self.args.sequence_length),
            dtype="bf16" if self.args.precision == "bf16" else "fp32",
            packages=("nemo-toolkit", "megatron-core", "transformer-engine"),
        )

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """A step is done, and printed."""
        done = trainer.global_step
        self.worker.after_step(done)
        request = self.worker.request() if done % self.args.log_every == 0 else None
        if request is None:
            return
        saved = request == "stop" and self.worker.keeps_checkpoints
        if saved:
            save_now(trainer)
        if done < self.args.steps or request == "give up":
            self.worker.leave(request, done, saved=saved)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """All steps are done. On GPUs parameters are gathered in the next forward pass, so they may differ here."""
        agree = None
        if self.worker.device.type == "cpu":
            place = (
                parallel_state.get_tensor_model_parallel_rank(),
                parallel_state.get_pipeline_model_parallel_rank(),
            )
            loss = float(trainer.callback_metrics["reduced_train_loss"])
            agree = replicas_agree(self.args.steps, loss, place, pl_module.parameters())
        self.worker.end("completed", self.args.steps, ranks_agree=agree)

    def _tell_of_checkpoints(self, trainer: Any) -> None:
        """The run hears of each that NeMo saves."""
        checkpoints = trainer.checkpoint_callback
        save = checkpoints._save_checkpoint

        def told(trainer: Any, filepath: str) -> None:
            folder, later = Path(filepath.removesuffix(".ckpt")), self.args.async_checkpoints
            with announce.saving(self.worker, folder, trainer.global_step, asynchronous=later):
                save(trainer, filepath)

        checkpoints._save_checkpoint = told


def save_now(trainer: Any) -> None:
    """A checkpoint of now, complete when this returns."""
    checkpoints = trainer.checkpoint_callback
    checkpoints._save_last_checkpoint(trainer, checkpoints._monitor_candidates(trainer))
    finish = getattr(trainer.strategy.checkpoint_io, "maybe_finalize_save_checkpoint", None)
    if finish is not None:  # of an asynchronous one
        finish(blocking=True)
