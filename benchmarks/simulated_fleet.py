"""A simulated fleet through ingest, merge, retrain, compare, release and rollback: what is found, against the truth.

python benchmarks/simulated_fleet.py FOLDER [--devices 1000] [--answers 400000] [--seed 0] [--json FILE]
python benchmarks/simulated_fleet.py FOLDER --devices 100 --answers 40000 --seeds 20 [--json FILE]

Everything here is simulated but the code that it runs, and the tables that it draws from: confidences and right
answers of 600 photographs and times of a machine (`training_data/`), the selector that was trained on them
(`pretrained/`). `fleet_parts/devices.py` states how kinds, devices and drifts are drawn; `fleet_parts/world.py` walks
the real policy, planned by the real planner, over what was measured. Devices upload what a runtime would write; 1 % of
the uploads are spoilt. Three periods of two weeks:

0. Devices run the first bundle. A bad candidate must be refused; a retrained one is released where it is better.
1. A third of the kinds have drifted: an update makes threads slow, and half of them get harder inputs too. Retrained
   again, on this period alone.
2. The drifts end: the update is mended. What was released last is compared with the one before, on this period alone,
   and rolled back where that one beats it.

The truth, for the kinds that are judged, is what each bundle costs and answers on every device, by the simulation's own
tables, without chance.
"""

import argparse
import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compsel.bundle.bundle import Bundle
from compsel.cli.main import main as compsel
from compsel.device.fingerprint import device_fingerprint
from compsel.device.kind import DeviceKind
from compsel.profiling.profile import Profile
from compsel.storage.strict_json import read_json
from fleet_parts.bundles import wasteful, write_first
from fleet_parts.devices import Device, draw_devices
from fleet_parts.truth import Truth
from fleet_parts.uploads import period_begins, spoil, write_period
from fleet_parts.world import World

ROOT = Path(__file__).parents[1]
DRIFTED = (False, True, False)


@dataclass
class Run:
    """One simulated fleet on its way.

    Attributes:
        folder: of it.
        truth: what is really so.
        devices: of it.
        seed: of everything.
        current: folder of the bundle that devices run.
        said: what every step found.
    """

    folder: Path
    truth: Truth
    devices: list[Device]
    seed: int
    current: Path
    said: list[dict[str, Any]] = field(default_factory=list)

    def period(self, number: int) -> None:
        """Let devices record, spoil some of what they upload, take it in and merge it."""
        bundle, begin = Bundle.load(self.current), time.perf_counter()
        uploads = self.folder / f"uploads-{number}"
        answers = 0
        for device in self.devices:
            outcomes = self.truth.outcomes(bundle, device)
            place = uploads / device.installation
            place.mkdir(parents=True)
            answers += write_period(self.truth.world, outcomes, bundle, device, number, place, DRIFTED[number])
        spoilt = spoil(uploads, 0.01, self.seed * 10 + number)
        size = sum(path.stat().st_size for path in uploads.rglob("*.parquet") if path.is_file())
        wrote_s = time.perf_counter() - begin
        taken = self.command("ingest", str(uploads), "--sender-limit-mb", "10000")
        bad = {name: kind for name, kind in spoilt.items() if kind != "twice"}
        refused = {name for name, _ in taken["content"]["reasons"].items()}
        found = {
            "period": number,
            "drifted": DRIFTED[number],
            "answers": answers,
            "bytes": size,
            "write_s": round(wrote_s, 2),
            "injected": _counts(spoilt),
            "put_aside": taken["content"]["put_aside"],
            "bad_not_found": {name: kind for name, kind in sorted(bad.items()) if name not in refused},
            "good_refused": {name: taken["content"]["reasons"][name] for name in sorted(refused - bad.keys())},
            "rows": taken["content"]["rows"],
            "ingest_s": taken["seconds"],
        }
        found["merge_s"] = self.command("merge")["seconds"]
        shutil.rmtree(uploads)
        self.note(found)

    def candidate(self, number: int) -> Path:
        """Retrain on what the current bundle recorded; return the new one."""
        out = self.folder / f"candidate-{number}"
        taken = self.command("retrain", str(self.current), "--out", str(out), "--since", period_begins(number))
        content = taken["content"]
        drifts: dict[str, int] = {}
        for drift in content["drifts"]:
            drifts[drift["what"]] = drifts.get(drift["what"], 0) + 1
        self.note(
            {
                "retrained": out.name,
                "seconds": taken["seconds"],
                "kinds": len(content["kinds"]),
                "drifts": drifts,
                "drift_tests": content["drift_tests"],
            }
        )
        return out

    def compared(self, old: Path, new: Path, number: int) -> dict[str, Any]:
        """Compare on held-out records of a period, and with the truth in it."""
        taken = self.command("compare", str(old), str(new), "--since", period_begins(number))
        overall, unknown = taken["content"]["overall"], "choices that no such device ran"
        silent = {key for key, kind in taken["content"]["kinds"].items() if unknown in kind["why"]}
        judged = [device for device in self.devices if DeviceKind.of(device.fingerprint).key not in silent]
        true = self.truth.pair(old, new, judged or self.devices, DRIFTED[number])
        found = {
            "compared": f"{new.name} with {old.name}",
            "period": number,
            "beats": taken["content"]["beats"],
            "words": taken["content"]["words"],
            "kinds_unknown": len(silent),
            "truth": true,
            "seconds": taken["seconds"],
        }
        for name in ("speedup", "accuracy"):
            interval = overall[name]
            found[name] = interval
            if interval is not None:
                found[f"{name}_covered"] = bool(interval["low"] - 1e-9 <= true[name] <= interval["high"] + 1e-9)
        self.note(found)
        return found

    def release(self, bundle: Path, number: int) -> bool:
        """Ask for a release, by held-out records of a period; return whether it was made."""
        taken = self.command("release", str(bundle), "--since", period_begins(number), refused=True)
        self.note({"asked to release": bundle.name, "released": taken["status"] == 0})
        if taken["status"] == 0:
            self.current = bundle
        return bool(taken["status"] == 0)

    def command(self, word: str, *arguments: str, refused: bool = False) -> dict[str, Any]:
        """Run `compsel fleet WORD`; return what it wrote, its exit status and seconds."""
        path, begin = self.folder / "said.json", time.perf_counter()
        path.unlink(missing_ok=True)
        status = compsel(["fleet", word, *arguments, "--fleet", str(self.folder / "fleet"), "--json", str(path)])
        if status and not refused:
            raise SystemExit(f"compsel fleet {word} {' '.join(arguments)}: exit status {status}")
        content = read_json(path) if path.exists() else {}
        return {"content": content, "status": status, "seconds": round(time.perf_counter() - begin, 2)}

    def note(self, found: dict[str, Any]) -> None:
        """Print what a step found, and keep it."""
        print("simulated:", json.dumps(found), flush=True)
        self.said.append(found)


