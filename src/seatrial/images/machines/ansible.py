"""What Ansible reads to make a machine image: a playbook, the roles that it names, and what they take of the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from seatrial import __version__
from seatrial.checks.fitting import chosen, misfits
from seatrial.errors import Problem, UserError, unknown
from seatrial.findings import Verdict
from seatrial.images._image import Choice, Machine
from seatrial.versions import EFA_INSTALLERS, NODE_PINS, REPOSITORIES, STACKS
from seatrial.versions.pins import Checkout, Download, Pin

FOLDER = Path(__file__).with_name("roles")
ROLES = tuple(sorted(path.name for path in FOLDER.iterdir() if (path / "tasks").is_dir()))

PATTERNS = {
    "version": (r"\w[\w.+~-]*", "a version"),
    "url": (r"(https?|file)://[^\s{}]+", "the URL of a file"),
    "sha256": (r"[0-9a-f]{64}", "64 hexadecimal digits"),
    "repository": (r"(https?|file)://[^\s{}]+", "the URL of a git repository"),
    "commit": (r"[0-9a-f]{40}", "40 hexadecimal digits"),
}
"""Field of a pin -> what it may be, and that in words. No braces: Ansible would read them as a template."""

# Another process may hold apt's lock when a machine is new. What is recommended only is not installed.
DEFAULTS = {
    "ansible.builtin.apt": {"install_recommends": False, "lock_timeout": 600, "update_cache": True},
    "ansible.builtin.get_url": {"timeout": 60},
}
"""Module -> its arguments in every role."""

CONFIG = """\
[defaults]
roles_path = roles
interpreter_python = auto_silent
stdout_callback = default

[ssh_connection]
pipelining = True
"""
INVENTORY = {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}}
"""For whoever runs the playbook on the machine itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """An operating system, as repositories spell it."""

    kind: str
    """Of its packages: apt or rpm."""
    cuda: str
    codename: str = ""
    kernel: str = ""
    """Package of the kernel line that FSx for Lustre has a client for; empty: the default one."""

    def headers(self, kernel: str) -> list[str]:
        """Packages of the headers that go with the kernel."""
        running = "{{ ansible_facts.kernel }}"  # Ansible's own template
        if self.kind == "rpm":
            return [f"kernel-devel-{running}"]
        return [f"linux-headers-{kernel.removeprefix('linux-') or running}"]


DISTRIBUTIONS: Mapping[str, Distribution] = {
    "ubuntu2404": Distribution(kind="apt", cuda="ubuntu2404", codename="noble", kernel="linux-aws-lts-24.04"),
    "ubuntu2204": Distribution(kind="apt", cuda="ubuntu2204", codename="jammy", kernel="linux-aws-lts-22.04"),
    "alinux2023": Distribution(kind="rpm", cuda="amzn2023"),
}
"""Operating systems that the roles know, as ParallelCluster spells them."""


def files(machine: Machine, choice: Choice) -> dict[str, str]:
    """Relative path -> text. Raises UserError with all that is wrong."""
    if problems := [*_places(machine, choice)]:
        raise UserError(problems)
    texts = _texts(machine.roles)
    wanted = {name for text in texts.values() for name in re.findall(r"\bpins\.(\w+)", text)}
    vendors = {name for text in texts.values() for name in re.findall(r"\brepositories\.(\w+)", text)}
    system = choice.system or machine.systems[0]
    play = {
        "name": machine.title,
        "hosts": "all",
        "become": True,
        "module_defaults": DEFAULTS,
        "roles": list(machine.roles),
    }
    variables = {
        "image": _image(machine, system, choice),
        "pins": _pins(machine, choice, wanted),
        "repositories": _repositories(vendors, DISTRIBUTIONS[system], choice),
    }
    return {
        "ansible.cfg": CONFIG,
        "inventory.yml": _yaml(INVENTORY),
        "playbook.yml": _yaml([play]),
        "group_vars/all.yml": _yaml(variables),
        **texts,
    }


def _places(machine: Machine, choice: Choice) -> Iterator[Problem]:
    """What can be known to be wrong before anything is read."""
    system = choice.system or machine.systems[0]
    if system not in machine.systems or system not in DISTRIBUTIONS:
        yield unknown("operating system", system, {*machine.systems} & {*DISTRIBUTIONS}, "--system")
    if choice.architecture not in machine.architectures:
        yield unknown("architecture", choice.architecture, machine.architectures, "--architecture")
    for role in machine.roles:
        if role not in ROLES:
            yield unknown("role", role, ROLES, machine.name)


@cache
def _role(name: str) -> Mapping[str, str]:
    paths = sorted(path for path in (FOLDER / name).rglob("*") if path.suffix in (".yml", ".j2"))
    return {f"roles/{path.relative_to(FOLDER)}": path.read_text(encoding="utf-8") for path in paths}


