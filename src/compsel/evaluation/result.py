"""The result of a build or an evaluation in a few sentences: what was gained, against what, and what to do next.

It is compared with two others. *Current* is how the user's model runs today: uncompressed, with the threads that ONNX
Runtime takes by default. The *sceptic's choice* is the fastest single variant that is as accurate, found in hindsight.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from compsel.evaluation.result_words import accuracy_words, ms_words, way_words
from compsel.selection.judging.difference_words import points_words, speed_words
from compsel.selection.judging.paired_comparison import PairedComparison
from compsel.storage.files import without_nan
from compsel.storage.sizes import size_words

__all__ = ["AnswerFigures", "Result"]

_SHOWN_WAYS = 3


@dataclass(frozen=True, slots=True)
class AnswerFigures:
    """What one way to answer gives. None: not measured.

    Attributes:
        name: of the choice, such as "lite0/none on cpu:2"; of a bundle, its path.
        latency_ms: mean of one answer.
        accuracy: share of the answers that are right (see `Result`), 0 to 1.
        size_mb: on disk.
        memory_mb: that loading and one answer take, in a process of its own.
        energy_mj: of one answer, above what the device takes without it.
        start_ms: from the call that loads to the first answer, in a process of its own.

    >>> AnswerFigures("net/none on cpu:2", latency_ms=10.4, accuracy=0.887).size_mb is None
    True
    """

    name: str
    latency_ms: float
    accuracy: float
    size_mb: float | None = None
    memory_mb: float | None = None
    energy_mj: float | None = None
    start_ms: float | None = None


@dataclass(frozen=True)
class Result:
    """What a bundle gives, beside the user's own model as it runs today and beside the sceptic's choice.

    Attributes:
        ours: figures of the bundle.
        current: of the uncompressed model with ONNX Runtime's default threads; None: not measured, or not here.
        current_is: what that is, in words.
        sceptic: of the fastest single variant that is as accurate, found in hindsight; None: not known.
        against_current, against_sceptic: speed-up and difference of accuracy with 95 % intervals, paired by sample.
        sceptic_is: in words, what the sceptic's choice is.
        beats_sceptic: whether the rule that also says what ships calls it better than the sceptic's choice.
        sceptic_words: that comparison in words, where it is not of times; else "".
        why: what keeps the bundle from beating the sceptic's choice, and what follows; "" where it does.
        is_sceptic: whether the bundle is the sceptic's choice.
        n: number of samples that it was judged on.
        held_out: whether they are the build's own, answered by policies that were trained on others of them; else they
            are samples that were given to an evaluation.
        right_is: what counts as a right answer: "right" (labels), "agreeing" (with the model itself), "good enough".
        ways: share of the inputs that each way is taken for, the most frequent first: variants with their processor,
            joined by " > ".
        next_steps: what a reader can do now, a sentence each.
        energy_estimated: whether a model stood in for a meter.

    >>> from compsel.profiling.confidence_intervals import Estimate
    >>> gain = PairedComparison(Estimate(2.0, 1.9, 2.1), Estimate(-0.006, -0.014, 0.002))
    >>> ours = AnswerFigures("bundle", 5.2, 0.881, size_mb=5.4)
    >>> now = AnswerFigures("net/none on cpu:2", 10.4, 0.887, size_mb=18.6)
    >>> ways = {"net/int8-static@cpu:2": 1.0}
    >>> result = Result(ours, now, "as net runs today", against_current=gain, n=600, ways=ways)
    >>> print(result.sentences()[0].replace("; ", ";\\n"))
    bundle answers in 5.2 ms instead of 10.4 ms (2.0 times as fast, 95 %: 1.9 to 2.1) as net runs today, with 88.1 % \
