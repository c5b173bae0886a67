"""Which values UCX, Open MPI and Neuron's runtime take.

UCX: its parser and tables, 1.13 on; Open MPI: its parser of lists of components, 4.1 and main; Neuron's runtime, whose
sources are not public: what its guide names. Read 2026-11.
"""

from __future__ import annotations

from seatrial.findings import Verdict
from seatrial.network import sources as at
from seatrial.network.reading import Accepted, matches, named

_FRAMEWORKS = "btl pml mtl coll osc bml rcache mpool op io fs fcoll sharedfp topo vprotocol part accelerator"
"""Frameworks of Open MPI of which a variable lists the components."""
_UNDOCUMENTED = "Neuron's guide names no other"

ROWS = (
    Accepted(
        names=named("UCX_", "MEMTYPE_CACHE WARN_UNUSED_ENV_VARS"),
        takes=matches("y|yes|1|on|n|no|0|off|try|maybe"),
        values="y, yes, 1, or n, no, 0; try for MEMTYPE_CACHE",
        otherwise="UCX says 'Invalid value' and does not take it, true and false neither",
        source=at.UCX_PARSER,
    ),
    Accepted(
        names=named("UCX_", "RNDV_SCHEME"),
        takes=matches("auto|get_zcopy|put_zcopy|get_ppln|put_ppln|am|rkey_ptr"),
        values="auto, get_zcopy, put_zcopy, get_ppln, put_ppln, am or rkey_ptr",
        otherwise="UCX says 'Invalid value' and does not take it",
        source=at.UCX_CONTEXT,
    ),
    Accepted(
        names=named("UCX_", "LOG_LEVEL"),
        takes=matches("fatal|error|warn|diag|info|debug|trace|req|data|async|func|poll"),
        values="fatal, error, warn, diag, info, debug, trace, req, data, async, func or poll",
        otherwise="UCX says 'Invalid value' and does not take it",
        verdict=Verdict.WARN,
        source=at.UCX_LOG,
    ),
    Accepted(
        names=named("OMPI_MCA_", _FRAMEWORKS),
        takes=lambda value: "^" not in value.lstrip("^"),
        values="names of components, divided by commas; ^ stands once, at the very beginning, and is for all of them",
        otherwise="Open MPI ends with framework-param:too-many-negates",
        source=at.OPEN_MPI_COMPONENTS,
    ),
    Accepted(
        names=named("NEURON_RT_", "LOG_LEVEL"),
        takes=matches("error|warn|warning|info|debug|trace"),
        values="ERROR, WARNING, INFO, DEBUG or TRACE",
        otherwise=_UNDOCUMENTED,
        verdict=Verdict.WARN,
        source=at.NEURON_RUNTIME,
    ),
    Accepted(
        names=named("NEURON_RT_", "LOG_LOCATION"),
        takes=matches("console|syslog"),
        values="console or syslog",
        otherwise=_UNDOCUMENTED,
        verdict=Verdict.WARN,
        source=at.NEURON_RUNTIME,
    ),
    Accepted(
        names=named("NEURON_RT_", "NUM_CORES EXEC_TIMEOUT ASYNC_EXEC_MAX_INFLIGHT_REQUESTS"),
        takes=matches(r"\d+"),
        values="a whole number",
        otherwise=_UNDOCUMENTED,
        verdict=Verdict.WARN,
        source=at.NEURON_RUNTIME,
    ),
    Accepted(
        names=named("NEURON_RT_", "VISIBLE_CORES"),
        takes=matches(r"\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*"),
        values="numbers of NeuronCores and ranges of them, such as 0-3, divided by commas alone",
        otherwise=_UNDOCUMENTED,
        verdict=Verdict.WARN,
        source=at.NEURON_RUNTIME,
    ),
)
