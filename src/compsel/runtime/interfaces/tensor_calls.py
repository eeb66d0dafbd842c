"""The part of a runtime that passes for a session of ONNX Runtime: the model's own tensors, and what describes them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from compsel.errors import CompselError
from compsel.inputs.tensor_specs import TensorSpec
from compsel.models.signature import ModelSignature
from compsel.processors.run_options import FeedsWithOptions
from compsel.runtime.answer import Answer
from compsel.runtime.dispatch.dispatcher import Dispatcher
from compsel.runtime.engines.engine_pool import EnginePool
from compsel.runtime.feeds.input_matching import InputMatcher
from compsel.runtime.interfaces.session_interface import SessionInterface
from compsel.runtime.monitoring.call_counts import CallCounts
from compsel.selection.costs.model import CostModel
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

if TYPE_CHECKING:
    from compsel.runtime.dispatch.batch_execution import BatchExecutor

__all__ = ["TensorCalls"]


class TensorCalls:
    """What a runtime has of `onnxruntime.InferenceSession`; it is a part of `Runtime`, and made by nobody else.

    >>> TensorCalls.run.__name__
    'run'
    """

    costs: CostModel
    _batches: "Callable[[], BatchExecutor]"
    _counts: CallCounts
    _decides_by_input: bool
    _dispatcher: Dispatcher
    _input_matcher: InputMatcher
    _interface: SessionInterface
    _most_accurate: Variant
    _pool: EnginePool

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        run_options: onnxruntime.RunOptions | None = None,
    ) -> list[Any]:
        """Run tensors, as `onnxruntime.InferenceSession.run` does: a drop-in replacement for it.

        Where a policy decides for every input, each row of a batch gets the answer that it gets alone, if rows are
        proven independent: every stage runs once for all rows that need it. Options hold for every run that the call
        takes, and `terminate` ends it.

        Raises:
            InputError, ModelError: inputs that no variant takes, outputs that there are not, an operator that fails on
                these values; each is what ONNX Runtime raises, too.
            TerminatedError: the options ended it.
        """
        self._interface.check(output_names, run_options)
        try:
            feed, allowed = self._input_matcher.rows(input_feed, split=self._decides_by_input)
        except CompselError as error:
            self._counts.failed(error)
            raise
        if run_options is not None:
            feed = FeedsWithOptions(feed, run_options)
        if len(allowed) == 1:
            outputs = self._counts.call(lambda: self._dispatcher.one(feed, allowed[0])).outputs
        else:
            from compsel.runtime.feeds.rows import TensorRows  # most apps give one input at a time

            answers = self._batches().answers(TensorRows(feed), allowed)
            self._counts.several(answers)
            outputs = [np.concatenate(rows) for rows in zip(*map(_outputs, answers), strict=True)]
        return self._interface.picked(outputs, output_names)

    def get_inputs(self) -> list[TensorSpec]:
        """Return the inputs of the policy's most accurate variant, as `InferenceSession.get_inputs` does."""
        return list(self._most_accurate.inputs)

    def get_outputs(self) -> list[TensorSpec]:
        """Return the outputs of the model's file, as `InferenceSession.get_outputs` does."""
        return list(self._interface.outputs)

    @property
    def signature(self) -> ModelSignature:
        """What the model's own file shows of itself: of the policy's most accurate variant."""
        return self._interface.signature

    def engine(self) -> Engine:
        """Return the engine of that variant, for the model's own tensors, on the processor that is best when idle."""
        name = self._most_accurate.name
        return self._pool.get(name, self.costs.processors(name, 0.0)[0], tensors=True)

    @property
    def answer_outputs(self) -> tuple[TensorSpec, ...]:
        """What the outputs of an `Answer` are: class scores first."""
        return self._most_accurate.outputs


def _outputs(answer: Answer | CompselError) -> list[np.ndarray]:
    if isinstance(answer, CompselError):
        raise answer
    return answer.outputs
