"""The operating points that a certificate is sought among: one cascade towards agreement, at many penalties."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ObjectiveError
from compsel.features.evidence import OutputEvidence
from compsel.selection.cascade.decision_graph import Cascade, Node
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.dataset import SelectionDataset
from compsel.selection.policies import CertifiedPolicy

__all__ = ["PENALTIES", "Family", "agreement_with", "fit_family", "reference_of"]

_MAX_STAGES = 3
# costs of a wrong answer, in inferences of the reference, the dearest first
PENALTIES = tuple(np.geomspace(1e5, 1.0, 100).tolist())


@dataclass(frozen=True)
class Family:
    """Operating points, the most careful first.

    Attributes:
        reference: name of the network that they shall agree with.
        points: policies that only differ in their penalty, which falls.

    >>> Family("net/none", ()).points
    ()
    """

    reference: str
    points: tuple[CertifiedPolicy, ...]


def reference_of(dataset: SelectionDataset) -> int:
    """Return the network to agree with: the one whose answers count as right, or the most accurate uncompressed one.

    Raises:
        ObjectiveError: there is no evidence, or nothing that answers could agree with.
    """
    if dataset.reference in dataset.names:
        return dataset.names.index(dataset.reference)
    if not dataset.evidence or isinstance(dataset.evidence[0], OutputEvidence):
        raise ObjectiveError(
            "certify: got answers that are not classes, rated by a function of yours, allowed are classes, or answers "
            "that are compared with those of the uncompressed model (--quality fidelity or cosine)"
        )
    return dataset.most_accurate


def agreement_with(dataset: SelectionDataset, reference: int) -> SelectionDataset:
    """Return the dataset on which an answer is right where it is the reference's, and only that is uncompressed."""
    alone = np.arange(len(dataset.names)) == reference
    if dataset.reference == dataset.names[reference]:
        return replace(dataset, uncompressed=alone)
    targets = dataset.evidence[reference].classes[:, 0].astype(np.int64)
    agrees = np.stack([evidence.classes[:, 0] == targets for evidence in dataset.evidence], axis=1)
    return replace(
        dataset,
        targets=targets,
        quality=agrees.astype(np.float64),
        reference=dataset.names[reference],
        uncompressed=alone,
    )


def fit_family(
    dataset: SelectionDataset,
    columns: Sequence[int],
    reference: int,
    penalties: Sequence[float] = PENALTIES,
    quality: float = 1.0,
) -> Family:
    """Fit a cascade, and lay out its operating points; those that run the reference first are left out.

    Args:
        dataset: of agreement, see `agreement_with`.
        columns: variants of the cascade, the reference among them.
        reference: the network to agree with.
        penalties: costs of a wrong answer, in inferences of the reference, falling.
        quality: share of the reference's answers that are right; 1 where nobody knows.
    """
    chosen, last = dataset.among(columns), list(columns).index(reference)
    fit = fit_cascade(chosen.names, chosen.evidence, chosen.targets, max_stages=_MAX_STAGES, groups=chosen.groups)
    cascade = _answered_by(fit, last, len(chosen.targets))
    found = []
    for penalty in np.array(penalties) * float(dataset.costs_ms[reference]):
        if cascade.plan(chosen.costs_ms, float(penalty)).first != last:
            found.append(CertifiedPolicy(cascade, float(penalty), chosen.costs_ms, quality))
    return Family(dataset.names[reference], tuple(found))


def _answered_by(cascade: Cascade, reference: int, n: int) -> Cascade:
    """Return the cascade that ends with the reference, and then gives its answer, not one that is fused with others.

    Its answer agrees with itself, for all that n samples can say (Laplace's rule), and nothing is worth running then.
    """
    sure = np.array([(n + 1.0) / (n + 2.0)])

    def last(node: Node) -> Node:
        weights = (np.array(node.members) == reference).astype(np.float64)
        return Node(node.members, weights, np.zeros(len(node.coefficients)), float(np.log(n + 1.0)), sure)

    def leads(node: Node, variant: int, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ones((len(node.grid), 1)) if variant == reference else matrix

    nodes = [
        last(node)
        if reference in node.members
        else replace(node, edges={variant: leads(node, variant, matrix) for variant, matrix in node.edges.items()})
        for node in cascade.nodes
    ]
    return replace(cascade, nodes=tuple(nodes))
