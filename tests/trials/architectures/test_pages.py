"""Every command of docs/architectures.md and of each architecture's README does what it says, in moto's account."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from seatrial import architectures
from tests.docs.session import DOCS, Shell
from tests.trials.architectures import aws_cli
from tests.trials.architectures.account import REGION, Account

PAGE = DOCS / "architectures.md"
READMES = sorted(Path(architectures.__file__).parent.glob("*/README.md"))
TOML = re.compile(r"^```toml\n(.*?)^```$", re.M | re.S)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
ASKED_FOR = re.compile(r"seatrial arch (deploy|delete) ")
"""Nobody is here to be asked."""
ON_THE_INSTANCE = "sudo ldap"
"""test_directory does these, with a real directory."""
FILE_SYSTEM, MOUNT_NAME = "fs-0123456789abcdef0", "abcdefgh"
"""Stand in a page for those of one that is there."""
UNKNOWN = 3
"""moto cannot tell everything: of drift, of an image, of a reservation."""


def commands(page: Path) -> list[str]:
    """Those of a page, in its order, each with what it reads from the lines below it."""
    found: list[str] = []
    for kind, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind not in ("", "sh"):
            continue
        lines = iter(block.splitlines())
        for line in lines:
            command = line
            if end := re.search(r"<<\s*(\w+)$", line):
                for below in lines:
                    command += f"\n{below}"
                    if below == end[1]:
                        break
            found.append(command)
    return found


def there(command: str, shell: Shell, aws: Account) -> str:
    """The command with a file system that is really there, in the network that it needs."""
    if FILE_SYSTEM not in command:
        return command
    do("seatrial arch deploy vpc", shell, aws)
    (stack,) = aws.client("cloudformation").describe_stacks(StackName="seatrial-vpc")["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    asked = {"FileSystemType": "LUSTRE", "StorageCapacity": 1200, "SubnetIds": outputs["PrivateSubnets"].split(",")[:1]}
    lustre = {"DeploymentType": "PERSISTENT_2"}
    made = aws.client("fsx").create_file_system(**asked, LustreConfiguration=lustre)["FileSystem"]
    named = {FILE_SYSTEM: made["FileSystemId"], MOUNT_NAME: made["LustreConfiguration"]["MountName"]}
    return re.sub("|".join(named), lambda found: named[found[0]], command)


def do(command: str, shell: Shell, aws: Account) -> None:
    """Runs a command of Seatrial's, looks at one of AWS's; fails for any other that is not tried elsewhere."""
    if command.startswith(ON_THE_INSTANCE):
        return
    if command.startswith("aws "):
        aws_cli.parse(shlex.split(command)[1:])
        return
    assert command.startswith("seatrial "), f"nobody knows how to try: {command}"
    program = there(command.partition("  #")[0], shell, aws)
    printed, code = shell.type(f"{program} --yes" if ASKED_FOR.match(program) else program)
    assert code in (0, UNKNOWN), f"$ {program}\nexit code {code}\n{printed}"


def test_the_page(aws: Account, tmp_path: Path) -> None:
    with Shell(tmp_path / "project", aws.variables(tmp_path) | {"AWS_REGION": REGION}) as shell:
        (table,) = TOML.findall(PAGE.read_text(encoding="utf-8"))
        (shell.folder / "seatrial.toml").write_text(table, encoding="utf-8")
        found = commands(PAGE)
        assert len(found) > 10
        for command in found:
            do(command, shell, aws)


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_a_readme(readme: Path, aws: Account, tmp_path: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    with Shell(tmp_path / "project", aws.variables(tmp_path) | {"AWS_REGION": REGION}) as shell:
        found = commands(readme)
        assert any(command.startswith("seatrial arch deploy ") for command in found)
        for command in found:
            if command.startswith("seatrial arch deploy "):  # each is another way to begin
                aws.reset()
            do(command, shell, aws)
        for table in TOML.findall(text):
            (shell.folder / "seatrial.toml").write_text(table, encoding="utf-8")
            do(f"seatrial arch render {readme.parent.name.replace('_', '-')} --all", shell, aws)