instead of 88.7 % right (-0.6 points, 95 %: -1.4 to +0.2);
    5.4 MB on disk instead of 18.6 MB;
    the same choice for every input: net/int8-static on cpu:2.
    """

    ours: AnswerFigures
    current: AnswerFigures | None = None
    current_is: str = ""
    sceptic: AnswerFigures | None = None
    against_current: PairedComparison | None = None
    against_sceptic: PairedComparison | None = None
    sceptic_is: str = "the fastest single variant that is as accurate here"
    beats_sceptic: bool = False
    sceptic_words: str = ""
    why: str = ""
    is_sceptic: bool = False
    n: int = 0
    held_out: bool = False
    right_is: str = "right"
    ways: Mapping[str, float] | None = None
    next_steps: tuple[str, ...] = ()
    energy_estimated: bool = False

    def sentences(self) -> list[str]:
        """Return what was gained against the model as it runs today; then against the sceptic; then what to do next."""
        further = f"Next: compsel evaluate {self.ours.name} --samples OTHER, on inputs that the build has not seen."
        said = (self._gain(), self._sceptic(), *self.next_steps, further if self.held_out else "")
        return [sentence for sentence in said if sentence]

    def named(self, name: str) -> "Result":
        """Return the result of the same bundle by another name: a bundle holds no path of the machine that built it."""
        return replace(self, ours=replace(self.ours, name=name))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: figures with their units, intervals as [low, high], and the sentences."""
        content = {
            "n": self.n,
            "held_out": self.held_out,
            "right_is": self.right_is,
            "current_is": self.current_is,
            "bundle": _figures(self.ours),
            "current": _figures(self.current),
            "sceptic": _figures(self.sceptic),
            "is_sceptic": self.is_sceptic,
            "beats_sceptic": self.beats_sceptic,
            "ways": dict(self.ways or {}),
            "energy_estimated": self.energy_estimated,
            "sentences": self.sentences(),
        }
        for name, found in (("current", self.against_current), ("sceptic", self.against_sceptic)):
            if found is not None:
                content |= found.to_dict(name)
        return {key: without_nan(value) for key, value in content.items()}

    def _repr_html_(self) -> str:
        first, *others = (html.escape(sentence) for sentence in self.sentences())
        return f"<p><strong>{first}</strong></p>" + "".join(f"<p>{sentence}</p>" for sentence in others)

    def _gain(self) -> str:
        ours, now, found = self.ours, self.current, self.against_current
        if now is None or found is None:
            start = (
                f"{ours.name} answers in {ms_words(ours.latency_ms)}, {accuracy_words(ours.accuracy, self.right_is)}"
            )
            return f"{'; '.join([start, *self._costs(), self._choice()])}."
        start = (
            f"{ours.name} answers in {ms_words(ours.latency_ms)} instead of {ms_words(now.latency_ms)} "
            f"({speed_words(found.speedup)}) {self.current_is}".rstrip()
        )
        accuracy = (
            f"with {100 * ours.accuracy:.1f} % instead of {100 * now.accuracy:.1f} % {self.right_is} "
            f"({points_words(found.accuracy)})"
        )
        if found.accuracy.low == found.accuracy.high == 0:
            accuracy = f"with {100 * ours.accuracy:.1f} % {self.right_is}, as before"
        elif found.alike:
            seen = points_words(found.accuracy, found.alike)
            accuracy = f"with {100 * ours.accuracy:.1f} % {self.right_is}, {seen}"
        return f"{'; '.join([f'{start}, {accuracy}', *self._costs(), self._choice()])}."

    def _costs(self) -> list[str]:
        """Return what it takes of disk, memory, energy and start-up."""
        ours, now = self.ours, self.current
        parts = []
        if ours.size_mb is not None:
            instead = "" if now is None or now.size_mb is None else f" instead of {size_words(now.size_mb)}"
            parts.append(f"{size_words(ours.size_mb)} on disk{instead}")
        if now is not None and ours.memory_mb is not None and now.memory_mb is not None:
            less = now.memory_mb - ours.memory_mb
            more = f"{size_words(abs(less))} {'less' if less > 0 else 'more'}"
            parts.append(f"{more if abs(less) >= 1 else 'as much'} memory")
        if ours.energy_mj is not None:
            instead = "" if now is None or now.energy_mj is None else f" instead of {now.energy_mj:.3g}"
            estimated = ", estimated" if self.energy_estimated else ""
            parts.append(f"{ours.energy_mj:.3g}{instead} mJ an answer{estimated}")
        if ours.start_ms is not None:
            instead = "" if now is None or now.start_ms is None else f" instead of {ms_words(now.start_ms)}"
            parts.append(f"the first answer {ms_words(ours.start_ms)}{instead} after loading begins")
        # what belongs to one sentence stays one part of it
        return [", ".join(parts)] if parts else []

    def _choice(self) -> str:
        ways = list((self.ways or {}).items())
        if not ways:
            return "by the choice that is best for each input"
        if len(ways) == 1:
            return f"the same choice for every input: {way_words(ways[0][0])}"
        # on which processor changes with the load: which variants ran is what tells inputs apart
        shares: dict[str, float] = {}
        for way, share in ways:
            variants = " > ".join(stage.rpartition("@")[0] for stage in way.split(" > "))
            shares[variants] = shares.get(variants, 0.0) + share
        if len(shares) == 1:
            return f"the same variant for every input, wherever it is fastest: {way_words(next(iter(shares)))}"
        ranked = sorted(shares.items(), key=lambda one: -one[1])
        shown = [f"{100 * share:.0f} % {way_words(way)}" for way, share in ranked[:_SHOWN_WAYS]]
        rest = sum(share for _, share in ranked[_SHOWN_WAYS:])
        return ", ".join([*shown, *([f"{100 * rest:.0f} % other ways"] if len(shares) > _SHOWN_WAYS else [])])

    def _sceptic(self) -> str:
        other, found = self.sceptic, self.against_sceptic
        if other is None or found is None:
            return ""
        if self.is_sceptic:
            return f"A sceptic would ship the same: {other.name} is {self.sceptic_is}."
        verb = "It beats" if self.beats_sceptic else "It does not beat"
        figures = f"{ms_words(other.latency_ms)}, {accuracy_words(other.accuracy, self.right_is)}"
        return (
            f"{verb} {self.sceptic_is}, {other.name} ({figures}): {self.sceptic_words or found}."
            f"{f' {self.why[:1].upper()}{self.why[1:]}.' if self.why else ''}"
        )


def _figures(figures: AnswerFigures | None) -> dict[str, Any] | None:
    return None if figures is None else {name: getattr(figures, name) for name in AnswerFigures.__slots__}