def _texts(roles: Iterable[str]) -> dict[str, str]:
    """Files of these roles, and of those that they include."""
    texts: dict[str, str] = {}
    left, seen = [*roles], set[str]()
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            texts |= _role(name)
            left += [
                found for text in _role(name).values() for found in re.findall(r"include_role:\s+name: (\w+)", text)
            ]
    return dict(sorted(texts.items()))


def _image(machine: Machine, system: str, choice: Choice) -> dict[str, Any]:
    known = DISTRIBUTIONS[system]
    # ParallelCluster and EKS tested what they ship with the kernel that is there.
    kernel = known.kernel if machine.service == "ec2" else ""
    return {
        "name": machine.name,
        "title": machine.title,
        "stack": machine.stack,
        "service": machine.service,
        "accelerator": machine.accelerator,
        "system": system,
        "architecture": choice.architecture,
        "seatrial": __version__,
        "kernel": kernel,
        "headers": known.headers(kernel),
    }


def _repositories(vendors: set[str], known: Distribution, choice: Choice) -> dict[str, Any]:
    """Vendor -> its repository for this system. A vendor that has none for it is missing."""
    architecture = "sbsa" if choice.architecture == "arm64" else choice.architecture  # as NVIDIA spells it
    words = {"system": known.cuda, "architecture": architecture, "codename": known.codename}
    found = {}
    for vendor in sorted(vendors):
        if one := REPOSITORIES[vendor].get(known.kind):
            texts = {"url": one.url, "suite": one.suite, "components": one.components, "key": one.key}
            found[vendor] = {name: text.format(**words) for name, text in texts.items() if text}
            found[vendor]["fingerprint"] = one.fingerprint
    return found


def _pins(machine: Machine, choice: Choice, wanted: set[str]) -> dict[str, dict[str, str]]:
    """Component -> its pin, of those that are wanted. Raises UserError."""
    stack = STACKS[machine.stack]
    known = {
        **{name: Pin(version=version, source="", seen="") for name, version in stack.pins.items()},
        **_table(choice),
    }
    problems = [*_settings(known, choice)]
    own = {name: text for name, text in choice.settings.items() if name in stack.pins}
    try:
        versions = chosen(stack, own)
    except UserError as error:
        raise UserError([*problems, *error.problems]) from None
    for finding in misfits(versions):
        if finding.verdict is Verdict.FAIL:
            problems.append(Problem(f"{finding.observed}; expected: {finding.expected}", "--set", finding.remedy))
    pins = {}
    for name in sorted(wanted):
        if name not in known:
            problems.append(Problem(f"the stack {machine.stack} has no {name}", machine.name, "leave out its role"))
            continue
        version = {**stack.pins, **choice.settings}.get(name, known[name].version)
        told = {**_fields(name, known[name], version), **_own_fields(name, choice)}
        problems += [_lacking(name, version, field) for field, value in told.items() if value is None]
        pins[name] = {field: value for field, value in told.items() if value is not None}
    if problems:
        raise UserError(problems)
    return pins


def _table(choice: Choice) -> dict[str, Pin]:
    """NODE_PINS for this architecture."""
    return {name: one if isinstance(one, Pin) else one[choice.architecture] for name, one in NODE_PINS.items()}


def _settings(known: Mapping[str, Pin], choice: Choice) -> Iterator[Problem]:
    """What is wrong with `--set`, each for itself."""
    for setting, text in choice.settings.items():
        name, _, field = setting.partition(".")
        if name not in known:
            yield unknown("component of a machine image", name, known, "--set")
            continue
        fields = _fields(name, known[name], known[name].version)
        if field and field not in fields:
            yield unknown(f"part of {name}", field, fields, "--set")
            continue
        pattern, words = PATTERNS[field or "version"]
        if not re.fullmatch(pattern, text, re.ASCII):
            yield Problem(f"{text!r} is not {words}", f"--set {setting}", f"give {words}")


def _fields(name: str, pin: Pin, version: str) -> dict[str, str | None]:
    """What the roles read of a pin, for a version that may be another than the pinned; None: unknown."""
    same = version == pin.version
    if isinstance(pin, Download):
        sha256 = pin.sha256 if same else None
        if name == "efa_installer" and version in EFA_INSTALLERS:
            sha256 = EFA_INSTALLERS[version].sha256
        return {"version": version, "url": replace(pin, version=version).address, "sha256": sha256}
    if isinstance(pin, Checkout):
        return {"version": version, "repository": pin.repository, "commit": pin.commit if same else None}
    return {"version": version}


def _own_fields(name: str, choice: Choice) -> dict[str, str]:
    """``NAME.FIELD=TEXT`` of the user's."""
    return {key.partition(".")[2]: text for key, text in choice.settings.items() if key.startswith(f"{name}.")}


def _lacking(name: str, version: str, field: str) -> Problem:
    what = f"the {field} of {name} {version} is unknown"
    return Problem(what, "--set", f"find it where {name} is published, and add --set {name}.{field}=...")


def _yaml(value: Any) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Sequences are indented, as ansible-lint wants them."""

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, False)

    return "---\n" + yaml.dump(value, Dumper=Dumper, sort_keys=False, width=1000)
