"""Accuracy against latency: adaptive policies, every static choice, premodel and oracle, in one interleaved run.

Cross-validated: for each fold, policies are trained on the other folds of a measured profile and answer the samples of
the fold on the real runtime, all policies interleaved. Latencies are end to end: decoded image in, answer out.
Intervals are of 95 %, by the bootstrap over samples; versions of one photograph are drawn together.

    python benchmarks/curve.py --profile PROFILE --samples DIR --json curve.json --picture curve.png
"""

import argparse
import json
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import compsel
from compsel.building.training_tables import selection_dataset
from compsel.bundle.bundle import Bundle
from compsel.bundle.writing import BundleContent, write_bundle
from compsel.cli.tables import plain_table
from compsel.cli.terminal import TERMINAL
from compsel.device.cgroup import usable_cores
from compsel.device.fingerprint import device_fingerprint
from compsel.evaluation.evaluate import evaluate
from compsel.evaluation.results import PolicyResult
from compsel.evaluation.verdict import Verdict, judge
from compsel.inputs.samples import Samples
from compsel.profiling.profile import Profile
from compsel.runtime.runtime import Runtime
from compsel.selection.costs.model import CostModel
from compsel.selection.dataset import SelectionDataset
from compsel.selection.judging.hindsight import HindsightStatic, hindsight_static
from compsel.selection.judging.paired_comparison import compare
from compsel.selection.judging.single_choices import AgainstSingle
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy, Policy
from compsel.selection.training.comparison import train
from compsel.selection.training.trainers import CascadeTrainer, PremodelTrainer, SingleBestTrainer
from compsel.selection.training.trainers.base import penalty_of

# how much less accurate than the most accurate uncompressed network: what a bundle is built for
LOSSES = (0.0, 0.01)
# the policy that is compared with the best static choice in hindsight
ADAPTIVE = "adaptive, loss 0%"
# costs of a wrong answer, in inferences of the most accurate network: the rest of the curve
PENALTIES = (1.0, 3.0, 10.0, 30.0, 300.0)


@dataclass
class Row:
    """What one policy did on all folds."""

    accuracy: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    features_ms: float
    selector_ms: float

    @classmethod
    def of(cls, result: PolicyResult) -> "Row":
        """Return the figures of a result."""
        latency = result.to_dict()["latency_ms"]
        overheads = float(result.features_ms.mean()), float(result.selector_ms.mean())
        return cls(float(result.right.mean()), latency["mean"], latency["p50"], latency["p95"], *overheads)


def policies_of(dataset: SelectionDataset, costs: CostModel) -> tuple[dict[str, Policy], dict[str, bytes]]:
    """Train every policy of the curve on one training part."""
    idle = costs.idle
    found: dict[str, Policy] = {
        "most_accurate": FixedPolicy(
            dataset.names[dataset.most_accurate], costs.processors(dataset.names[dataset.most_accurate], idle)[0]
        )
    }
    selectors: dict[str, bytes] = {}
    for loss in LOSSES:  # what a build ships: the winner of its own cross-validation
        trained = train(dataset, Objective(max_loss=loss))
        winner = trained.fitted[trained.comparison.winner]
        found[f"adaptive, loss {loss:.0%}"] = winner.policy
        selectors |= winner.selectors
    base = penalty_of(dataset, Objective()) / 10.0
    for factor in PENALTIES:
        objective = Objective(max_loss=None, penalty=base * factor)
        found[f"adaptive, error = {factor:.0f} inferences"] = CascadeTrainer().fit(dataset, objective).policy
    premodel = PremodelTrainer()
    if premodel.applies(dataset):
        fitted = premodel.fit(dataset, Objective())
        found["premodel"] = fitted.policy
        selectors |= fitted.selectors
    for name in dataset.names:
        found[f"static {name}"] = FixedPolicy(name, costs.processors(name, idle)[0])
    return found, selectors


def train_fold(profile: Profile, files: Path, test: np.ndarray, folder: Path) -> Path:
    """Train on the samples that are not in `test`, and write the bundle."""
    dataset, costs = selection_dataset(profile)
    training = np.setdiff1d(np.arange(len(profile.samples)), test)
    policies, selectors = policies_of(dataset.take(training), costs)
    policies["adaptive"] = policies[f"adaptive, loss {LOSSES[0]:.0%}"]
    policies["best_static"] = SingleBestTrainer().fit(dataset.take(training), Objective()).policy
    quality = dict(zip(dataset.names, dataset.quality[training].mean(axis=0).tolist(), strict=True))
    content = BundleContent(
        profile.variants, files, policies, selectors, Objective(), quality, costs, {"penalty_ms": 1.0}
    )
    write_bundle(content, folder)
    return folder


def curve(
    profile: Profile, files: Path, samples: Samples, folds: int, repeats: int
) -> tuple[dict[str, PolicyResult], np.ndarray]:
    """Return what every policy did on all samples, and the samples' groups.

    Versions of one photograph share a fold. All policies are trained before anything is timed.
    """
    groups = np.array(profile.groups or profile.samples)
    _, number = np.unique(groups, return_inverse=True)
    fold_of = (np.random.default_rng(0).permutation(number.max() + 1) % folds)[number]
    tests = [np.flatnonzero(fold_of == fold) for fold in range(folds)]
    parts: dict[str, list[PolicyResult]] = {}
    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(usable_cores(), get_context("spawn")) as pool:
            waiting = [
                pool.submit(train_fold, profile, files, test, Path(folder) / str(fold))
                for fold, test in enumerate(tests)
            ]
            bundles = [future.result() for future in TERMINAL.track(waiting, "train")]
        for bundle, test in zip(bundles, tests, strict=True):
            with Runtime(Bundle.load(bundle), warm_up=False) as runtime:
                evaluation = evaluate(runtime, samples.subset(test), repeats=repeats, reporter=TERMINAL)
            for name, result in evaluation.results.items():
                parts.setdefault(name, []).append(result)
    del parts["hindsight_static"]  # of each fold: here one has to do for all of them
    return {name: joined(name, found) for name, found in parts.items()}, groups[np.concatenate(tests)]


