"""NVIDIA's catalogue of Xids and SXids as data: names, where each can be seen, what is to be done first.

Names, columns and actions: NVIDIA, Xid-Catalog.xlsx (sha256 7f70ce96, sheets Xids and Resolution Buckets, codes 1 to
172), read on 2026-11-28; code 185: notes of driver 610, GPU Operational Events. SXids: NVIDIA, Fabric Manager user
guide, table 23 (2025-11-14).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from seatrial.findings import Severity, Verdict


class Action(StrEnum):
    """What the catalogue asks for at once, by its own words."""

    IGNORE = "IGNORE"
    RESTART_APP = "RESTART_APP"
    RESET_GPU = "RESET_GPU"
    RESTART_BM = "RESTART_BM"
    RESTART_VM = "RESTART_VM"
    UPDATE_SWFW = "UPDATE_SWFW"
    CHECK_MECHANICALS = "CHECK_MECHANICALS"
    CHECK_UVM = "CHECK_UVM"
    CONTACT_SUPPORT = "CONTACT_SUPPORT"
    WORKFLOW = "WORKFLOW"
    """The rest of the line, or other Xids, decide."""
    NONE_GIVEN = ""
    """The catalogue leaves the cell empty."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What follows from an action here."""

    verdict: Verdict
    severity: Severity
    remedy: str
    until_boot: bool = False
    """Only a reboot takes it away, so it counts since boot and not only while it is recent."""


ANSWERS = {
    Action.IGNORE: Answer(Verdict.PASS, Severity.NONE, ""),
    Action.RESTART_APP: Answer(
        Verdict.WARN, Severity.MONITOR, "restart the application and look for its fault; the node is not blamed yet"
    ),
    Action.RESET_GPU: Answer(Verdict.FAIL, Severity.RESET, "drain the node and reset the GPU: nvidia-smi --gpu-reset"),
    Action.RESTART_BM: Answer(Verdict.FAIL, Severity.REBOOT, "reboot the node; replace it if it comes again", True),
    Action.RESTART_VM: Answer(Verdict.FAIL, Severity.REBOOT, "restart the instance that owns the GPU", True),
    Action.UPDATE_SWFW: Answer(Verdict.WARN, Severity.MONITOR, "bring driver and firmware to versions that fit"),
    Action.CHECK_MECHANICALS: Answer(
        Verdict.FAIL, Severity.ISOLATE, "replace the node; on your own hardware check seating and power cables", True
    ),
    Action.CHECK_UVM: Answer(
        Verdict.WARN, Severity.MONITOR, "where unified memory or vGPU is used, drain the node and reset the GPU"
    ),
    Action.CONTACT_SUPPORT: Answer(
        Verdict.FAIL, Severity.ISOLATE, "keep jobs away and contact support with nvidia-bug-report.sh's file"
    ),
    Action.NONE_GIVEN: Answer(
        Verdict.UNKNOWN, Severity.MONITOR, "contact support with nvidia-bug-report.sh's file: no action is published"
    ),
}
"""Action -> what follows. WORKFLOW has none of its own."""


@dataclass(frozen=True, slots=True)
class Xid:
    """One row of the catalogue."""

    code: int
    name: str
    action: Action
    on: str = "AHBG"
    """Where it is said to occur: A100, H100, B100, GB200; empty: on none of them, so it should not be seen."""


