"""What an inference gives: the outputs, and the trace of how they came about."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from compsel.errors import ModelError
from compsel.variants.variant import OutputKind

if TYPE_CHECKING:
    from compsel.runtime.planning.planner import PlacedPlan

__all__ = ["Answer", "Stage"]


# both are tuples with names: after an inference they are made in a tenth of the time that a frozen dataclass takes
class Stage(NamedTuple):
    """One variant that ran.

    Attributes:
        variant: its name.
        processor: where it ran.
        latency_ms: of its preprocessing and inference.
        expected_ms: what the cost model expected in this state of the device.
        probability_right: of the fused answer after this stage, where the policy knows it.
    """

    variant: str
    processor: str
    latency_ms: float
    expected_ms: float
    probability_right: float | None = None


class Answer(NamedTuple):
    """The answer to one input.

    Attributes:
        outputs: as the model gives them; when several stages ran, the first output holds their fused class scores
            (log-probabilities for a model that gives logits, probabilities for one that gives those), in its shape.
        latency_ms: from the call to the answer, all included.
        stages: what ran, in order.
        features_ms: spent on features of the input.
        selector_ms: spent on everything but decoding, features, preprocessing and inference: deciding, fusing, and what
            failed.
        constraints_met: False when no choice could meet the deadline or the quality asked for; the answer is then
            that of the fastest, or the most accurate, choice.
        note: why, when they were not met; and which processors failed, so that another one answered.
        abstained: whether the bundle was built to withhold answers as unsure as this one: do not use it.
        decode_ms: spent on making a value of what the call was given: reading a file, decoding it; 0 for an image or
            tensors in memory. `latency_ms` is the sum of this, `features_ms`, `selector_ms`, `waited_ms` and the
            stages.
        output: what `outputs[0]` is: class scores as "logits" or "probabilities", "logit" or "probability" of the
            second of two classes, or something "other".
        labels: names of the classes; () where they are not known.
        id: by which an outcome can be given later (`Runtime.feedback`); "" where the answer is not recorded.
        planned: what was planned for this input, with the costs then (`compsel.explain` shows it); it is left out of
            copies and pickles.
        waited_ms: for a place among the calls that are answered at once (`Runtime.arun`, `submit`).

    >>> scores = np.log(np.array([[0.7, 0.2, 0.1]], np.float32))
    >>> answer = Answer([scores], 3.2, (Stage("net/int8", "cpu:2", 3.0, 2.9),), output="logits", labels=("a", "b", "c"))
    >>> answer
    Answer('a', 70.0 %, net/int8@cpu:2, 3.20 ms)
    >>> answer.label, answer.label_name, [(name, round(share, 2)) for name, share in answer.top(2)]
    (0, 'a', [('a', 0.7), ('b', 0.2)])
    """

    outputs: list[np.ndarray]
    latency_ms: float
    stages: tuple[Stage, ...]
    features_ms: float = 0.0
    selector_ms: float = 0.0
    constraints_met: bool = True
    note: str = ""
    abstained: bool = False
    decode_ms: float = 0.0
    output: OutputKind = "other"
    labels: tuple[str, ...] = ()
    id: str = ""
    planned: "PlacedPlan | None" = None
    waited_ms: float = 0.0

    @property
    def choice(self) -> str:
        """Return "<variant>@<processor>" of every stage that ran, joined by " > "."""
        return " > ".join(f"{stage.variant}@{stage.processor}" for stage in self.stages)

    @property
    def label(self) -> int:
        """Index of the most probable class, as `label` of samples is; `label_name` is its name."""
        from compsel.features.tasks.scores import top_class

        return top_class(self.outputs[0], self.output)

    @property
    def label_name(self) -> str:
        """Name of the most probable class; its index where the names are not known."""
        return str(self._named(self.label))

    @property
    def confidence(self) -> float:
        """Probability of the most probable class, as the model gives it.

        Raises:
            ModelError: a model without class scores.
        """
        return float(self._probabilities().max())

    def top(self, count: int = 5) -> list[tuple[str | int, float]]:
        """Return the most probable classes, at most `count`: name (index where names are not known), probability.

        Raises:
            ModelError: a model without class scores.
        """
        return [(self._named(place), share) for place, share in self.ranked(count)]

    def ranked(self, count: int = 5) -> list[tuple[int, float]]:
        """Return the most probable classes as `top` does, by their index.

        Raises:
            ModelError: a model without class scores.
        """
        probabilities = self._probabilities()
        order = np.argsort(-probabilities, kind="stable")[: max(0, count)]
        return [(int(place), float(probabilities[place])) for place in order]

    def __repr__(self) -> str:
        if self.output == "other":
            said = ", ".join(f"{np.asarray(one).dtype} {np.shape(one)}" for one in self.outputs) or "no outputs"
        else:
            said = f"{self._named(self.label)!r}, {self.confidence:.1%}".replace("%", " %")
        more = ["abstained"] * self.abstained + [self.note] * bool(self.note)
        return f"Answer({', '.join([said, self.choice, f'{self.latency_ms:.2f} ms', *more])})"

    def _repr_html_(self) -> str:
        from compsel.markup.card import Table, card

        facts = [("ran", self.choice), ("took", f"{self.latency_ms:.2f} ms"), ("note", self.note)]
        facts += [("abstained", "as unsure as this the bundle was built to withhold it")] * self.abstained
        rows = [] if self.output == "other" else [(name, f"{100 * share:.1f} %") for name, share in self.top()]
        outputs = ", ".join(f"{np.asarray(one).dtype} {np.shape(one)}" for one in self.outputs)
        facts += [("outputs", outputs)] * (self.output == "other")
        return card("Answer", facts, [Table(("class", "probability"), rows)])

    def __reduce__(self) -> tuple[Any, ...]:
        # a plan holds sessions, which no other process can have
        return Answer, tuple(self._replace(planned=None))

    def _named(self, place: int) -> str | int:
        return self.labels[place] if place < len(self.labels) else place

    def _probabilities(self) -> np.ndarray:
        """Return the probability of every class, float64 (n_classes,)."""
        if self.output == "other":
            raise ModelError("the model of this answer gives no class scores: read its outputs")
        from compsel.features.tasks.scores import class_probabilities

        scores = self.outputs[0]
        # of several inputs the first one's
        probabilities = class_probabilities(scores, self.output)
        found = class_probabilities(scores[:1], self.output) if probabilities is None else probabilities
        return np.asarray(np.empty(0) if found is None else found, np.float64)
