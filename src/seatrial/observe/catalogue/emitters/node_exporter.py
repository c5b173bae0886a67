"""Prometheus' node_exporter."""

from __future__ import annotations

from seatrial.observe.catalogue.metric import Emitter, family

_CPU = """
node_cpu_seconds_total | counter | seconds | cpu, mode | Processor time, by mode.
node_cpu_guest_seconds_total | counter | seconds | cpu, mode | Processor time that guests used.
node_cpu_scaling_frequency_hertz | gauge | hertz | cpu | Frequency that the governor chose.
node_cpu_scaling_frequency_min_hertz | gauge | hertz | cpu | Lowest that it may choose.
node_cpu_scaling_frequency_max_hertz | gauge | hertz | cpu | Highest that it may choose.
node_cpu_core_throttles_total | counter | count | core, package | Times that a core was throttled.
node_cpu_package_throttles_total | counter | count | package | Times that a package was throttled.
node_load1 | gauge | number | | Load average of 1 minute.
node_load5 | gauge | number | | Load average of 5 minutes.
node_load15 | gauge | number | | Load average of 15 minutes.
node_context_switches_total | counter | count | | Context switches.
node_intr_total | counter | count | | Interrupts.
node_interrupts_total | counter | count | cpu, devices, info, type | Interrupts, by kind; collector interrupts, off by default.
node_forks_total | counter | count | | Processes made.
node_procs_running | gauge | count | | Processes that can run.
node_procs_blocked | gauge | count | | Processes that wait for input or output.
node_schedstat_running_seconds_total | counter | seconds | cpu | Time in which something ran.
node_schedstat_waiting_seconds_total | counter | seconds | cpu | Time in which something waited for the processor.
node_schedstat_timeslices_total | counter | count | cpu | Timeslices given.
node_pressure_cpu_waiting_seconds_total | counter | seconds | | Time in which some process waited for a processor.
node_pressure_io_waiting_seconds_total | counter | seconds | | Time in which some process waited for input or output.
node_pressure_io_stalled_seconds_total | counter | seconds | | Time in which all did.
node_pressure_memory_waiting_seconds_total | counter | seconds | | Time in which some process waited for memory.
node_pressure_memory_stalled_seconds_total | counter | seconds | | Time in which all did.
node_pressure_irq_stalled_seconds_total | counter | seconds | | Time in which interrupts stalled all. | since 1.8
node_entropy_available_bits | gauge | bits | | Entropy at hand.
node_entropy_pool_size_bits | gauge | bits | | Size of its pool.
node_filefd_allocated | gauge | count | | Open files.
node_filefd_maximum | gauge | count | | How many there may be.
"""

_MEMORY = (
    "MemTotal MemFree MemAvailable Buffers Cached SwapCached SwapTotal SwapFree Active Inactive Active_anon Inactive_anon "
    "Active_file Inactive_file Unevictable Mlocked Dirty Writeback WritebackTmp AnonPages AnonHugePages Mapped Shmem "
    "ShmemHugePages ShmemPmdMapped KReclaimable Slab SReclaimable SUnreclaim KernelStack PageTables SecPageTables "
    "NFS_Unstable Bounce CommitLimit Committed_AS VmallocTotal VmallocUsed VmallocChunk Percpu HardwareCorrupted "
    "FileHugePages FilePmdMapped CmaTotal CmaFree Hugepagesize Hugetlb DirectMap4k DirectMap2M DirectMap1G Balloon Zswap "
    "Zswapped"
)
_HUGE_PAGES = "HugePages_Total HugePages_Free HugePages_Rsvd HugePages_Surp"
_VMSTAT = "pgpgin pgpgout pswpin pswpout pgfault pgmajfault oom_kill"

