"""What selectors are trained on: quality, evidence, features and costs of the same samples, in one object."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.features.evidence import Evidence, stack_evidence
from compsel.profiling.latency_table import mean_latency
from compsel.profiling.output_quality import QualityCriterion
from compsel.profiling.profile import Profile
from compsel.selection.costs.model import CostModel
from compsel.selection.policies.base import Policy
from compsel.selection.size_costs import SizeCosts, outcome_by_size

__all__ = ["Outcome", "SelectionDataset"]

Floats = NDArray[np.float64]
# samples with labels from which on these alone say what is right, and those without only what inputs look like
LEAST_LABELLED = 50


@dataclass(frozen=True)
class Outcome:
    """What a policy would have given for n samples.

    Attributes:
        quality: (n,), 1 where its answer is right.
        latency_ms: (n,).
        variants: (n,) of object, the variants that ran, joined by " > ".
    """

    quality: Floats
    latency_ms: Floats
    variants: NDArray[np.str_]

    def cost(self, penalty: float) -> Floats:
        """Return the cost (n,) of each sample: its latency, and the penalty where it is wrong."""
        return self.latency_ms + penalty * (1.0 - self.quality)

    @property
    def right(self) -> Floats:
        """The quality (n,), as evaluations name it."""
        return self.quality

    @property
    def choices(self) -> Counter[str]:
        """What ran, with its number of samples."""
        return Counter(self.variants.tolist())

    def take(self, rows: NDArray[np.intp]) -> "Outcome":
        """Return some of the samples."""
        return Outcome(self.quality[rows], self.latency_ms[rows], self.variants[rows])

    @staticmethod
    def each_from(outcomes: Sequence["Outcome"], which: NDArray[np.integer]) -> "Outcome":
        """Return for each sample what one of several outcomes for the same samples gives: the one named by `which`."""
        rows = np.arange(len(which))
        return Outcome(
            np.stack([one.quality for one in outcomes])[which, rows],
            np.stack([one.latency_ms for one in outcomes])[which, rows],
            np.stack([one.variants for one in outcomes])[which, rows],
        )

    def without(self, rows: NDArray[np.bool_]) -> "Outcome":
        """Return the same with NaN for some of the samples (n,)."""
        return Outcome(np.where(rows, np.nan, self.quality), np.where(rows, np.nan, self.latency_ms), self.variants)


@dataclass(frozen=True)
class SelectionDataset:
    """Samples, variants and costs.

    Attributes:
        names: (n_variants,).
        costs_ms: (n_variants,), mean latency on the best processor of an idle device; where energy is what is
            minimised, that (mJ) stands in every place of a latency, see `unit`.
        uncompressed: bool (n_variants,).
        quality: (n, n_variants).
        evidence: what each variant said; empty where a profile does not hold it.
        targets: (n,), the right class (or the reference's answer); -1 where there is none. For models without class
            scores it is 1: good enough, see `OutputEvidence`.
        features: by extractor, float32 (n, n_features).
        features_ms: by extractor, the cost of computing them.
        reference: name of the variant whose answers count as right, for samples without labels and for models without
            class scores; else "".
        groups: (n,), number of the group of each sample; None: each is a group of its own.
        unit: of costs: "ms" or "mJ".
        unlabelled: what each variant said about further inputs whose right class nobody knows: they show how confidence
            moves from stage to stage. Empty: there are none.
        size_costs: costs of each sample, where they depend on its size; `costs_ms` are then their mean.
        cost_errors: by variant, half the 95 % interval of its cost as a share of it: how well it was measured.
        unlabelled_groups: of those inputs, numbered as `groups`; None: each is a group of its own.
        folds: (n,), of samples that variants learned from: evidence on a sample is that of a variant which never saw
            its fold, and a cross-validation over these folds is nested; None: any folds will do.
        known_quality: (n_variants,), means of all samples, where these were drawn from many more.
    """

    names: tuple[str, ...]
    costs_ms: Floats
    uncompressed: NDArray[np.bool_]
    quality: Floats
    evidence: tuple[Evidence, ...]
    targets: NDArray[np.int64]
    features: Mapping[str, NDArray[np.float32]]
    features_ms: Mapping[str, float]
    reference: str = ""
    groups: NDArray[np.intp] | None = None
    unit: str = "ms"
    unlabelled: tuple[Evidence, ...] = ()
    unlabelled_groups: NDArray[np.intp] | None = None
    folds: NDArray[np.integer] | None = None
    size_costs: SizeCosts | None = None
    cost_errors: Mapping[str, float] = field(default_factory=dict)
    known_quality: Floats | None = None

    @classmethod
    def from_profile(
        cls, profile: Profile, cost_model: CostModel, features_ms: Mapping[str, float]
    ) -> "SelectionDataset":
        """Join the tables. Variants without costs are left out.

        Where enough samples have labels, the others are kept as `unlabelled`; else agreement counts, for all alike.

        Raises:
            ProfileError: no uncompressed variant is left.
        """
        costed = {variant for variant, _ in cost_model.choices}
        keep = [number for number, name in enumerate(profile.names) if name in costed]
        names = tuple(profile.names[number] for number in keep)
        uncompressed = np.array([profile.variants[number].technique == "none" for number in keep], bool)
        if not uncompressed.any():
            raise ProfileError("no uncompressed variant was measured: nothing to compare with")
        costs, _, _ = cost_model.cheapest(names, cost_model.idle)
        size_costs = None
        if profile.sizes is not None and cost_model.by_size is not None:
            size_costs = SizeCosts.at(profile.sizes, names, cost_model)
            costs = size_costs.of_samples.mean(axis=0)
        dataset = cls(
            names,
            costs,
            uncompressed,
            profile.quality[:, keep],
            tuple(profile.evidence[number] for number in keep) if profile.evidence else (),
            profile.labels,
            _by_extractor(profile),
            features_ms,
            unit="ms" if cost_model.power_w is None else "mJ",
            groups=np.unique(profile.groups, return_inverse=True)[1] if profile.groups else None,
            folds=profile.folds,
            size_costs=size_costs,
            cost_errors=_cost_errors(names, profile, cost_model),
        )
        if profile.quality_criterion is not None:
            return dataset._judged(profile.quality_criterion)
        return dataset._with_what_labels_there_are()

    @property
    def mean_quality(self) -> Floats:
        """Mean quality (n_variants,) of every variant."""
        return self.quality.mean(axis=0) if self.known_quality is None else self.known_quality

    @property
    def most_accurate(self) -> int:
        """The most accurate uncompressed variant; the cheaper one of equals."""
        quality, candidates = self.mean_quality, np.flatnonzero(self.uncompressed).tolist()
        return int(min(candidates, key=lambda number: (-quality[number], self.costs_ms[number])))

    def take(self, rows: NDArray[np.intp]) -> "SelectionDataset":
        """Return some of the samples."""
        return replace(
            self,
            quality=self.quality[rows],
            evidence=tuple(evidence.take(rows) for evidence in self.evidence),
            targets=self.targets[rows],
            features={name: table[rows] for name, table in self.features.items()},
            groups=None if self.groups is None else self.groups[rows],
            folds=None if self.folds is None else self.folds[rows],
            size_costs=None if self.size_costs is None else self.size_costs.take(rows),
        )

    def at_costs(self, costs_ms: Floats) -> "SelectionDataset":
        """Return the dataset with other costs (n_variants,), for samples of every size."""
        return replace(self, costs_ms=costs_ms, size_costs=None)

    def costs(self, penalty: float) -> Floats:
        """Return the cost (n, n_variants) of every variant on every sample: its cost, and the penalty if wrong."""
        costs = self.costs_ms[None] if self.size_costs is None else self.size_costs.of_samples
        return np.asarray(costs + penalty * (1.0 - self.quality))

    def outcome_of(self, policy: Policy) -> Outcome:
        """Return what a policy gives, planned for each sample at the costs of its size, as a runtime does."""
        return outcome_by_size(self, policy.outcome)

    def among(self, variants: Sequence[int]) -> "SelectionDataset":
        """Return the dataset with some of the variants."""
        columns = list(variants)
        return replace(
            self,
            names=tuple(self.names[column] for column in columns),
            costs_ms=self.costs_ms[columns],
            uncompressed=self.uncompressed[columns],
            quality=self.quality[:, columns],
            evidence=tuple(self.evidence[column] for column in columns) if self.evidence else (),
            unlabelled=tuple(self.unlabelled[column] for column in columns) if self.unlabelled else (),
            size_costs=None if self.size_costs is None else self.size_costs.among(columns),
            known_quality=None if self.known_quality is None else self.known_quality[columns],
        )

    def fixed(self, variant: int) -> Outcome:
        """Return what always running one variant gives."""
        n = len(self.quality)
        costs = np.broadcast_to(self.costs_ms[variant], n)
        if self.size_costs is not None:
            costs = self.size_costs.of_samples[:, variant]
        return Outcome(self.quality[:, variant], costs, np.broadcast_to(np.array(self.names[variant]), n))

    def static(self) -> dict[str, Outcome]:
        """Return what always running each variant gives, by its name."""
        return {name: self.fixed(number) for number, name in enumerate(self.names)}

    def oracle(self, variants: Sequence[int] | None = None) -> Outcome:
        """Return what the cheapest variant that is right gives, known with hindsight; the cheapest where none is."""
        return outcome_by_size(self, lambda alike: alike._oracle(variants))

    def _oracle(self, variants: Sequence[int] | None) -> Outcome:
        columns = np.arange(len(self.names)) if variants is None else np.asarray(variants)
        order = columns[np.argsort(self.costs_ms[columns], kind="stable")]
        best = self.quality[:, order].argmax(axis=1)  # the first of the best
        chosen = order[best]
        rows = np.arange(len(chosen))
        return Outcome(self.quality[rows, chosen], self.costs_ms[chosen], np.array(self.names)[chosen])

    def _judged(self, judging: QualityCriterion) -> "SelectionDataset":
        """Answers without class scores are right where they are good enough."""
        good = (self.quality >= judging.good_enough).astype(np.float64)
        return replace(self, quality=good, targets=np.ones(len(good), np.int64), reference=judging.reference)

    def _with_what_labels_there_are(self) -> "SelectionDataset":
        labelled = self.targets >= 0
        if labelled.all() or not self.evidence:
            return self
        if labelled.sum() < LEAST_LABELLED:
            return self.without_labels()
        others = np.flatnonzero(~labelled)
        unlabelled = tuple(evidence.take(others) for evidence in self.evidence)
        groups = None if self.groups is None else self.groups[others]
        return replace(self.take(np.flatnonzero(labelled)), unlabelled=unlabelled, unlabelled_groups=groups)

    def with_unlabelled(self) -> "SelectionDataset":
        """Return all inputs alike, those without labels last: for what needs no labels, and no features."""
        if not self.unlabelled:
            return self
        more, pairs = len(self.unlabelled[0].classes), zip(self.evidence, self.unlabelled, strict=True)
        groups = np.arange(len(self.targets)) if self.groups is None else self.groups
        further = self.unlabelled_groups
        if further is None:
            further = groups.max() + 1 + np.arange(more)
        return replace(
            self,
            quality=np.concatenate([self.quality, np.full((more, len(self.names)), np.nan)]),
            evidence=tuple(stack_evidence(pair) for pair in pairs),
            targets=np.concatenate([self.targets, np.full(more, -1)]),
            features={},
            features_ms={},
            groups=np.unique(np.concatenate([groups, further]), return_inverse=True)[1],
            unlabelled=(),
            unlabelled_groups=None,
            folds=None,
            size_costs=None,
        )

    def without_labels(self) -> "SelectionDataset":
        """Return the same as it is without labels: the dearest uncompressed model's answers count as right."""
        reference = int(max(np.flatnonzero(self.uncompressed), key=lambda number: self.costs_ms[number]))
        targets = self.evidence[reference].classes[:, 0].astype(np.int64)
        quality = np.stack([evidence.classes[:, 0] == targets for evidence in self.evidence], axis=1)
        return replace(self, targets=targets, quality=quality.astype(np.float64), reference=self.names[reference])


def _cost_errors(names: Sequence[str], profile: Profile, cost_model: CostModel) -> dict[str, float]:
    """Return half the 95 % interval of each variant's mean latency on its cheapest processor, as a share of it."""
    table, idle = profile.latency, cost_model.idle
    if table is None or not table.states:
        return {}
    runs, state = table.by_choice(), table.states[0]
    places = {name: (name, cost_model.processors(name, idle)[0], state) for name in names}
    means = {name: mean_latency(runs[place]) for name, place in places.items() if place in runs}
    return {name: (mean.high - mean.low) / 2 / mean.value for name, mean in means.items()}


def _by_extractor(profile: Profile) -> dict[str, NDArray[np.float32]]:
    """Split the columns "<extractor>.<feature>" of the profile."""
    columns: dict[str, list[int]] = {}
    for number, name in enumerate(profile.feature_names):
        columns.setdefault(name.partition(".")[0], []).append(number)
    return {name: profile.features[:, numbers] for name, numbers in columns.items()}