_A = Action
_KNOWN: tuple[tuple[int, str, Action, str], ...] = (
    (8, "FIFO_ERROR_IDLE_TIMEOUT", _A.RESTART_APP, "AHBG"),
    (11, "GR_ERROR_MISSING_HW", _A.RESTART_APP, "AHBG"),
    (13, "GR_EXCEPTION", _A.RESTART_APP, "AHBG"),
    (14, "FAKE_ERROR", _A.IGNORE, "AHBG"),
    (25, "GR_ILLEGAL_NOTIFY", _A.RESTART_APP, "AHBG"),
    (31, "FIFO_ERROR_MMU_ERR_FLT", _A.RESTART_APP, "AHBG"),
    (32, "PBDMA_ERROR", _A.RESTART_APP, "AHBG"),
    (37, "FECS_ERR_UNIMP_FIRMWARE_METHOD", _A.IGNORE, "AHBG"),
    (38, "FECS_ERR_WATCHDOG_TIMEOUT", _A.IGNORE, "AHBG"),
    (39, "CE0_ERROR", _A.RESTART_APP, "AHBG"),
    (40, "CE1_ERROR", _A.RESTART_APP, "AHBG"),
    (41, "CE2_ERROR", _A.RESTART_APP, "AHBG"),
    (43, "RESETCHANNEL_VERIF_ERROR", _A.IGNORE, "AHBG"),
    (44, "GR_FAULT_DURING_CTXSW", _A.IGNORE, "AHBG"),
    (45, "PREEMPTIVE_REMOVAL", _A.WORKFLOW, "AHBG"),
    (46, "GPU_TIMEOUT_ERROR", _A.RESET_GPU, "AHBG"),
    (48, "GPU_ECC_DBE", _A.RESET_GPU, "AHBG"),
    (54, "PWR_REDUCED_CLOCKING", _A.CHECK_MECHANICALS, "AHB"),
    (60, "SEC2_ERROR", _A.RESTART_APP, "AHBG"),
    (62, "PMU_HALT_ERROR", _A.RESET_GPU, "AHBG"),
    (63, "INFOROM_DRAM_RETIREMENT_EVENT", _A.IGNORE, "AHBG"),
    (64, "INFOROM_DRAM_RETIREMENT_FAILURE", _A.RESET_GPU, "AHBG"),
    (66, "FECS_ERR_REG_ACCESS_VIOLATION", _A.IGNORE, "AHBG"),
    (67, "FECS_ERR_VERIF_VIOLATION", _A.IGNORE, "AHBG"),
    (68, "NVDEC0_ERROR", _A.RESTART_APP, "AHBG"),
    (69, "GR_CLASS_ERROR", _A.RESTART_APP, "AHBG"),
    (70, "CE3_ERROR", _A.RESTART_APP, "AHBG"),
    (71, "CE4_ERROR", _A.RESTART_APP, "AHBG"),
    (72, "CE5_ERROR", _A.RESTART_APP, "AHBG"),
    (74, "NVLINK_ERROR", _A.WORKFLOW, "AH"),
    (75, "CE6_ERROR", _A.RESTART_APP, "AHBG"),
    (76, "CE7_ERROR", _A.RESTART_APP, "AHBG"),
    (77, "CE8_ERROR", _A.RESTART_APP, "AHBG"),
    (78, "VGPU_START_ERROR", _A.UPDATE_SWFW, "AHBG"),
    (79, "GPU_HAS_FALLEN_OFF_THE_BUS", _A.RESTART_BM, "AHBG"),
    (80, "PBDMA_PUSHBUFFER_CRC_MISMATCH", _A.RESTART_APP, "AH"),
    (82, "NVJPG0_ERROR", _A.RESTART_APP, "AHBG"),
    (83, "NVDEC1_ERROR", _A.RESTART_APP, "AHBG"),
    (84, "NVDEC2_ERROR", _A.RESTART_APP, "AHBG"),
    (85, "CE9_ERROR", _A.RESTART_APP, "AHBG"),
    (86, "OFA0_ERROR", _A.RESTART_APP, "AHBG"),
    (88, "NVDEC3_ERROR", _A.RESTART_APP, "AHBG"),
    (89, "NVDEC4_ERROR", _A.RESTART_APP, "AHBG"),
    (92, "EXCESSIVE_SBE_INTERRUPTS", _A.IGNORE, "AHBG"),
    (93, "INFOROM_ERASE_LIMIT_EXCEEDED", _A.IGNORE, "A"),
    (94, "CONTAINED_ERROR", _A.RESTART_APP, "AHBG"),
    (95, "UNCONTAINED_ERROR", _A.RESET_GPU, "AHBG"),
    (96, "NVDEC5_ERROR", _A.RESTART_APP, "HBG"),
    (97, "NVDEC6_ERROR", _A.RESTART_APP, "HBG"),
    (98, "NVDEC7_ERROR", _A.RESTART_APP, "HBG"),
    (99, "NVJPG1_ERROR", _A.RESTART_APP, "HBG"),
    (100, "NVJPG2_ERROR", _A.RESTART_APP, "HBG"),
    (101, "NVJPG3_ERROR", _A.RESTART_APP, "HBG"),
    (102, "NVJPG4_ERROR", _A.RESTART_APP, "HBG"),
    (103, "NVJPG5_ERROR", _A.RESTART_APP, "HBG"),
    (104, "NVJPG6_ERROR", _A.RESTART_APP, "HBG"),
    (105, "NVJPG7_ERROR", _A.RESTART_APP, "HBG"),
    (106, "SMBPBI_TEST_MESSAGE", _A.IGNORE, "AHBG"),
    (107, "SMBPBI_TEST_MESSAGE_SILENT", _A.IGNORE, "AHBG"),
    (108, "NVLINK_REMOTE_TRANSLATION_ERROR", _A.IGNORE, "AHBG"),
    (109, "CTXSW_TIMEOUT_ERROR", _A.RESET_GPU, "AHBG"),
    (110, "SEC_FAULT_ERROR", _A.RESET_GPU, "HBG"),
    (119, "GSP_RPC_TIMEOUT", _A.RESET_GPU, "AHBG"),
    (120, "GSP_ERROR", _A.RESET_GPU, "AHBG"),
    (121, "C2C_ERROR", _A.IGNORE, "G"),
    (126, "CE10_ERROR", _A.RESTART_APP, "BG"),
    (127, "CE11_ERROR", _A.RESTART_APP, "BG"),
    (128, "CE12_ERROR", _A.RESTART_APP, "BG"),
    (129, "CE13_ERROR", _A.RESTART_APP, "BG"),
    (130, "CE14_ERROR", _A.RESTART_APP, "BG"),
    (131, "CE15_ERROR", _A.RESTART_APP, "BG"),
    (132, "CE16_ERROR", _A.RESTART_APP, "BG"),
    (133, "CE17_ERROR", _A.RESTART_APP, "BG"),
    (134, "CE18_ERROR", _A.RESTART_APP, "BG"),
    (135, "CE19_ERROR", _A.RESTART_APP, "BG"),
    (136, "ALI_TRAINING_FAIL", _A.RESET_GPU, "H"),
    (137, "NVLINK_PRIV_ERR", _A.IGNORE, "AHBG"),
    (139, "OFA1_ERROR", _A.RESTART_APP, "BG"),
    (140, "UNRECOVERABLE_ECC_ERROR_ESCAPE", _A.RESET_GPU, "AHBG"),
    (141, "FAST_PATH_ERROR", _A.IGNORE, "HBG"),
    (142, "NVENC3_ERROR", _A.CONTACT_SUPPORT, "G"),
    (143, "GPU_INIT_ERROR", _A.RESET_GPU, "HBG"),
    (144, "NVLINK_SAW_ERROR", _A.WORKFLOW, "BG"),
    (145, "NVLINK_RLW_ERROR", _A.WORKFLOW, "BG"),
    (146, "NVLINK_TLW_ERROR", _A.WORKFLOW, "BG"),
    (147, "NVLINK_TREX_ERROR", _A.WORKFLOW, "BG"),
    (148, "NVLINK_NVLPW_CTRL_ERROR", _A.WORKFLOW, "BG"),
    (149, "NVLINK_NETIR_ERROR", _A.WORKFLOW, "BG"),
    (150, "NVLINK_MSE_ERROR", _A.WORKFLOW, "BG"),
    (151, "KEY_ROTATION_ERROR", _A.RESTART_VM, "HBG"),
    (152, "DLA_SMMU_ERROR", _A.IGNORE, ""),
    (153, "DLA_TIMEOUT", _A.IGNORE, ""),
    (154, "GPU_RECOVERY_ACTION_CHANGED", _A.WORKFLOW, "AHBG"),
    (155, "NVLINK_SW_DEFINED_ERROR", _A.RESET_GPU, "BG"),
    (156, "RESOURCE_RETIREMENT_EVENT", _A.RESET_GPU, "HBG"),
    (157, "RESOURCE_RETIREMENT_FAILURE", _A.IGNORE, "HBG"),
    (158, "GPU_FATAL_TIMEOUT", _A.RESET_GPU, "AHBG"),
    (159, "CHI_NON_DATA_ERROR", _A.CHECK_UVM, "BG"),
    (160, "CHANNEL_RETIREMENT_EVENT", _A.IGNORE, "BG"),
    (161, "CHANNEL_RETIREMENT_FAILURE", _A.IGNORE, "BG"),
    (162, "PSHC_REENGAGED", _A.IGNORE, "BG"),
    (163, "PSHC_DISENGAGED", _A.NONE_GIVEN, "BG"),
    (164, "PSHC_LOW_LIFETIME", _A.NONE_GIVEN, "BG"),
    (165, "PSHC_ZERO_LIFETIME", _A.NONE_GIVEN, "BG"),
    (166, "NVLINK_SECURE_CRYPTO_ERR", _A.NONE_GIVEN, "BG"),
    (167, "PCIE_FATAL_TIMEOUT", _A.NONE_GIVEN, "HBG"),
    (168, "REDUCED_GPU_MEMORY_CAPACITY", _A.RESTART_BM, "AHBG"),
    (169, "SEC2_HALT_ERROR", _A.NONE_GIVEN, "HBG"),
    (170, "NVLINK_SECURE_OTHER", _A.NONE_GIVEN, "BG"),
    (171, "UNCORRECTABLE_DRAM_ERROR", _A.RESET_GPU, "AHBG"),
    (172, "UNCORRECTABLE_SRAM_ERROR", _A.RESET_GPU, "AHBG"),
    (185, "SPARING_EVENT", _A.NONE_GIVEN, ""),
)
# 162 tells that a capability is back. Of 168 the catalogue says in words: enable ECC or boot anew. 171 and 172 tell the
# memory that a 48 is about, so they ask for what a 48 alone does.

