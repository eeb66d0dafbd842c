"""Results of an evaluation: by policy accuracy, latency and energy, and how much of the gap to the oracle is closed."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compsel.evaluation.json_form import COMPARED, json_form
from compsel.evaluation.next_steps import next_steps
from compsel.evaluation.result import AnswerFigures, Result
from compsel.evaluation.verdict import Verdict, judge, nothing_to_compare
from compsel.selection.certificate.certificate import CertificateCheck
from compsel.selection.judging.hindsight import HindsightStatic
from compsel.selection.judging.paired_comparison import PairedComparison, compare
from compsel.selection.judging.single_choices import AgainstSingle
from compsel.selection.training.gap_closed import gap_of_costs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Evaluation", "PolicyResult"]

Floats = NDArray[np.float64]


@dataclass
class PolicyResult:
    """The answers of one policy to n samples.

    Attributes:
        name: of the policy.
        right: (n,), whether each answer was right.
        latency_ms: (n,), median over the repeats of each sample.
        choices: what ran, with its number of samples.
        features_ms, selector_ms: (n,), overheads.
        decode_ms: (n,), the part of decoding; empty where it was not kept.
        energy_mj: of one answer, above what the device takes without it; None without a meter.
        labels: (n,), the classes that it answered; empty where they were not kept.
        confidence: (n,), how likely each answer is right, as it says itself; NaN where it says nothing; empty where
            that was not kept.
        ways: (n,), the variants that ran, joined by " > "; empty where they were not kept.
        stages_ms: by variant, the mean time of its preprocessing and inference in one answer of the policy.

    >>> PolicyResult("fastest", np.array([1.0, 0.0]), np.array([2.0, 3.0])).cost(penalty_ms=10.0).tolist()
    [2.0, 13.0]
    """

    name: str
    right: Floats
    latency_ms: Floats
    choices: Counter[str] = field(default_factory=Counter)
    features_ms: Floats = field(default_factory=lambda: np.empty(0))
    selector_ms: Floats = field(default_factory=lambda: np.empty(0))
    energy_mj: float | None = None
    labels: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    decode_ms: Floats = field(default_factory=lambda: np.empty(0))
    confidence: Floats = field(default_factory=lambda: np.empty(0))
    ways: tuple[str, ...] = ()
    stages_ms: Mapping[str, float] = field(default_factory=dict)

    def cost(self, penalty_ms: float) -> Floats:
        """Return the latency (n,) in ms, plus the penalty where the answer is wrong."""
        return self.latency_ms + penalty_ms * (1.0 - self.right)

    @property
    def figures(self) -> tuple[float, float]:
        """Mean latency (ms) and accuracy."""
        return float(self.latency_ms.mean()), float(self.right.mean())

    def summary(self) -> dict[str, Any]:
        """Return accuracy and latency as JSON."""
        p50, p95, p99 = np.quantile(self.latency_ms, [0.5, 0.95, 0.99])
        return {
            "accuracy": float(self.right.mean()),
            "latency_ms": {
                "mean": float(self.latency_ms.mean()),
                "p50": float(p50),
                "p95": float(p95),
                "p99": float(p99),
            },
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        n = len(self.right)
        return {
            **self.summary(),
            "energy_mj": self.energy_mj,
            "choices": {choice: count / n for choice, count in self.choices.most_common()},
        }


@dataclass(frozen=True)
class Evaluation:
    """A comparison of policies, the oracle among them.

    Attributes:
        results: by policy, "hindsight_static" among them: what a sceptic would ship.
        penalty: cost of a wrong answer (ms) in `gap_closed`.
        labelled: whether accuracies are against labels (or the samples' targets); otherwise against the most accurate
            uncompressed network.
        hindsight: which variant that is, and among how many it was found.
        static: by variant, what always running it gives; each sample was answered once.
        groups: (n,), of the samples: those of one group are drawn together for the intervals; empty: each by itself.
        trained_on: number of samples that the bundle was trained on; 0: not known.
        all_measured: whether the sceptic chose among all that the build measured, or among what is in the bundle.
        meter: what energies were measured with; None without one.
        energy_estimated: whether a model stood in for a meter.
        certificate: what the samples say about the bundle's certificate; None without one.
        sizes: of inputs that the bundle's costs depend on, in words; "" where they depend on none.
        detail: further keys of the JSON form, see `compsel.evaluation.detail`.
        bundle: its folder.
        size_mb: of the files of "adaptive", and of those of "current", which runs uncompressed.
        judged_by: what counts as right where that is neither labels nor agreement.
        left_out: names of policies that the bundle does not hold.
        by_cost: whether accuracy has no floor, so that wrong answers count by their cost alone.

    >>> costs_ms = {"adaptive": 3.0, "best_static": 4.0, "hindsight_static": 4.0, "oracle": 2.0}
    >>> results = {name: PolicyResult(name, np.ones(2), np.full(2, cost)) for name, cost in costs_ms.items()}
    >>> Evaluation(results, 10.0, True, HindsightStatic("net/none", True, 3)).gap_closed
    (0.5, 0.5, 0.5)
    """

    results: Mapping[str, PolicyResult]
    penalty: float
    labelled: bool
    hindsight: HindsightStatic
    static: Mapping[str, PolicyResult] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    trained_on: int = 0
    all_measured: bool = False
    meter: str | None = None
    energy_estimated: bool = False
    certificate: CertificateCheck | None = None
    sizes: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    bundle: str = ""
    size_mb: Mapping[str, float] = field(default_factory=dict)
    judged_by: str = ""
    left_out: tuple[str, ...] = ()
    by_cost: bool = False

    def __repr__(self) -> str:
        ours = self.results["adaptive"]
        said = [f"adaptive {_words(ours)}"]
        said += [f"{name} {_words(self.results[name])}" for name in COMPARED if name in self.results]
        return f"Evaluation({len(ours.right)} samples: {', '.join(said)})"

    def _repr_html_(self) -> str:
        from compsel.markup.card import Table, card

        shown = {**self.results, **{f"always {name}": one for name, one in self.static.items()}}
        rows = [(name, *_cells(result)) for name, result in shown.items()]
        table = Table(("policy", "accuracy", "mean ms", "p95 ms"), rows)
        right = "labels" if self.labelled else "the most accurate uncompressed network"
        facts = [("verdict", self.verdict.sentence), ("right is what is said by", right)]
        return card(f"Evaluation on {len(self.results['adaptive'].right)} samples", facts, [table])

    def to_frame(self, what: str = "policies") -> "pd.DataFrame":
        """Return a table as pandas sees it: "policies", or "samples" with a row a policy and sample.

        Columns: see `compsel.evaluation.frames`.

        Raises:
            UsageError: no such table.
            MissingDependencyError: pandas is not installed.
        """
        from compsel.evaluation.frames import evaluation_frame

        return evaluation_frame(self, what)

    @property
    def gap_closed(self) -> tuple[float, float, float]:
        """Share of the distance from best static to oracle, and its 95 % confidence interval (bootstrap).

        All are NaN where there is no gap: the oracle is no better than the best static choice, or that is not here, or
        nothing is here to choose from.
        """
        if "best_static" not in self.results or self.is_alone:
            return math.nan, math.nan, math.nan
        ours, static, oracle = (self.results[name].cost(self.penalty) for name in ("adaptive", "best_static", "oracle"))
        return gap_of_costs(ours, static, oracle, groups=self.groups or None)

    def against(self, other: str) -> PairedComparison:
        """Compare the adaptive policy with another one."""
        penalty = self.penalty if self.by_cost else None
        return compare(self.results["adaptive"], self.results[other], self.groups or None, penalty=penalty)

    @property
    def result(self) -> Result:
        """What was gained, against the model as it runs today and against the sceptic's choice, in a few sentences."""
        ours, now, sceptic = (self.results.get(name) for name in ("adaptive", "current", "hindsight_static"))
        assert ours is not None
        n = len(ours.right)
        bundle = AnswerFigures(
            self.bundle or "the bundle", *ours.figures, self.size_mb.get("adaptive"), energy_mj=ours.energy_mj
        )
        found = Result(
            bundle,
            right_is=self.judged_by or ("right" if self.labelled else "agreeing"),
            n=n,
            ways={way: count / n for way, count in ours.choices.most_common()},
            energy_estimated=self.energy_estimated,
        )
        if now is not None:
            name = next(iter(now.choices)).replace("@", " on ")
            current = AnswerFigures(name, *now.figures, self.size_mb.get("current"), energy_mj=now.energy_mj)
            is_now = f"as your model runs today ({name}, ONNX Runtime's defaults)"
            found = replace(found, current=current, current_is=is_now, against_current=self.against("current"))
        if sceptic is not None and self.hindsight.contenders > 1:
            against, verdict = self.against("hindsight_static"), self.verdict
            same = set(ours.choices) == set(sceptic.choices)
            figures = AnswerFigures(self.hindsight.variant, *sceptic.figures, energy_mj=sceptic.energy_mj)
            found = replace(
                found,
                sceptic=figures,
                against_sceptic=against,
                sceptic_is=self.hindsight.what,
                beats_sceptic=bool(verdict.beats_hindsight_static),
                why=verdict.why,
                is_sceptic=same,
            )
        return replace(found, next_steps=next_steps(found, self.static))

    @property
    def is_alone(self) -> bool:
        """Whether the bundle's one choice is all that is here, of more that its build measured."""
        return len(self.static) == 1 and not self.all_measured

    @property
    def verdict(self) -> Verdict:
        """Whether the adaptive policy beats what a sceptic would ship."""
        if self.is_alone:
            return nothing_to_compare(self.hindsight.variant)
        ours, sceptic, oracle = (self.results[name] for name in ("adaptive", "hindsight_static", "oracle"))
        # timed in the same run as ours, unlike the first answers of the others
        static = {**self.static, self.hindsight.variant: sceptic}
        against = AgainstSingle(self.hindsight, self.against("hindsight_static"))
        return judge(ours, oracle, static, against, self.groups or None, self.trained_on)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; figures that do not exist are None."""
        return json_form(self)


def _words(result: PolicyResult) -> str:
    return f"{100 * result.right.mean():.1f} % at {result.latency_ms.mean():.2f} ms"


def _cells(result: PolicyResult) -> tuple[str, str, str]:
    mean, p95 = result.latency_ms.mean(), np.quantile(result.latency_ms, 0.95)
    return f"{100 * result.right.mean():.2f} %", f"{mean:.2f}", f"{p95:.2f}"
