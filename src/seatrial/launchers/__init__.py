"""Launchers: one module each, found by being here. A launcher never knows cases, only the neutral Job.

A launcher's module offers ``render(job) -> Plan``, ``execute(plan, run, ...)`` and ``cancel(run)``.
"""