def joined(name: str, parts: list[PolicyResult]) -> PolicyResult:
    """Return the results of several folds as one."""
    figures = ("right", "latency_ms", "features_ms", "selector_ms")
    arrays = {figure: np.concatenate([getattr(part, figure) for part in parts]) for figure in figures}
    return PolicyResult(name, choices=sum((part.choices for part in parts), Counter()), **arrays)


def sceptic_of(results: dict[str, PolicyResult], policy: str) -> HindsightStatic:
    """Return what a sceptic would ship instead of a policy, found on these very samples."""
    static = {name: result for name, result in results.items() if name.startswith("static ")}
    return hindsight_static(static, float(results[policy].right.mean()))


def verdict_of(results: dict[str, PolicyResult], groups: np.ndarray, trained_on: int) -> Verdict:
    """Return whether the adaptive policy beats the sceptic's choice."""
    static = {name: result for name, result in results.items() if name.startswith("static ")}
    sceptic = sceptic_of(results, ADAPTIVE)
    against = AgainstSingle(sceptic, compare(results[ADAPTIVE], results[sceptic.variant], groups))
    return judge(results[ADAPTIVE], results["oracle"], static, against, groups, trained_on)


def draw(rows: dict[str, Row], sceptic: str, path: Path, title: str) -> None:
    """Draw accuracy against mean latency."""
    import matplotlib as mpl
    import matplotlib.ticker

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 6))
    kinds = {
        "static choices": [name for name in rows if name.startswith("static ")],
        "adaptive": sorted((n for n in rows if n.startswith("adaptive,")), key=lambda name: rows[name].mean_ms),
        "premodel (LCTES 2018)": [name for name in rows if name == "premodel"],
        "random": [name for name in rows if name == "random"],
        "oracle": [name for name in rows if name == "oracle"],
    }
    styles = {"static choices": "o", "adaptive": "-D", "premodel (LCTES 2018)": "s", "random": "x", "oracle": "*"}
    for kind, names in kinds.items():
        if names:
            x, y = [rows[name].mean_ms for name in names], [100 * rows[name].accuracy for name in names]
            axes.plot(x, y, styles[kind], label=kind, markersize=12 if kind == "oracle" else 7)
    axes.annotate(
        f"in hindsight: {sceptic.removeprefix('static ')}",
        (rows[sceptic].mean_ms, 100 * rows[sceptic].accuracy),
        (-10, -60),
        textcoords="offset points",
        arrowprops={"arrowstyle": "->"},
    )
    axes.set(xscale="log", xlabel="mean latency, end to end (ms)", ylabel="top-1 accuracy (%)", title=title)
    for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
        axis(mpl.ticker.FormatStrFormatter("%g"))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", type=Path, required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--model", action="append", help="only variants of these models (repeatable)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--title", default="accuracy against latency, cross-validated")
    arguments = parser.parse_args()
    profile = Profile.load(arguments.profile)
    if arguments.model:
        profile = profile.among([v.name for v in profile.variants if v.model in arguments.model])
    samples = compsel.ImageFolder(arguments.samples)
    order = [samples.names.index(name) for name in profile.samples]
    files, ordered = arguments.profile / "variants", samples.subset(order)
    results, groups = curve(profile, files, ordered, arguments.folds, arguments.repeats)
    rows = {name: Row.of(result) for name, result in results.items()}
    reference, sceptic = rows["most_accurate"], sceptic_of(results, ADAPTIVE).variant
    verdict = verdict_of(results, groups, len(ordered) * (arguments.folds - 1) // arguments.folds)
    print("\n".join((verdict.sentence, *(f"- {reason}" for reason in verdict.reasons))))
    print(
        plain_table(
            [
                (
                    name,
                    f"{row.accuracy:.2%}",
                    f"{100 * (row.accuracy - reference.accuracy):+.2f}",
                    f"{row.mean_ms:.2f}",
                    f"{row.p50_ms:.2f}",
                    f"{row.p95_ms:.2f}",
                    f"{reference.mean_ms / row.mean_ms:.2f}x",
                    f"{row.features_ms + row.selector_ms:.3f}",
                )
                for name, row in sorted(rows.items(), key=lambda item: item[1].mean_ms)
            ],
            ("policy", "accuracy", "points", "mean ms", "p50", "p95", "speed-up", "overhead ms"),
        )
    )
    compared = {"most_accurate": "most_accurate", "best_static": "best_static", "hindsight_static": sceptic}
    summary: dict[str, object] = {}
    for name, other in compared.items():
        found = compare(results[ADAPTIVE], results[other], groups)
        summary |= found.to_dict(name)
        print(f"{ADAPTIVE} against {other.removeprefix('static ')}: {found}")
    if arguments.json:
        content = {
            "device": device_fingerprint(),
            "n": len(ordered),
            "verdict": verdict.to_dict(),
            "hindsight_static": sceptic.removeprefix("static "),
            "summary": summary,
            "rows": {name: vars(row) for name, row in rows.items()},
        }
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")
    if arguments.picture:
        draw(rows, sceptic, arguments.picture, arguments.title)


if __name__ == "__main__":
    main()
