"""How close the choice comes to an oracle that knows the future: cross-validated, from measured tables alone.

    python examples/compare_to_oracle.py [PROFILE] [--max-loss 0.01]

PROFILE: of `compsel profile`, or the `.work` folder of a build; default: the tables of three EfficientNet-Lites that
come with this project. No model runs. Prints every way to choose with its accuracy and mean latency, slowest
first, which one would ship and why, and how near it comes to the oracle.
"""

import argparse
from pathlib import Path

import compsel

DATA = Path(__file__).resolve().parents[1] / "training_data" / "efficientnet-lite"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile", nargs="?", type=Path, default=DATA)
    parser.add_argument("--max-loss", type=float, default=0.01, help="how much less accurate it may be, as a fraction")
    arguments = parser.parse_args()
    comparison = compsel.train(arguments.profile, max_loss=arguments.max_loss).comparison
    oracle, accurate = comparison.scores["oracle"], comparison.scores["most accurate"]
    for name, score in sorted(comparison.scores.items(), key=lambda one: -one[1].latency_ms):
        shipped = "  <- ships" if name == comparison.winner else ""
        print(f"{name:<24} {score.quality:6.1%} at {score.latency_ms:6.2f} ms{shipped}")
    print(f"because {comparison.reason}")
    ours = comparison.scores[comparison.winner]
    print(
        f"{comparison.winner}: {ours.quality / oracle.quality:.1%} of the oracle's accuracy at "
        f"{ours.latency_ms / oracle.latency_ms:.2f} times its latency; the most accurate network takes "
        f"{accurate.latency_ms / oracle.latency_ms:.2f} times"
    )


if __name__ == "__main__":
    main()