_DISK = """
node_disk_info | gauge | info | device, major, minor, model, path, revision, serial, wwn | A block device. | since 1.4
node_disk_reads_completed_total | counter | count | device | Reads.
node_disk_reads_merged_total | counter | count | device | Reads that were merged into others.
node_disk_read_bytes_total | counter | bytes | device | Bytes read.
node_disk_read_time_seconds_total | counter | seconds | device | Time of all reads together.
node_disk_writes_completed_total | counter | count | device | Writes.
node_disk_writes_merged_total | counter | count | device | Writes that were merged into others.
node_disk_written_bytes_total | counter | bytes | device | Bytes written.
node_disk_write_time_seconds_total | counter | seconds | device | Time of all writes together.
node_disk_discards_completed_total | counter | count | device | Discards.
node_disk_discards_merged_total | counter | count | device | Discards that were merged into others.
node_disk_discarded_sectors_total | counter | sectors | device | Sectors discarded.
node_disk_discard_time_seconds_total | counter | seconds | device | Time of all discards together.
node_disk_flush_requests_total | counter | count | device | Flushes.
node_disk_flush_requests_time_seconds_total | counter | seconds | device | Time of all flushes together.
node_disk_io_now | gauge | count | device | Requests in progress.
node_disk_io_time_seconds_total | counter | seconds | device | Time in which the device was busy.
node_disk_io_time_weighted_seconds_total | counter | seconds | device | The same, each request counted.
"""

_FILESYSTEM = """
node_filesystem_size_bytes | gauge | bytes | device, fstype, mountpoint | Size of a file system.
node_filesystem_free_bytes | gauge | bytes | device, fstype, mountpoint | What of it is free.
node_filesystem_avail_bytes | gauge | bytes | device, fstype, mountpoint | What of that others than root may use.
node_filesystem_files | gauge | count | device, fstype, mountpoint | Inodes.
node_filesystem_files_free | gauge | count | device, fstype, mountpoint | Free inodes.
node_filesystem_readonly | gauge | bool | device, fstype, mountpoint | Mounted for reading only.
node_filesystem_device_error | gauge | bool | device, fstype, mountpoint | It could not be asked.
"""

_NETWORK = """
node_network_info | gauge | info | device, address, broadcast, duplex, ifalias, operstate, adminstate | An interface.
node_network_up | gauge | bool | device | Its state is up.
node_network_carrier | gauge | bool | device | It has a carrier.
node_network_carrier_changes_total | counter | count | device | Times that the carrier came or went.
node_network_carrier_up_changes_total | counter | count | device | Times that it came.
node_network_carrier_down_changes_total | counter | count | device | Times that it went.
node_network_mtu_bytes | gauge | bytes | device | Longest packet.
node_network_speed_bytes | gauge | bytes/s | device | Line rate.
node_network_transmit_queue_length | gauge | count | device | Length of its queue.
node_network_receive_bytes_total | counter | bytes | device | Bytes received.
node_network_transmit_bytes_total | counter | bytes | device | Bytes sent.
"""
_NETWORK_COUNTS = (
    "receive_packets receive_errs receive_drop receive_fifo receive_frame receive_compressed receive_multicast "
    "receive_nohandler transmit_packets transmit_errs transmit_drop transmit_fifo transmit_colls transmit_carrier "
    "transmit_compressed"
)
_NETWORK_PROPERTIES = (
    "address_assign_type device_id dormant flags iface_id iface_link iface_link_mode name_assign_type net_dev_group "
    "protocol_type"
)
_NETSTAT = (
    "Icmp_InErrors Icmp_InMsgs Icmp_OutMsgs Icmp6_InErrors Icmp6_InMsgs Icmp6_OutMsgs Ip_Forwarding Ip6_InOctets "
    "Ip6_OutOctets IpExt_InOctets IpExt_OutOctets Tcp_ActiveOpens Tcp_CurrEstab Tcp_InErrs Tcp_InSegs Tcp_MaxConn "
    "Tcp_OutRsts Tcp_OutSegs Tcp_PassiveOpens Tcp_RetransSegs TcpExt_ListenDrops TcpExt_ListenOverflows "
    "TcpExt_SyncookiesFailed TcpExt_SyncookiesRecv TcpExt_SyncookiesSent TcpExt_TCPOFOQueue TcpExt_TCPRcvQDrop "
    "TcpExt_TCPSynRetrans TcpExt_TCPTimeouts Udp_InDatagrams Udp_InErrors Udp_NoPorts Udp_OutDatagrams Udp_RcvbufErrors "
    "Udp_SndbufErrors Udp6_InDatagrams Udp6_InErrors Udp6_NoPorts Udp6_OutDatagrams Udp6_RcvbufErrors Udp6_SndbufErrors "
    "UdpLite_InErrors UdpLite6_InErrors"
)
_SOCKETS = (
    "FRAG_inuse FRAG6_inuse RAW_inuse RAW6_inuse TCP_alloc TCP_inuse TCP6_inuse TCP_orphan TCP_tw UDP_inuse UDP6_inuse "
    "UDPLITE_inuse UDPLITE6_inuse sockets_used"
)
_SOCKET_MEMORY = """
node_sockstat_TCP_mem | gauge | pages | | Memory of TCP sockets.
node_sockstat_UDP_mem | gauge | pages | | Memory of UDP sockets.
node_sockstat_TCP_mem_bytes | gauge | bytes | | Memory of TCP sockets.
node_sockstat_UDP_mem_bytes | gauge | bytes | | Memory of UDP sockets.
node_sockstat_FRAG_memory | gauge | bytes | | Memory of fragments.
node_sockstat_FRAG6_memory | gauge | bytes | | Memory of fragments of IPv6.
"""
_NETWORK_MORE = """
node_arp_entries | gauge | count | device | Entries in the ARP table.
node_nf_conntrack_entries | gauge | count | | Connections that are tracked.
node_nf_conntrack_entries_limit | gauge | count | | How many can be.
node_softnet_processed_total | counter | count | cpu | Packets processed.
node_softnet_dropped_total | counter | count | cpu | Packets dropped for a full backlog.
node_softnet_times_squeezed_total | counter | count | cpu | Times that the budget was used up.
node_softnet_cpu_collision_total | counter | count | cpu | Collisions while sending. | since 1.8
node_softnet_flow_limit_count_total | counter | count | cpu | Times that the flow limit was reached. | since 1.8
node_softnet_received_rps_total | counter | count | cpu | Times that a processor was woken for packets. | since 1.8
node_softnet_backlog_len | gauge | count | cpu | Packets in the backlog. | since 1.8
node_tcp_connection_states | gauge | count | state | TCP connections, by state; collector tcpstat, off by default.
node_udp_queues | gauge | bytes | ip, queue | Memory of queues of UDP.
node_infiniband_info | gauge | info | board_id, device, firmware_version, hca_type | A device of RDMA, EFA's too.
node_infiniband_state_id | gauge | code | device, port | State of a port.
node_infiniband_physical_state_id | gauge | code | device, port | Physical state of a port.
node_infiniband_rate_bytes_per_second | gauge | bytes/s | device, port | Line rate of a port.
"""

