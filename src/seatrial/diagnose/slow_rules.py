"""Why runs are slow: the headers of what a diagnosis can come to. The examples are what events or logs say."""

from __future__ import annotations

from seatrial.diagnose.rules import OURS, cause
from seatrial.findings import Rule, Severity

FALLBACK = cause(
    "fallback",
    "collectives over EFA where the nodes have it",
    "without the plug-in NCCL takes TCP, says so in one line only, and is many times slower",
    "seatrial network lint; then look whether the container has aws-ofi-nccl and libfabric, and sees /dev/infiniband",
    "NCCL INFO Using network Socket",
    source="NCCL's log at level INFO, aws-ofi-nccl 1.21",
    good="NCCL INFO Using network Libfabric",
)
PRECISION = cause(
    "precision",
    "products in the dtype that the job asks for",
    "matrix units are many times slower in fp32 than in what was asked for, and nothing fails",
    "look for a model that is built outside of autocast, a policy of mixed precision that is not applied, a cast in a "
    "layer; then look at the dtype of the products in a profile: seatrial profile show",
    "the job asks for bf16; the products of step 4 are in float32",
    source=OURS,
    good="the job asks for bf16; the products of step 4 are in bfloat16",
)
ATTENTION = cause(
    "attention",
    "attention by a fused kernel where there is one for its inputs",
    "the kernel math writes the scores of every pair of tokens to memory and reads them again, and nothing fails",
    "look for torch.backends.cuda.enable_flash_sdp(False) and its siblings, for sdpa_kernel(SDPBackend.MATH), for a "
    "setting of the framework that asks for deterministic or plain attention",
    "attention takes the kernel math, its inputs allow flash_attention",
    source="torch.nn.functional.scaled_dot_product_attention, PyTorch 2.13: which kernels there are, and who switches "
    "them; arXiv:2205.14135 (FlashAttention)",
    good="attention takes the kernel flash_attention",
)
UNCOMPILED = cause(
    "uncompiled",
    "graphs, in a job that asks for torch.compile",
    "what lies between the matrices then runs as one kernel for each operation, and nothing fails",
    "look for TORCH_COMPILE_DISABLE or TORCHDYNAMO_DISABLE, for an argument that the program does not pass on, for a "
    "module that is called by its forward() instead of by itself",
    "the job asks for torch.compile; by step 4 it had made no graph",
    source="torch.compile, PyTorch 2.13",
    good="the job asks for torch.compile; by step 4 it had made 2 graphs",
)
GRAPH_BREAKS = cause(
    "graph-breaks",
    "compiled functions without a break",
    "at each break Python goes on by itself, in every step and layer, and nothing is fused across it",
    "TORCH_LOGS=graph_breaks names the lines; compile with fullgraph=True, so that a break is an error",
    "graphs broke 2 times while 3 were made: Data-dependent branching",
    source="PyTorch 2.13, torch.compiler: common graph breaks",
    good="graphs broke 0 times while 2 were made",
)
RECOMPILED = cause(
    "recompiled",
    "functions that are compiled once, or for a few shapes",
    "each time training stands still; after 8 times torch.compile leaves the function to Python",
    "TORCH_LOGS=recompiles names what changed; look for numbers and texts of a module that change from step to step, "
    "for lengths that vary: pad them, or mark them dynamic",
    "it compiled again in 28 of 28 logged steps, 60% of the time",
    source="PyTorch 2.13, torch.compiler: recompilation; torch._dynamo.config.recompile_limit",
    good="it compiled again in 1 of 28 logged steps, 2% of the time",
)
THREADS = cause(
    "threads",
    "as many threads as the job has cores for each rank",
    "the others of its cores have nothing to do",
    "unset OMP_NUM_THREADS, or give it the number of cores of a rank; look for torch.set_num_threads in the program",
    "operations take 1 thread of 8 cores that each rank has",
    source="OpenMP 5.2, OMP_NUM_THREADS; torch.set_num_threads, PyTorch 2.13",
    good="operations take 8 threads of 8 cores that each rank has",
)
COMMUNICATION = cause(
    "communication",
    "collectives that carry what the layout needs, and not half as much again",
    "what is sent twice costs its time twice, and the result is the same",
    "look for a reduction that the framework does already, for gradients that are reduced for each micro-batch, for "
    "logging that gathers whole tensors; the calls are in the event step_content",
    "a step's collectives carry 8.4 MB, the layout needs 4.2 MB",
    source=OURS,
    good="a step's collectives carry 4.2 MB, the layout needs 4.2 MB",
)
GARBAGE = cause(
    "garbage",
    "less than 10 % of the time in Python's collector of garbage",
    "a rank that collects stops all others, each at another moment",
    "gc.collect(); gc.freeze() once the model is built; then switch it off and collect on all ranks in the same step; "
    "look for what makes so many objects that refer to each other",
    "rank 2 collected garbage for 30% of the time",
    source="Megatron-LM, --manual-gc; torchtitan, gc_freq (2026-08): both collect in the same step on all ranks",
    good="rank 2 collected garbage for 1% of the time",
)
DATA = cause(
    "data",
    "a wait for data below 30 % of a step",
    "devices that wait for data cost as much as devices that compute",
    "more data workers or a faster file system; if one rank alone waits, look at its node's storage and its shard",
    "data_wait 0.8 s of a step of 1.0 s",
    source="share of a step from which monitoring of training alerts: DataStarved, 0.3",
)
CHECKPOINT = cause(
    "checkpoint",
    "checkpoints that cost less than 10 % of the time",
    "training stands still while a checkpoint is written",
    "write them less often or in the background, or on a faster file system",
    "12 checkpoints stood still for 300 s of 1000 s",
    source=OURS,
)
STRAGGLER = cause(
    "straggler",
    "ranks whose own work takes about the same time",
    "all others wait for the slowest in every step",
    "seatrial check node on its host: clocks, throttling, neighbours; if another rank is slow each time, it is no node",
    "work of rank 3: 0.4 s a step, of the others 0.2 s",
    source="NVIDIA Resiliency Extension 0.7: alarm where the others' time / this rank's is below 0.75",
    severity=Severity.MONITOR,
)
IMBALANCE = cause(
    "imbalance",
    "ranks that have about the same to compute",
    "all others wait for the one with the most work in every step; of jobs with stragglers only 1.7 % owe it to a bad "
    "machine",
    "look at how work is spread: lengths of sequences, layers of a pipeline stage, experts; only then at the node",
    "cpu of rank 3: 0.4 s a step, of the others 0.2 s",
    source="Understanding Stragglers in Large Model Training, OSDI 2025 (3,079 jobs)",
)
SLOWED = cause(
    "slow-since",
    "steps that take as long at the end as they did before",
    "what was fast and is slow has a cause outside of the job: clocks, a neighbour, a file system, a link",
    "look at what happened then: seatrial check node on the hosts, throttling, other jobs; a profile of a step now",
    "from step 61 on a step takes 0.52 s, before 0.31 s",
    source=OURS,
    severity=Severity.MONITOR,
)
RESUMED = cause(
    "slow-after-resume",
    "steps that take as long after a resume as before it",
    "three of thirteen published runs were 41 to 54 % slower after their resume, and nobody remarked it",
    "compare the settings of both attempts first, then their hosts; seatrial check node on those that are new",
    "a step takes 0.9 s, before the resume 0.6 s",
    source="NVIDIA-NeMo/Megatron-Bridge, examples/model_verification_cards, 2026-08",
)
STALLS = cause(
    "stalls",
    "steps that all take about as long",
    "a rank that stops to clean up or to write stops all of them",
    "collect garbage on all ranks in the same step and freeze what lives on; log, validate and evaluate less often",
    "7 of 60 steps took more than twice as long as the others, 20 % of the time",
    source=OURS,
)

