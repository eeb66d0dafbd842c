"""The first blocks of a network with a linear head of their own: a fraction of the work, for the inputs it suffices."""

from dataclasses import dataclass, field
from typing import ClassVar

from compsel.errors import NotApplicableError, TechniqueError
from compsel.inputs.samples import Samples
from compsel.models.blocks import find_blocks
from compsel.models.model import Model
from compsel.techniques.base import Technique
from compsel.techniques.heads.fitting import fit_on_tensor
from compsel.techniques.heads.targets import class_targets

__all__ = ["EarlyExit"]


@dataclass(frozen=True)
class EarlyExit(Technique):
    """Cut a classifier after a block, average over tokens or places, and fit a linear head (Teerapittayanon et al.).

    The head learns the labels of the samples; where those lack, the answers of the whole model. What the blocks give is
    computed once for all blocks and remembered, so that another block, or other folds, cost only the fit.

    Attributes:
        block: number of the last block that stays, from 1; see `compsel.models.blocks.find_blocks`.

    >>> EarlyExit(2).spec
    'early-exit:2'
    """

    name: ClassVar[str] = "early-exit"
    needs_calibration: ClassVar[bool] = True
    learns: ClassVar[bool] = True

    block: int = field(default=1, metadata={"always": True})

    def __post_init__(self) -> None:
        if self.block < 1:
            raise TechniqueError(f"early-exit: got block {self.block}, allowed is 1 or more")

    def check(self, model: Model) -> None:
        """Raise NotApplicableError where the model is no classifier, is quantised, or has no such block."""
        self._check_float(model)
        self._n_classes(model)
        if len(model.outputs) > 1:
            others = ", ".join(spec.name for spec in model.outputs[1:])
            raise NotApplicableError(f"early-exit: a head gives class scores alone, {model.name!r} gives {others} too")
        blocks = find_blocks(model)
        if self.block >= len(blocks):
            allowed = f"allowed are 1 to {len(blocks) - 1}" if len(blocks) > 1 else "nothing can be left out"
            raise NotApplicableError(f"early-exit: {model.name!r} has {len(blocks)} blocks: {allowed}")

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        assert calibration is not None
        tensors = [block.output for block in find_blocks(model)][:-1]
        targets = class_targets(calibration, self._n_classes(model), model)
        return fit_on_tensor(
            model,
            tensors[self.block - 1],
            tensors,
            calibration,
            targets,
            kind=self.name,
            output=model.outputs[0].name,
            names=model.labels,
        ).model
