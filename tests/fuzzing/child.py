"""Fuzz one target in this process, which libFuzzer ends: `python -m tests.fuzzing.child NAME SEEDS [its options]`."""

import sys
from pathlib import Path


def main() -> None:
    """Run the seeds, so that what is loaded once is, then whatever libFuzzer makes of them."""
    import atheris  # not where the tests are collected: it is optional

    with atheris.instrument_imports(include=["compsel"]):
        from tests.fuzzing.target import attempt
        from tests.fuzzing.targets import TARGETS

    name, folder, *options = sys.argv[1:]
    target = TARGETS[name]
    for number, seed in enumerate(target.seeds().values()):
        (Path(folder) / f"{number:03}").write_bytes(seed)
        attempt(target, seed)

    def one_input(data: bytes) -> None:
        attempt(target, data)

    atheris.Setup([sys.argv[0], *options, folder], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
