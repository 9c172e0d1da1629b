"""Write the pins anew: `python scripts/pin.py`, with `uv` installed.

constraints.txt holds every package of every extra, one version for each Python and system, with its hashes.
constraints-cuda.txt holds what the default torch for Linux needs beside it; the torch of constraints-cpu.txt,
which is edited by hand, does without.
"""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
CUDA = re.compile(r"(nvidia|cuda)-|triton==")
TITLE = "# {} Written by scripts/pin.py.\n"


def resolved(torch: str) -> list[str]:
    """Resolve all extras anew around one version of torch; one text a package."""
    command = "uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --constraints -"
    options = "--generate-hashes --only-binary :all: --no-header --no-annotate --no-emit-index-url --quiet"
    answer = subprocess.run(  # noqa: S603  every word is written here, but for a version number of ours
        [*command.split(), *options.split()], cwd=ROOT, input=torch, capture_output=True, text=True, check=True
    )
    return re.split(r"\n(?=\S)", answer.stdout.strip())


def main() -> None:
    """Write both files."""
    cpu = (ROOT / "constraints-cpu.txt").read_text()
    torch = re.findall(r"^torch==[\d.]+", cpu, re.MULTILINE)[0]
    # The same release without CUDA is as good: its hashes stand beside those of the files that uv knows.
    pins = [pin + cpu.partition("+cpu")[2].rstrip() if pin.startswith(torch) else pin for pin in resolved(torch)]
    cuda = [pin for pin in pins if CUDA.match(pin)]
    everywhere = [pin for pin in pins if not CUDA.match(pin)]
    title = TITLE.format("Every package of every extra, by version and hash.")
    (ROOT / "constraints.txt").write_text(title + "\n".join(everywhere) + "\n")
    title = TITLE.format("What the default torch for Linux needs beside it.")
    (ROOT / "constraints-cuda.txt").write_text(title + "\n".join(cuda) + "\n")
    print(f"{len(everywhere)} packages, and {len(cuda)} for CUDA")


if __name__ == "__main__":
    main()
