"""How close the choice comes to an oracle that knows the future: cross-validated, from measured tables.

python examples/compare_to_oracle.py [PROFILE] [--max-loss 0.01] [--all]
"""

import argparse
from pathlib import Path

from compsel.building.train import train_profile
from compsel.cli.options import add_objective, objective
from compsel.cli.terminal import TERMINAL
from compsel.cli.train import show_comparison
from compsel.profiling.profile import Profile
from compsel.selection.training.trainers import all_trainers

DATA = Path(__file__).resolve().parents[1] / "training_data" / "efficientnet-lite"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", nargs="?", type=Path, default=DATA)
    parser.add_argument("--all", action="store_true", help="also the selectors that a build does not try")
    add_objective(parser)
    arguments = parser.parse_args()
    profile = Profile.load(arguments.profile)
    trainers = all_trainers() if arguments.all else None
    trained = train_profile(profile, objective(arguments), trainers, reporter=TERMINAL)
    show_comparison(trained)
    adaptive, oracle = (trained.comparison.scores[name] for name in (trained.comparison.winner, "oracle"))
    accurate = trained.comparison.scores["most accurate"]
    print(
        f"on the oracle's terms: {adaptive.quality / oracle.quality:.1%} of its accuracy at "
        f"{adaptive.latency_ms / oracle.latency_ms:.2f} times its latency; the most accurate network takes "
        f"{accurate.latency_ms / oracle.latency_ms:.2f} times"
    )


if __name__ == "__main__":
    main()
