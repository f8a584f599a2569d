"""`python -m supply.image FOLDER`: of an image as `supply/image.sh` leaves it, how large it is and of what. And its
command, run as the manifests run it.

`docker export` and `docker inspect --format '{{json .Config}}'` make the same folder of an image that Docker built.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MOST_MB = 450
"""Of 10^6 bytes, unpacked."""
CONFINED = Path(__file__).with_name("confined.sh")
_PACKAGE = re.compile(r"opt/ahpa/lib/[^/]+/site-packages/([^/]+?)(?:-[^/]*\.dist-info|\.libs)?/")
_OURS = "opt/ahpa/app/"


@dataclass(frozen=True)
class Image:
    """A folder with `root/` and `config.json`."""

    root: Path
    """What a container sees."""
    user: str
    env: tuple[str, ...]
    entrypoint: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Image:
        """Raises OSError where there is none, ValueError where nobody may rely on its user."""
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if re.fullmatch(r"[1-9]\d*:[1-9]\d*", said.get("User", "")) is None:
            raise ValueError(f"{folder}: USER must be two numbers that are not 0, not {said.get('User')!r}")
        return cls(folder / "root", said["User"], tuple(said["Env"]), tuple(said["Entrypoint"]))

    def run(self, *words: str, entrypoint: Sequence[str] | None = None) -> subprocess.CompletedProcess[str]:
        """Its command with these words, in a read-only root with 64 MiB of /tmp and no HOME (`confined.sh`). Only root
        may."""
        begin = self.entrypoint if entrypoint is None else entrypoint
        command = ["sh", str(CONFINED), str(self.root), self.user, *self.env, *begin, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=600)

    def parts(self) -> Counter[str]:
        """Bytes by part: each Python package, our own code, and the rest by folders. What has two names counts once."""
        found: Counter[str] = Counter()
        seen: set[int] = set()
        for file in self.root.rglob("*"):
            told = file.lstat()
            if not file.is_symlink() and file.is_file() and told.st_ino not in seen:
                seen.add(told.st_ino)
                found[_part(file.relative_to(self.root).as_posix())] += told.st_size
        return found


def table(parts: Counter[str], most: int = 15) -> str:
    """The largest, the others together, and the sum; in MB."""
    rows = parts.most_common(most)
    rest = parts.total() - sum(size for _, size in rows)
    lines = [*rows, (f"{max(0, len(parts) - most)} others", rest), ("all", parts.total())]
    return "\n".join(f"{size / 1e6:6.1f} MB  {name}" for name, size in lines)


def _part(path: str) -> str:
    if path.startswith(_OURS):
        return "ahpa itself"
    if found := _PACKAGE.match(path):
        return f"package {found.group(1)}"
    return "base /" + "/".join(path.split("/")[:-1][:2])


def main() -> None:
    (folder,) = sys.argv[1:]
    parts = Image.read(Path(folder)).parts()
    print(table(parts))
    if parts.total() > MOST_MB * 1e6:
        sys.exit(f"{folder}: more than {MOST_MB} MB")


if __name__ == "__main__":
    main()
