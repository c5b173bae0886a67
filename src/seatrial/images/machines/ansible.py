"""Ansible's playbook of a machine image."""

from __future__ import annotations

from seatrial.images._image import Choice, Machine


def files(machine: Machine, choice: Choice) -> dict[str, str]:
    """Path below Ansible's folder -> text."""
    lines = ["---", f"- name: {machine.title}", "  hosts: all", "  become: true", "  roles:"]
    return {"playbook.yml": "\n".join([*lines, *(f"    - {role}" for role in machine.roles), ""])}