_TIME = """
node_time_seconds | gauge | timestamp | | The node's clock.
node_time_zone_offset_seconds | gauge | seconds | time_zone | Offset of its time zone.
node_time_clocksource_available_info | gauge | info | clocksource, device | A clock that there is.
node_time_clocksource_current_info | gauge | info | clocksource, device | The clock in use.
node_boot_time_seconds | gauge | timestamp | | When the node was started.
node_timex_sync_status | gauge | bool | | The clock is synchronised.
node_timex_offset_seconds | gauge | seconds | | Offset between the clock and its reference.
node_timex_maxerror_seconds | gauge | seconds | | Greatest error of the clock.
node_timex_estimated_error_seconds | gauge | seconds | | Estimated error of the clock.
node_timex_frequency_adjustment_ratio | gauge | ratio | | Adjustment of its frequency.
node_timex_loop_time_constant | gauge | number | | Time constant of its loop.
node_timex_tick_seconds | gauge | seconds | | Seconds between ticks.
node_timex_tai_offset_seconds | gauge | seconds | | Offset to International Atomic Time.
node_timex_status | gauge | code | | Bits of its status.
node_timex_pps_calibration_total | counter | count | | Calibrations by a pulse per second.
node_timex_pps_error_total | counter | count | | Calibrations that failed.
node_timex_pps_frequency_hertz | gauge | hertz | | Frequency of the pulse.
node_timex_pps_jitter_seconds | gauge | seconds | | Jitter of the pulse.
node_timex_pps_jitter_total | counter | count | | Times that its jitter was too great.
node_timex_pps_shift_seconds | gauge | seconds | | Length of the interval.
node_timex_pps_stability_exceeded_total | counter | count | | Times that its stability was too low.
node_timex_pps_stability_hertz | gauge | hertz | | Stability of the pulse.
"""

