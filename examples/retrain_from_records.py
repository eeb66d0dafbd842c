"""Retrain offline from what devices recorded: latencies seen in use replace those that were measured at build.

    python examples/retrain_from_records.py BUNDLE PROFILE

BUNDLE and PROFILE: of one build, such as `python examples/small_world.py FOLDER` makes (FOLDER/bundle and
FOLDER/bundle.work). The app answers while it records (`compsel.load(..., record=...)`: no inputs, no outputs, only what
ran and how long it took, and whether it was right), beside a process that takes turns at being busy. The records are
one pandas table; the selectors are trained again with them as costs, and written as a new bundle. Prints the records by
choice and state, and both bundles' expectations.
"""

import multiprocessing
import sys
import tempfile
from pathlib import Path

import numpy as np

import compsel
from small_world import crops

OBJECTIVE = {"no_floor": True, "penalty": 100.0}


def busy() -> None:
    while True:
        np.linalg.norm(np.ones((200, 200)) @ np.ones((200, 200)))


def use(bundle: str, policy: str, records: Path) -> None:
    """The app, as a device runs it; each start is a session of its own. What was right, the user says."""
    with compsel.load(bundle, policy=policy, record=records) as runtime:
        for sample in crops(60, seed=3):
            answer = runtime(sample.value)
            runtime.feedback(answer, label=sample.label)


def main(bundle: str, profile: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder) / "records"
        for load in (0, 2):
            others = [multiprocessing.Process(target=busy, daemon=True) for _ in range(load)]
            for process in others:
                process.start()
            for policy in {"adaptive", "most_accurate", "fastest"} & compsel.Bundle.load(bundle).policies.keys():
                use(bundle, policy, records)
            for process in others:
                process.kill()
        frame = compsel.records(records)
        right = frame.drop_duplicates("id")["right"].mean()
        print(f"{len(frame)} stages in {frame['run'].nunique()} sessions; {right:.1%} of the answers were right")
        print(frame.groupby(["variant", "processor", "state"])["latency_ms"].describe()[["count", "50%"]].to_string())
        before = compsel.train(profile, **OBJECTIVE)
        after = compsel.train(profile, **OBJECTIVE, costs=frame, out=Path(folder) / "retrained")
        print(f"as built:  {before}\nretrained: {after}")
        with compsel.load(Path(folder) / "retrained") as runtime:
            print(runtime(crops(1, seed=4).value(0)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
