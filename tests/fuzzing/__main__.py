"""Fuzz the readers, guided by what of their code an input reaches.

    python -m tests.fuzzing [TARGET ...] [--seconds 60]

Needs atheris (`pip install -e '.[fuzz]'`). The seconds are split over the targets, one after the other. What is found
and the inputs that reach new code lie below `--folder`, and the next run goes on from them. An input that was found:
`python -m tests.fuzzing TARGET --again FILE`.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzzing.target import Target, attempt
from tests.fuzzing.targets import TARGETS

_ROOT = Path(__file__).resolve().parents[2]
# of wall time, under load: the target's own bound is of processor time, and is looked at after each input
_HANG_SECONDS = 30
_RSS_LIMIT_MB = 2048
_LAST_LINES = 25


def main() -> int:
    """Fuzz, print a line a target, and return 1 where one broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0, help="in all; default: 60")
    parser.add_argument("--folder", type=Path, default=_ROOT / ".fuzz", help="default: .fuzz")
    parser.add_argument("--again", type=Path, metavar="FILE", help="give this input to the target, once")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    if given.again is not None:
        print(attempt(TARGETS[given.targets[0]], given.again.read_bytes()))
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("fuzzing is skipped: atheris is not installed (pip install -e '.[fuzz]')")
        return 0
    share = given.seconds / len(given.targets)
    return max([_fuzz(TARGETS[name], share, given.folder / name) for name in given.targets])


def _fuzz(target: Target, seconds: float, folder: Path) -> int:
    """Fuzz one target in a process of its own; print what came of it, and return 1 where it broke."""
    corpus, found, seeds = (folder / name for name in ("corpus", "found", "seeds"))
    for place in (corpus, found, seeds):
        place.mkdir(parents=True, exist_ok=True)
    # the seeds are made by the child: a process begins with the peak of memory of the one that starts it
    words = folder / "words"
    # libFuzzer refuses an empty file
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words or (b"\0",))
    words.write_text("".join(f'"{word}"\n' for word in escaped))
    command = [
        sys.executable, "-m", "tests.fuzzing.child", target.name, str(seeds),
        f"-max_total_time={max(1, round(seconds))}", f"-timeout={_HANG_SECONDS}", f"-rss_limit_mb={_RSS_LIMIT_MB}",
        f"-max_len={target.most_bytes}", f"-artifact_prefix={found}/", f"-dict={words}", "-print_final_stats=1",
        str(corpus),
    ]  # fmt: skip
    begin = time.monotonic()
    ended = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, errors="replace", check=False)
    runs = re.search(r"number_of_executed_units: *(\d+)", ended.stderr)
    executions = runs[1] if runs else "?"
    verdict = "ok" if ended.returncode == 0 else "BROKEN"
    print(f"{target.name:24} {executions:>9} executions  {time.monotonic() - begin:6.0f} s  {verdict}", flush=True)
    if ended.returncode != 0:
        lines = [line for line in (ended.stdout + ended.stderr).splitlines() if not re.match(r"#\d+\s", line)]
        print("\n".join(f"    {line[:300]}" for line in lines[-_LAST_LINES:]), flush=True)
    return int(ended.returncode != 0)


if __name__ == "__main__":
    raise SystemExit(main())
