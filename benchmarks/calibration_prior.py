"""Make the prior of calibrations from measured profiles: calibrations of each variant, and of sets of two and three.

    python benchmarks/calibration_prior.py PROFILE... --out src/compsel/selection/cascade/calibration_prior.json

The profiles should be of different models and inputs: what they have in common is what a new model is expected to have.
"""

import argparse
import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from compsel.features.fusion import fuse
from compsel.profiling.profile import Profile
from compsel.selection.cascade.calibration import calibrate
from compsel.selection.cascade.calibration_prior import CalibrationPrior
from compsel.selection.cascade.pooling import pool_weights

SETS = 60  # of each number of stages and profile, drawn at random
STAGES = 3


def calibrations(profile: Profile, n_stages: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Return the coefficients and the intercept of calibrations without a prior, for random sets of variants."""
    sets = list(combinations(range(len(profile.variants)), n_stages))
    drawn = generator.permutation(len(sets))[:SETS]
    found = []
    for number in drawn:
        stages = [profile.evidence[member] for member in sets[number]]
        fused = fuse(stages, pool_weights(stages, profile.labels))
        coefficients, intercept = calibrate(fused.features, fused.classes == profile.labels)
        found.append(np.array([*coefficients, intercept]))
    return found


def prior_of(profiles: Sequence[Profile]) -> dict[str, object]:
    """Return the JSON form of the priors."""
    generator = np.random.default_rng(0)
    stages = {}
    for n_stages in range(1, STAGES + 1):
        rows = [row for profile in profiles for row in calibrations(profile, n_stages, generator)]
        stages[str(n_stages)] = CalibrationPrior.from_models(rows).to_dict()
        print(n_stages, len(rows), np.mean(rows, axis=0).round(2), np.std(rows, axis=0).round(2))
    return {"profiles": [profile.origin for profile in profiles], "stages": stages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profiles", nargs="+", type=Path, metavar="PROFILE")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    content = prior_of([Profile.load(folder) for folder in arguments.profiles])
    arguments.out.write_text(json.dumps(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
