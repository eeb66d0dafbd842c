"""What the test for unlike inputs does: false alarms, what it detects, what falling back costs; from two profiles.

The test and the policy learn from photographs (PROFILE), without a fold. They then meet the photographs of that fold,
the same photographs as cameras gave them (CAMERA, made by camera_inputs.py), and images of pure noise and of one
colour.

    python benchmarks/credibility.py PROFILE CAMERA --level 0.01 --json credibility.json
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from compsel.building.training_tables import selection_dataset
from compsel.cli.tables import plain_table
from compsel.features.image import ImageFeatures
from compsel.profiling.profile import Profile
from compsel.selection.cascade.out_of_distribution import OutOfDistributionDetector
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.trainers import CascadeTrainer

STRANGE: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "pure noise": lambda generator: generator.integers(0, 256, (240, 320, 3)).astype(np.uint8),
    "one colour": lambda generator: np.tile(generator.integers(0, 256, 3).astype(np.uint8), (240, 320, 1)),
}
N_STRANGE = 100


def kinds_of(profile: Profile) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return photograph, corruption and severity of every sample, from "<photograph>-<corruption>-<severity>.png"."""
    stems = [Path(group).stem for group in profile.groups]
    rests = [Path(name).stem[len(stem) + 1 :] for name, stem in zip(profile.samples, stems, strict=True)]
    kinds, severities = zip(*(rest.rsplit("-", 1) for rest in rests), strict=True)
    return np.array(stems), np.array(kinds), np.array(severities, int)


def outcome_pair(training: SelectionDataset, tests: list[SelectionDataset], level: float) -> list[list[np.ndarray]]:
    """Return [quality, latency] without and with the ood_fallback, for every set of test samples."""
    found = []
    for credibility in (0.0, level):
        trainer = CascadeTrainer(size=3, features=False, reject_option=RejectOption(credibility))
        fitted = trainer.fit(training, Objective())
        found.append([np.stack([o.quality, o.latency_ms]) for o in (fitted.policy.outcome(test) for test in tests)])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", type=Path, help="of photographs")
    parser.add_argument("camera", type=Path, help="of the same photographs as cameras give them")
    parser.add_argument("--level", type=float, default=0.01, help="share of false alarms (default 0.01)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    clean, camera = Profile.load(arguments.profile), Profile.load(arguments.camera)
    names = [name for name in clean.names if name in camera.names]
    clean, camera = clean.among(names), camera.among(names)
    photographs, kinds, severities = kinds_of(camera)
    (dataset, _), (seen, _) = selection_dataset(clean), selection_dataset(camera)
    generator, extractor = np.random.default_rng(0), ImageFeatures()
    strange = {
        name: np.stack([extractor.extract(make(generator)) for _ in range(N_STRANGE)]) for name, make in STRANGE.items()
    }
    fold_of = assign_folds(len(clean.samples), arguments.folds, dataset.groups)
    alarms, detected = np.zeros(len(clean.samples)), np.zeros(len(camera.samples))
    strange_alarms: dict[str, list[float]] = {name: [] for name in strange}
    outcomes: dict[str, list[np.ndarray]] = {}
    for fold in range(arguments.folds):
        rows = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        held_out = np.isin(photographs, [Path(clean.samples[row]).stem for row in rows[1]])
        training, test, versions = dataset.take(rows[0]), dataset.take(rows[1]), seen.take(np.flatnonzero(held_out))
        features = training.features["image"]
        test_of = OutOfDistributionDetector.fit("image", features, arguments.level, assign_folds(len(features), 10))
        alarms[rows[1]] = test_of.doubts(test.features["image"])
        detected[held_out] = test_of.doubts(versions.features["image"])
        for name, images in strange.items():
            strange_alarms[name].append(float(test_of.doubts(images).mean()))
        pairs = outcome_pair(training, [test, versions], arguments.level)
        for ood_fallback, found in zip(("without", "with"), pairs, strict=True):
            for inputs, values in zip(("photographs", "camera"), found, strict=True):
                outcomes.setdefault(f"{inputs}, {ood_fallback} the test", []).append(values)
        print(f"fold {fold + 1} of {arguments.folds}", flush=True)
    by_kind = {
        kind: {
            int(severity): float(detected[(kinds == kind) & (severities == severity)].mean())
            for severity in np.unique(severities[kinds == kind])
        }
        for kind in np.unique(kinds).tolist()
    }
    means = {name: np.concatenate(parts, axis=1).mean(axis=1).tolist() for name, parts in outcomes.items()}
    print(f"false alarms among photographs, at a level of {arguments.level:g}: {alarms.mean():.2%}")
    for name, shares in strange_alarms.items():
        print(f"detected, {name}: {np.mean(shares):.0%}")
    by_severity = {kind: "  ".join(f"{share:.0%}" for share in shares.values()) for kind, shares in by_kind.items()}
    print(plain_table(list(by_severity.items()), ("corruption", "detected, by severity")))
    print(
        plain_table([(k, f"{q:.2%}", f"{ms:.2f}") for k, (q, ms) in means.items()], ("inputs", "accuracy", "mean ms"))
    )
    if arguments.json:
        content = {
            "level": arguments.level,
            "false_alarms": float(alarms.mean()),
            "detected": {name: float(np.mean(shares)) for name, shares in strange_alarms.items()},
            "detected_by_severity": by_kind,
            "accuracy_and_ms": means,
        }
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