UNUSED = frozenset({*range(1, 173)} - {code for code, *_ in _KNOWN})
"""Codes that the catalogue calls unused on A100 and newer. Seen all the same, support has to explain them."""

XIDS = {code: Xid(code, name, action, on) for code, name, action, on in _KNOWN}
"""Code -> its row."""

APPLICATION = frozenset({11, 13, 25, 31, 32, 37, 43, 45, 69, 80, 94, 137})
"""Errors that a faulty application causes. 94: contained, so that only its process is lost. 45: alone."""

STICKY = frozenset({74, 79, 95, 109, 119})
"""Told again and again while they last. NVSentinel 1.31, health-events-analyzer."""

STRICTER = {
    43: "navarch calls it fatal",
    63: "the AWS EKS node monitoring agent and navarch call it fatal",
    92: "AWS's GPU cluster health check watches it",
    121: "AWS's GPU cluster health check watches it",
    157: "AWS's GPU cluster health check watches it",
}
"""Codes that the catalogue lets pass, and who does not. EKS agent 51af549; awsome-distributed-training, check 0."""

LOWER_ON_A100 = frozenset({64, 95})
"""A reset is enough for the catalogue; on A100, AWS's GPU cluster health check asks for a reboot."""

RECOVERY = {
    "none": Answer(Verdict.PASS, Severity.NONE, ""),
    "gpu reset required": ANSWERS[Action.RESET_GPU],
    "node reboot required": ANSWERS[Action.RESTART_BM],
    "drain p2p": Answer(Verdict.FAIL, Severity.RESET, "end the jobs that use NVLink between GPUs, then reset the GPU"),
    "drain and reset": ANSWERS[Action.RESET_GPU],
}
"""What an Xid 154 says after ``to``, in small letters -> what follows: it overrides the table."""

SXID_ALWAYS_FATAL = frozenset({12020, 22003, 22011, *range(23001, 23018)})
"""Fatal whatever the line says."""
SXID_FABRIC_RESET = frozenset({10003, 19084})
"""All GPUs and NVSwitches have to be reset together."""
SXID_RESTART_VM = frozenset({11004})
SXID_NOTHING = frozenset({12028})
"""A consequence of an application that ended; nothing is to be done."""
