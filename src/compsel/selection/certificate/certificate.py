"""The certificate: what a bundle promises, what that rests on, and whether other samples contradict it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from compsel.errors import BundleError, SelectorError
from compsel.selection.certificate.bounds import binomial_p_value

__all__ = ["Certificate", "CertificateCheck"]

_CONTRADICTED = 0.05
_KIND = "agreement"


@dataclass(frozen=True, slots=True)
class CertificateCheck:
    """What other samples say about a certificate.

    Attributes:
        n: how many samples.
        disagreements: on how many of them the bundle gave another answer than the reference network.
        p_value: the probability of as many, or more, if the promise were just kept.
        broken: whether they contradict the promise with 95 % confidence.
        sentence: in words.
    """

    n: int
    disagreements: int
    p_value: float
    broken: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """A promise: on inputs like these, the bundle agrees with its most accurate network on at least so many.

    What is promised is `level`, at `confidence`. The other figures tell what that rests on.

    Attributes:
        kind: "agreement".
        level: least share of inputs on which the policy gives the reference's answer.
        confidence: that this is so, over the samples that judged.
        reference: the most accurate uncompressed network.
        n: how many inputs judged; none of them had a part in training the policy.
        disagreements: on how many of them the policy gave another answer.
        bound: the highest rate of disagreement that their number does not speak against at `confidence`.
        speedup: cost of the reference over the mean cost of the policy, on these inputs, on an idle device.
        speedup_95: its 95 % interval over the inputs.
        escalated: share of these inputs that the reference answered.
        penalty: the operating point: cost of a wrong answer, in the unit of the costs.
        n_trained: how many other inputs the policy was trained on.
        n_groups: of how many independent groups the n inputs are.

    >>> given = Certificate("agreement", 0.99, 0.95, "net/none", 1200, 5, 0.0088, 3.1, (2.9, 3.3), 0.2, 900.0, 800, 1200)
    >>> print(given.sentence())
    on inputs like these it agrees with net/none on at least 99 % (95 % confidence) at 3.1 times its speed (95 %: 2.9 to 3.3); 5 of 1200 inputs kept aside got another answer
    >>> given.check(400, 3).broken, given.check(400, 12).broken
    (False, True)
    """  # noqa: E501  # one sentence, as it is printed

    kind: str
    level: float
    confidence: float
    reference: str
    n: int
    disagreements: int
    bound: float
    speedup: float
    speedup_95: tuple[float, float]
    escalated: float
    penalty: float
    n_trained: int
    n_groups: int

    def sentence(self) -> str:
        """Return the promise in words."""
        low, high = self.speedup_95
        return (
            f"on inputs like these it agrees with {self.reference} on at least {100 * self.level:g} % "
            f"({100 * self.confidence:g} % confidence) at {self.speedup:.1f} times its speed "
            f"(95 %: {low:.1f} to {high:.1f}); {self.disagreements} of {self.n} inputs kept aside got another answer"
        )

    def check(self, n: int, disagreements: int) -> CertificateCheck:
        """Return whether other inputs, on some of which the bundle disagreed with the reference, break the promise.

        It counts as broken where so many disagreements, or more, would be seen in at most 5 % of cases if the promise
        were just kept (exact binomial test): a few more than the promise allows may be chance. The inputs have to be
        independent of each other.

        Raises:
            SelectorError: more disagreements than inputs.
        """
        if not 0 <= disagreements <= n:
            raise SelectorError(f"certificate: got {disagreements} disagreements of {n} inputs, allowed are 0 to {n}")
        allowed = 1.0 - self.level
        # at least so many disagreements are at most so many agreements
        p_value = float(binomial_p_value(n - disagreements, n, self.level))
        broken = p_value <= _CONTRADICTED
        kept = not broken and float(binomial_p_value(disagreements, n, allowed)) <= _CONTRADICTED
        verdict = (
            "that breaks the certificate (95 % confidence): build the bundle again, with inputs like these among the "
            "samples"
            if broken
            else "that keeps the certificate (95 % confidence)"
            if kept
            else "that does not contradict the certificate, and too few inputs to confirm it"
        )
        share = disagreements / n if n else 0.0
        sentence = (
            f"certificate of {100 * self.level:g} % agreement with {self.reference}: {disagreements} of {n} inputs "
            f"({share:.2%}) got another answer, {100 * allowed:.3g} % may: {verdict}"
        )
        return CertificateCheck(n, disagreements, p_value, broken, sentence)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, the sentence included."""
        return {**asdict(self), "speedup_95": list(self.speedup_95), "sentence": self.sentence()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Certificate":
        """Read the JSON form.

        Raises:
            BundleError: something else, or a kind that this compsel does not know.
        """
        try:
            low, high = map(float, content["speedup_95"])
            found = cls(
                str(content["kind"]),
                float(content["level"]),
                float(content["confidence"]),
                str(content["reference"]),
                int(content["n"]),
                int(content["disagreements"]),
                float(content["bound"]),
                float(content["speedup"]),
                (low, high),
                float(content["escalated"]),
                float(content["penalty"]),
                int(content["n_trained"]),
                int(content["n_groups"]),
            )
        except (LookupError, TypeError, ValueError) as error:
            raise BundleError(f"certificate: is damaged ({error!r}): build the bundle again") from error
        shares = (found.level, found.confidence)
        if found.kind != _KIND or not all(0 < share < 1 for share in shares) or found.disagreements > found.n:
            raise BundleError(
                f"certificate: got kind {found.kind!r} at {found.level:g} and {found.confidence:g}, allowed are "
                f"{_KIND!r} and shares: build the bundle again"
            )
        return found