def _counts(spoilt: dict[str, str]) -> dict[str, int]:
    return {kind: list(spoilt.values()).count(kind) for kind in sorted(set(spoilt.values()))}


def simulate(folder: Path, profile: Profile, devices: int, kinds: int, answers: int, seed: int) -> Run:
    """Run a simulated fleet the whole way; see the head of this file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    first = write_first(profile, ROOT / "pretrained" / "efficientnet-lite.at-least-as-accurate.json", folder / "first")
    world = World(profile, Bundle.load(first))
    drawn = draw_devices(devices, kinds, answers, world.choices, world.table_ms[0], seed)
    run = Run(folder, Truth(world), drawn, seed, first)
    run.release(first, 0)
    run.period(0)
    better, bad = run.candidate(0), wasteful(first, folder / "wasteful")
    run.compared(first, bad, 0)
    run.release(bad, 0)
    run.compared(first, better, 0)
    kept = [first, *([better] if run.release(better, 0) else [])]
    run.period(1)
    again = run.candidate(1)
    run.compared(run.current, again, 1)
    kept += [again] if run.release(again, 1) else []
    run.period(2)
    if len(kept) > 1:
        if run.compared(kept[-1], kept[-2], 2)["beats"]:
            run.note({"rolled back": run.command("rollback")["status"] == 0, "to": kept[-2].name})
        else:
            run.note({"rolled back": False, "why": "the release before does not beat it"})
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where everything goes; what is there is removed")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--kinds", type=int, default=20)
    parser.add_argument("--answers", type=int, default=400_000, help="of all devices in a period, about")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="so many fleets, one after the other")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    profile = Profile.load(ROOT / "training_data" / "efficientnet-lite")
    runs: list[dict[str, Any]] = []
    begin = time.perf_counter()
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        folder = arguments.folder / str(seed)
        run = simulate(folder, profile, arguments.devices, arguments.kinds, arguments.answers, seed)
        drifts = [device.drift.kind for device in run.devices]
        counts = {kind: drifts.count(kind) for kind in sorted(set(drifts))}
        runs.append({"seed": seed, "drifts": counts, "steps": run.said})
        shutil.rmtree(folder)
    coverage = {}
    for name in ("speedup", "accuracy"):
        covered = [step[f"{name}_covered"] for run in runs for step in run["steps"] if f"{name}_covered" in step]
        coverage[name] = {"covered": int(np.sum(covered)), "intervals": len(covered)}
    print("simulated: intervals that cover the truth:", coverage, f"{time.perf_counter() - begin:.0f} s")
    if arguments.json:
        settings = {name: getattr(arguments, name) for name in ("devices", "kinds", "answers", "seed", "seeds")}
        content = {"simulated": True, **settings, "coverage": coverage, "runs": runs}
        content |= {"machine": device_fingerprint(), "load": os.getloadavg()}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
