"""A machine image as Packer's template, with what it reads: variables, plugins, Ansible's roles, the self test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from seatrial import __version__
from seatrial.images._image import Choice, Machine
from seatrial.images.machines import ansible
from seatrial.images.machines.choices import VARIABLES, Chosen, Variable, choose
from seatrial.images.machines.parents import SYSTEMS, parent
from seatrial.images.machines.self_test import FILES
from seatrial.images.machines.software import expected
from seatrial.plan import Command, Plan
from seatrial.templates import template
from seatrial.versions import PARALLELCLUSTER
from seatrial.versions.machines import PACKER, PACKER_PLUGINS

PLAYBOOK = "ansible/playbook.yml"
CLEANUP = "ansible/cleanup.yml"
LAST = ("cleanup",)
"""Roles that run behind the self test."""
MODULES = frozenset({"efa", "gdrcopy", "lustre_client", "neuron", "nvidia_driver"})
"""Roles that install modules of the kernel."""
PLUGINS = "plugins.pkr.hcl"
TYPES = {"text": "string", "number": "number", "truth": "bool", "list": "list(string)"}


def render(machine: Machine, choice: Choice) -> Plan:
    """What Packer reads, and what is run. Raises UserError with all that is wrong with the choice."""
    chosen = choose(machine, choice)
    templates = {name: filled(name, machine, chosen) for name in ("image.pkr.hcl", "self_test.sh")}
    texts = {
        **playbooks(machine, chosen),
        **templates,
        **self_test(machine, chosen),
        PLUGINS: plugins(),
        "variables.pkr.hcl": "\n".join(_declared(name, one) for name, one in VARIABLES.items()),
        "image.auto.pkrvars.hcl": assignments(chosen.values) + "\n",
    }
    return Plan(files=texts, commands=COMMANDS)


COMMANDS = (
    Command(argv=("packer", "init", "."), title="fetch Packer's plugins"),
    Command(argv=("packer", "validate", "."), title="check the template"),
    Command(argv=("packer", "build", "-color=false", "-timestamp-ui", "."), title="make the image"),
)
"""In the folder of the files."""


def playbooks(machine: Machine, chosen: Chosen) -> dict[str, str]:
    """Ansible's files: a playbook of the machine's roles, and one of what is last."""
    both = {
        path: {f"ansible/{name}": text for name, text in ansible.files(one, chosen.versions).items()}
        for path, one in ((PLAYBOOK, machine), (CLEANUP, replace(machine, roles=LAST)))
    }
    return {**both[CLEANUP], **both[PLAYBOOK], CLEANUP: both[CLEANUP][PLAYBOOK]}


def self_test(machine: Machine, chosen: Chosen) -> dict[str, str]:
    """What goes to the machine to be tested with."""
    package = files("seatrial")
    texts = {f"self_test/seatrial/{name}": package.joinpath(name).read_text(encoding="utf-8") for name in FILES}
    return {**texts, "self_test/expected.json": json.dumps(expected(machine, chosen.versions), indent=2) + "\n"}


def plugins() -> str:
    """What Packer fetches. Apart, since versions before 1.7 do not know it."""
    lines = [f'packer {{\n  required_version = ">= {PACKER.version}"\n  required_plugins {{']
    for name, pin in PACKER_PLUGINS.items():
        lines.append(
            f'    {name} = {{\n      version = "= {pin.version}"\n      source  = "github.com/hashicorp/{name}"'
        )
        lines.append("    }")
    return "\n".join([*lines, "  }", "}", ""])


def hcl(value: Any) -> str:
    """A value in HCL: JSON, in whose texts nothing is a template."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return json.dumps(value)


def assignments(values: Mapping[str, Any]) -> str:
    """Names and their values as `packer fmt` writes them; what is no identifier is quoted."""
    return _aligned({name if name.isidentifier() else hcl(name): hcl(value) for name, value in values.items()}).rstrip()


def _aligned(pairs: Mapping[str, str]) -> str:
    width = max(map(len, pairs))
    return "".join(f"{name:<{width}} = {value}\n" for name, value in pairs.items())


def _declared(name: str, one: Variable) -> str:
    """A variable as Packer declares it."""
    pairs = {"type": TYPES[one.kind], "description": hcl(one.meaning)}
    if not one.required:
        pairs["default"] = "null" if one.default is None else one.default
    lines = _indented(_aligned(pairs))
    if one.kind != "truth":
        rule = {"condition": _condition(name, one), "error_message": hcl(f"The variable {name} is {one.shape}.")}
        lines += ["  validation {", *_indented("".join(f"{line}\n" for line in _indented(_aligned(rule)))), "  }"]
    return "\n".join([f'variable "{name}" {{', *lines, "}", ""])


def _condition(name: str, one: Variable) -> str:
    """Nothing is left when what matches is taken away. Packer before 1.7 has no other regular expressions."""
    value = {"text": f"var.{name}", "number": f'"${{var.{name}}}"', "list": f'join("", var.{name})'}[one.kind]
    pattern = f"^({one.pattern}){'*' if one.kind == 'list' else ''}$"
    matches = f'regex_replace({value}, {hcl(pattern)}, "") == ""'
    if one.kind != "text":
        return matches
    return f'var.{name} != "" && {matches}' if one.required else f"var.{name} == null ? true : {matches}"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]


def filled(file: str, machine: Machine, chosen: Chosen) -> str:
    """A file of this package, made for the image."""
    return template("seatrial.images.machines", f"{file}.j2").render(
        name=machine.name,
        title=machine.title,
        service=machine.service,
        system=chosen.system,
        architecture=chosen.architecture,
        parent=parent(machine.service, machine.accelerator, chosen.system, chosen.architecture, chosen.kubernetes),
        user=SYSTEMS[chosen.system].user,
        root=SYSTEMS[chosen.system].root,
        playbook=PLAYBOOK,
        cleanup=CLEANUP,
        reboot=bool(MODULES & {*machine.roles}),
        tags=tags(machine, chosen),
        hcl=hcl,
        assignments=assignments,
    )


def tags(machine: Machine, chosen: Chosen) -> dict[str, str]:
    """By which people, and the service, know what the image is."""
    software = expected(machine, chosen.versions)
    known = {
        "Name": f"seatrial-{machine.name}",
        "seatrial:image": machine.name,
        "seatrial:version": __version__,
        "seatrial:stack": machine.stack,
        "seatrial:system": chosen.system,
        "seatrial:parent": "{{ .SourceAMI }}",  # Packer's, which knows it
        "seatrial:software": ",".join(f"{name}={version}" for name, version in software.items()),
    }
    return known | required_tags(machine, chosen)


def required_tags(machine: Machine, chosen: Chosen) -> dict[str, str]:
    """What the service looks for: without these, ParallelCluster refuses an image."""
    if machine.service == "parallelcluster":
        return {
            "parallelcluster:version": PARALLELCLUSTER.version,
            "parallelcluster:build_status": "available",
            "parallelcluster:os": chosen.system,
        }
    return {"seatrial:kubernetes": chosen.kubernetes} if machine.service == "eks" else {}
