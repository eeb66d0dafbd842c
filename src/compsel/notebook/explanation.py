"""`compsel.explain(answer)`: why this was answered, as a picture in a notebook and as text elsewhere."""

from dataclasses import dataclass

from compsel.markup.card import Table, card
from compsel.notebook.decision import Decision, decision_of
from compsel.notebook.picture import picture_of
from compsel.runtime.answer import Answer

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why this was answered: a notebook shows it as a picture, `print` as text.

    Attributes:
        decision: what was decided.

    >>> Explanation(Decision(Answer([], 1.0, ()), (), {}, ()))
    Explanation(0 stages, 0 other choices)
    """

    decision: Decision

    @property
    def svg(self) -> str:
        """The picture."""
        return picture_of(self.decision)

    def _repr_html_(self) -> str:
        answer = self.decision.answer
        rows = [
            (
                one.variant,
                one.processor,
                f"{one.expected_ms:.2f}",
                f"{100 * one.quality:.2f} %",
                "yes" if one.ran else "",
            )
            for one in self.decision.alternatives
        ]
        header = ("variant", "fastest on", "ms expected", "quality", "ran")
        table = Table(header, rows, "what each variant would have cost then")
        return card("How this was answered", [("note", answer.note)], [table], inside=self.svg)

    def __str__(self) -> str:
        answer = self.decision.answer
        lines = [repr(answer)]
        lines += [
            f"  {place}. {step.stage.variant} on {step.stage.processor}: {step.stage.latency_ms:.2f} ms "
            f"({step.stage.expected_ms:.2f} expected); {step.why}"
            for place, step in enumerate(self.decision.steps, start=1)
        ]
        parts = ", ".join(f"{name} {part:.2f}" for name, part in self.decision.parts_ms.items())
        lines.append(f"  where the time went (ms): {parts}")
        lines += [
            f"  {'ran  ' if one.ran else 'other'} {one.variant} on {one.processor}: {one.expected_ms:.2f} ms expected, "
            f"{100 * one.quality:.1f} % right on the samples of the build"
            for one in self.decision.alternatives
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        others = sum(not one.ran for one in self.decision.alternatives)
        return f"Explanation({len(self.decision.steps)} stages, {others} other choices)"


def explain(answer: Answer) -> Explanation:
    """Return why this was answered: what ran, how sure it was, why it went on, what other choices would have cost.

    The costs are those that were expected when it was answered, in that state of the device.

    Raises:
        UsageError: an answer that holds no plan, such as a copy of one.
    """
    return Explanation(decision_of(answer))
