"""What looks at a machine or a cluster: Prometheus, Alertmanager, exporters and Grafana, configured as one plan.

`local` is this machine, `slurm` and `kubernetes` a cluster; `supervisor` keeps what runs here running.
"""
