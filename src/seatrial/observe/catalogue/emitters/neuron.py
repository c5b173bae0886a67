"""neuron-monitor-prometheus, of Trainium and Inferentia."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter

_NEURON = """
neuroncore_utilization_ratio | gauge | ratio | neuroncore, runtime_tag | Share of the period that a core computed.
neuron_runtime_memory_used_bytes | gauge | bytes | memory_location, runtime_tag | Memory of a runtime, by location: host, neuron_device.
neuron_runtime_vcpu_usage_ratio | gauge | ratio | usage_type, runtime_tag | Processor share of a runtime: user, system.
execution_status_total | counter | count | status_type, runtime_tag | Executions, by how they ended: completed, timed_out and others.
execution_errors_total | counter | count | error_type, runtime_tag | Executions that failed, by error: generic, numerical, transient, model, runtime, hardware.
execution_latency_seconds | gauge | seconds | percentile, runtime_tag | Latency of executions, by percentile.
hardware_ecc_events_total | counter | count | event_type, neuron_device_index | ECC events, corrected or not, of memory and SRAM.
system_memory_total_bytes | gauge | bytes | | Memory of the instance.
system_memory_used_bytes | gauge | bytes | | What of it is in use.
system_vcpu_count | gauge | count | | vCPUs of the instance.
system_vcpu_usage_ratio | gauge | ratio | usage_type | Share of them in use.
instance_info | gauge | info | | The instance.
"""

EMITTER = Emitter(
    id="neuron",
    title="neuron-monitor-prometheus",
    port=8000,
    source="neuron-monitor-prometheus of https://github.com/aws-neuron/aws-neuron-sdk, commit 81ce03a; its labels, "
    "execution_errors_total and hardware_ecc_events_total are from memory, not compared",
    labels=("instance_id", "instance_name", "instance_type", "region", "availability_zone", "subnet_id", "ami_id"),
).with_metrics(_NEURON)