_HARDWARE = """
node_hwmon_chip_names | gauge | info | chip, chip_name | A chip with sensors.
node_hwmon_sensor_label | gauge | info | chip, sensor, label | Name of a sensor.
node_hwmon_temp_celsius | gauge | celsius | chip, sensor | Temperature.
node_hwmon_temp_max_celsius | gauge | celsius | chip, sensor | Highest that is good.
node_hwmon_temp_crit_celsius | gauge | celsius | chip, sensor | Critical temperature.
node_hwmon_temp_crit_alarm_celsius | gauge | bool | chip, sensor | It was reached.
node_hwmon_temp_crit_hyst_celsius | gauge | celsius | chip, sensor | Below this the alarm ends.
node_hwmon_fan_rpm | gauge | rpm | chip, sensor | Speed of a fan.
node_hwmon_power_average_watt | gauge | watts | chip, sensor | Mean power.
node_cooling_device_cur_state | gauge | code | name, type | How much a device cools.
node_cooling_device_max_state | gauge | code | name, type | The most that it can.
node_thermal_zone_temp | gauge | celsius | type, zone | Temperature of a zone.
node_power_supply_online | gauge | bool | power_supply | A power supply gives power.
node_edac_correctable_errors_total | counter | count | controller | Memory errors that were corrected.
node_edac_uncorrectable_errors_total | counter | count | controller | Memory errors that could not be corrected.
node_nvme_info | gauge | info | device, firmware_revision, model, serial, state, cntlid | An NVMe device.
"""

_SYSTEM = """
node_uname_info | gauge | info | domainname, machine, nodename, release, sysname, version | Host name and kernel.
node_os_info | gauge | info | build_id, id, id_like, image_id, image_version, name, pretty_name, variant, variant_id, version, version_codename, version_id | Distribution. | since 1.3
node_os_version | gauge | number | id, id_like, name | Version of the distribution. | since 1.3
node_selinux_enabled | gauge | bool | | SELinux is enabled.
node_processes_pids | gauge | count | | Processes; collector processes, off by default, as the next five.
node_processes_max_processes | gauge | count | | How many there may be.
node_processes_threads | gauge | count | | Threads.
node_processes_max_threads | gauge | count | | How many there may be.
node_processes_state | gauge | count | state | Processes, by state.
node_processes_threads_state | gauge | count | thread_state | Threads, by state.
node_systemd_units | gauge | count | state | Units, by state; collector systemd, off by default, as the next four.
node_systemd_unit_state | gauge | bool | name, state, type | State of a unit.
node_systemd_socket_accepted_connections_total | counter | count | name | Connections that a socket accepted.
node_systemd_socket_current_connections | gauge | count | name | Connections that it has.
node_systemd_socket_refused_connections_total | counter | count | name | Connections that it refused.
node_textfile_scrape_error | gauge | bool | | A file of the textfile collector could not be read.
node_textfile_mtime_seconds | gauge | timestamp | file | When a file of the textfile collector was written.
node_scrape_collector_success | gauge | bool | collector | A collector succeeded.
node_scrape_collector_duration_seconds | gauge | seconds | collector | How long it took.
node_exporter_build_info | gauge | info | branch, goarch, goos, goversion, revision, version, tags | Its version.
"""
_CONNTRACK = "drop early_drop found ignore insert insert_failed invalid search_restart"

EMITTER = Emitter(
    id="node_exporter",
    title="node_exporter",
    port=9100,
    source="node_exporter 1.5.0 of Debian 12, scraped in November 2026; hardware and systemd, which that machine had not, "
    "and what is newer: its source at commit a7dcc3a, from memory",
).with_metrics(
    _CPU,
    family(_MEMORY, "node_memory_{}_bytes | gauge | bytes | | {} of /proc/meminfo."),
    family(_HUGE_PAGES, "node_memory_{} | gauge | count | | {} of /proc/meminfo."),
    family(_VMSTAT, "node_vmstat_{} | untyped | count | | {} of /proc/vmstat, a counter."),
    _DISK,
    _FILESYSTEM,
    _NETWORK,
    family(_NETWORK_COUNTS, "node_network_{}_total | counter | count | device | {} of /proc/net/dev."),
    family(_NETWORK_PROPERTIES, "node_network_{} | gauge | code | device | {} of /sys/class/net."),
    family(_NETSTAT, "node_netstat_{} | untyped | count | | {} of /proc/net/netstat and snmp."),
    family(_SOCKETS, "node_sockstat_{} | gauge | count | | {} of /proc/net/sockstat."),
    _SOCKET_MEMORY,
    _NETWORK_MORE,
    family(_CONNTRACK, "node_nf_conntrack_stat_{} | gauge | count | | {} of /proc/net/stat/nf_conntrack."),
    _TIME,
    _HARDWARE,
    _SYSTEM,
)
