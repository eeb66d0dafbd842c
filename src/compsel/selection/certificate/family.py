"""The operating points that a certificate is sought among: one cascade towards agreement, at many penalties."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from compsel.errors import ObjectiveError
from compsel.features.evidence import OutputEvidence
from compsel.features.fusion import n_features
from compsel.features.output_sketch import n_compared
from compsel.selection.cascade.decision_graph import Cascade, Node
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.dataset import SelectionDataset
from compsel.selection.policies import CertifiedPolicy

__all__ = ["PENALTIES", "Family", "agreement_with", "fit_family", "reference_of"]

_CHEAP_STAGES = 2  # then the reference
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
    chosen = dataset.among([*(column for column in columns if column != reference), reference])
    cheap = len(chosen.names) - 1
    if not cheap:
        return Family(chosen.names[0], ())
    fit = fit_cascade(
        chosen.names[:cheap], chosen.evidence[:cheap], chosen.targets, max_stages=_CHEAP_STAGES, groups=chosen.groups
    )
    cascade = _ending_with(chosen.names[cheap], fit, len(chosen.targets))
    unit = float(dataset.costs_ms[reference])
    points = [CertifiedPolicy(cascade, unit * penalty, chosen.costs_ms, quality) for penalty in penalties]
    careful = [point for point in points if cascade.plan(chosen.costs_ms, point.penalty).first != cheap]
    return Family(chosen.names[cheap], tuple(careful))


def _ending_with(reference: str, cheap: Cascade, n: int) -> Cascade:
    """Return a cascade that may go on to the reference, which then answers alone: nothing is fused with its answer.

    It agrees with itself, for all that n samples can say (Laplace's rule), so nothing is worth running after it.
    """
    last = len(cheap.variants)

    def ended(node: Node) -> Node:
        members = (*node.members, last)
        known = n_compared(len(members), cheap.n_confidence) if cheap.confidence else n_features(len(members))
        alone = np.append(np.zeros(len(node.members)), 1.0)
        return Node(members, alone, np.zeros(known), float(np.log(n + 1.0)), np.array([(n + 1.0) / (n + 2.0)]))

    going_on = [replace(node, edges={**node.edges, last: np.ones((len(node.grid), 1))}) for node in cheap.nodes]
    nodes = sorted([*going_on, *map(ended, cheap.nodes)], key=lambda node: len(node.members))
    return replace(cheap, variants=(*cheap.variants, reference), nodes=tuple(nodes))