GROWING = cause(
    "growing",
    "steps that take as long at the end as at the beginning",
    "what takes longer with each step has no end: something is kept, searched or cut into ever smaller pieces",
    "look for lists that grow in the program (losses kept with their graph, logs), fragmentation of memory "
    "(PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True), sequences that get longer",
    "a step takes longer and longer: 0.3 s at step 3, 0.6 s at step 300",
    source=OURS,
)
CHECKPOINT_FOLDER = cause(
    "checkpoint-folder",
    "checkpoints that are written at 10 MB/s or more",
    "training stands still while a checkpoint is written, and this folder takes less than any disk",
    "write them to a faster file system (--runs-dir): seatrial check node measures one; or in the background",
    "4 checkpoints of 16 MB each stood still for 8 s, 2 MB/s, 30% of the time",
    source=OURS,
    good="4 checkpoints of 16 MB each stood still for 0.1 s",
)
THROTTLED = cause(
    "throttled",
    "GPUs that keep their clocks up",
    "a GPU that is too hot or whose power is cut runs at a fraction of its clock, and all others wait for it",
    "seatrial check node --level full on its host: gpu.throttled, gpu.temperature, gpu.power; cooling and power of the "
    "rack; leave the node out until it is repaired",
    "rank 3 held clocks down in 60% of the logged steps or more",
    source="NVML, nvmlClocksEventReasons: HW slowdown, thermal slowdown, power brake (CUDA 13, 2026-08)",
    severity=Severity.MONITOR,
    good="no rank held clocks down",
)

RULES: tuple[Rule, ...] = tuple(value for value in globals().values() if isinstance(value, Rule))
"""All of them."""
