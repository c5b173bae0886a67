"""Root file systems that roles are applied to: Debian, made once and kept, and a layer over it for each test."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[4]
CACHE = REPOSITORY / ".make/images"
PACKAGES = (
    *("ca-certificates", "gcc", "git", "gnupg", "kmod", "libc6-dev", "make", "openssh-server", "procps", "python3"),
    *("python3-apt", "systemd"),
)
"""What roles or their stand-ins run. All else that they install is a stand-in of that name."""
SET_UP = """\
set -eu
apt-cache pkgnames | sort >/srv/distribution
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/ssh/ssh_host_*
echo 'deb [trusted=yes] file:/srv/vendor/distribution ./' >/etc/apt/sources.list
rm -rf /var/lib/apt/lists/* /var/cache/apt/*
git config --system protocol.file.allow always
mkdir -p /srv/vendor
"""
ENTER = """\
set -eu
mount -t overlay -o lowerdir="$1",upperdir="$2/upper",workdir="$2/work" overlay "$2/merged"
mount -t proc proc "$2/merged/proc"
mount --rbind /dev "$2/merged/dev"
mount --bind "$3" "$2/merged/srv/vendor"
shift 3
exec "$@"
"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def debian() -> Path:
    """The folder with it, which nobody may write in."""
    made = CACHE / f"roles-{hashlib.sha256(repr((PACKAGES, SET_UP)).encode()).hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "roles.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one test process makes it, others wait
        if not made.exists():
            _make(made)
    return made


def _make(made: Path) -> None:
    for old in CACHE.glob("roles-*"):
        shutil.rmtree(old)
    part = CACHE / "roles-part"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += ["--skip=cleanup/apt/lists", "bookworm", str(part)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    subprocess.run(["chroot", part, "sh", "-c", SET_UP], check=True, capture_output=True, text=True, env={"PATH": PATH})
    part.rename(made)


@dataclass(frozen=True)
class Root:
    """A root file system of a test's own. Whatever is run sees it mounted, and nobody else does."""

    folder: Path
    vendor: Path
    """What vendors publish: /srv/vendor there."""

    def __post_init__(self) -> None:
        for part in ("upper", "work", "merged"):
            (self.folder / part).mkdir(parents=True)

    @property
    def path(self) -> Path:
        """Where it is mounted for what `around` runs."""
        return self.folder / "merged"

    def around(self, *argv: str) -> list[str]:
        """A command line of this machine with the root file system mounted."""
        there = (str(debian()), str(self.folder), str(self.vendor))
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "sh", *there, *argv]

    def run(self, *argv: str, check: bool = True) -> str:
        """What a command there prints."""
        command = self.around("chroot", str(self.path), "env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", *argv)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def text(self, path: str) -> str:
        """A file's text."""
        found = self._find(path)
        assert found, f"{path} is not there"
        return found.read_text()

    def has(self, path: str) -> bool:
        return self._find(path) is not None

    def _find(self, path: str) -> Path | None:
        upper = self.folder / "upper" / path.lstrip("/")
        if upper.exists() or upper.is_symlink():
            # A device with the numbers 0, 0 says that the file was deleted.
            return None if upper.is_char_device() and not upper.is_symlink() else upper
        lower = debian() / path.lstrip("/")
        return lower if lower.exists() else None

    def changed(self) -> list[str]:
        """Files that are otherwise than in Debian's."""
        upper = self.folder / "upper"
        return sorted(str(path.relative_to(upper)) for path in upper.rglob("*") if path.is_file())
