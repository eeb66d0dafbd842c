"""Slowdown causes: why a variant is no faster than its model on a CPU, read from the operators that really ran.

Compression promises less work; whether a processor does less is another question. Each rule here recognises one
cause, from the operator profiles of both (`compsel.profiling.operator_profile`), their multiply-accumulates and the
instruction sets of the processor. Where no rule recognises anything, the cause is unknown.

The rules come from what users report of ONNX Runtime: convolutions whose inputs are quantised while the model runs
(issue 12854), 8-bit products without the instructions for them (6732, 17389), float16 on a CPU (2871); and from the
(de)quantise operators that ISPA 2018 ("To Compress, or Not to Compress", figure 7) found to be the cause on its board.
"""

from collections.abc import Callable, Sequence

from compsel.profiling.operator_profile import OperatorProfile

__all__ = ["slowdown_causes"]

# what processors multiply 8-bit numbers with: four products and their sum in one instruction
_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}
_PRODUCTS = {"Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"}
_INTEGER = {
    *("QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat"),
    *("DynamicQuantizeMatMul", "QLinearConvTranspose"),
}
_BLOCKWISE = {"MatMulNBits", "MatMulBnb4", "GatherBlockQuantized"}
_CONVERSIONS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
# below these shares of the time an operator explains nothing
_NOTABLE, _LARGE = 0.05, 0.15
# the multiply-accumulates of blockwise products are not counted
_SAME_MACS = 0.95


def slowdown_causes(variant: OperatorProfile, original: OperatorProfile, instruction_sets: Sequence[str]) -> str:
    """Return the known causes for a variant's being no faster than its model; "" where none is known.

    Args:
        variant, original: their operator profiles on the same processor.
        instruction_sets: of the processor, as Linux calls them (`compsel.device.fingerprint`).

    >>> from compsel.profiling.operator_profile import OperatorUse
    >>> float32 = OperatorProfile({"Conv": OperatorUse(27, 9.0)}, macs=100)
    >>> slowdown_causes(float32, float32, ["avx2"])
    'it computes what the uncompressed model computes, in float32: only bytes are saved'
    """
    found = [rule(variant, original, instruction_sets) for rule in _RULES]
    return "; ".join(reason for reason in found if reason)


def _dynamic_convolution(variant: OperatorProfile, original: OperatorProfile, sets: Sequence[str]) -> str:
    count = variant.count("ConvInteger")
    if not count:
        return ""
    ranges = variant.share("DynamicQuantizeLinear")
    measuring = f", and measuring ranges in every inference {ranges:.0%}" if ranges > _NOTABLE else ""
    return (
        f"{count} convolutions run as ConvInteger, for which the runtime has no fast kernel: "
        f"{variant.share('ConvInteger'):.0%} of the time{measuring}"
    )


def _casts(variant: OperatorProfile, original: OperatorProfile, sets: Sequence[str]) -> str:
    more = variant.count("Cast") - original.count("Cast")
    if more <= 0 or variant.count(*_INTEGER):
        return ""
    share = variant.share("Cast")
    return f"{more} more Casts ({share:.0%} of the time) to and from the float32 in which this processor computes"


def _conversions(variant: OperatorProfile, original: OperatorProfile, sets: Sequence[str]) -> str:
    kinds = _CONVERSIONS - ({"DynamicQuantizeLinear"} if variant.count("ConvInteger") else set())
    share = variant.share(*kinds)
    if share < _LARGE:
        return ""
    return f"{variant.count(*kinds)} quantise and dequantise operators take {share:.0%} of the time"


def _no_dot_product(variant: OperatorProfile, original: OperatorProfile, sets: Sequence[str]) -> str:
    if not variant.count(*_INTEGER) or not sets or _DOT_PRODUCTS.intersection(sets):
        return ""
    return "this processor has no instruction for 8-bit dot products (VNNI, AMX; on Arm dotprod, i8mm)"


def _blockwise(variant: OperatorProfile, original: OperatorProfile, sets: Sequence[str]) -> str:
    share = variant.share(*_BLOCKWISE)
    if share < _LARGE:
        return ""
    return (
        f"{variant.count(*_BLOCKWISE)} products unpack blocks of few-bit weights while they run "
        f"({share:.0%} of the time): that pays where memory, not arithmetic, is short"
    )


def _more_operators(variant: OperatorProfile, original: OperatorProfile, sets: Sequence[str]) -> str:
    """Name operators that the model does not need: the largest first, at most three."""
    explained = {"ConvInteger", "Cast", *_INTEGER, *_CONVERSIONS, *_BLOCKWISE, *_PRODUCTS}
    more = {
        kind: variant.share(kind)
        for kind, use in variant.operators.items()
        if kind not in explained and use.count > original.count(kind) and variant.share(kind) >= _NOTABLE
    }
    if not more:
        return ""
    largest = sorted(more, key=lambda kind: -more[kind])[:3]
    listed = ", ".join(f"{variant.count(kind) - original.count(kind)} {kind} ({more[kind]:.0%})" for kind in largest)
    return f"operators that the uncompressed model does not run, or that are fused there: {listed} of the time"


def _fewer_but_smaller(variant: OperatorProfile, original: OperatorProfile, sets: Sequence[str]) -> str:
    if variant.macs is None or not original.macs or variant.macs > _SAME_MACS * original.macs:
        return ""
    less = 1 - variant.macs / original.macs
    now, before = variant.count(*_PRODUCTS), original.count(*_PRODUCTS)
    if now > before:
        return f"{less:.0%} fewer multiply-accumulates, but in {now} products instead of {before}"
    return f"{less:.0%} fewer multiply-accumulates do not make it faster"


def _only_bytes(variant: OperatorProfile, original: OperatorProfile, sets: Sequence[str]) -> str:
    if variant.count(*_INTEGER, "Cast") > original.count(*_INTEGER, "Cast"):
        return ""
    if None not in (variant.macs, original.macs) and (variant.macs or 0) < _SAME_MACS * (original.macs or 0):
        return ""
    blocks = variant.count(*_BLOCKWISE)
    if variant.count(*_PRODUCTS) + blocks != original.count(*_PRODUCTS):
        return ""
    rest = f", but for {blocks} of its products, which unpack weights as they run" if blocks else ""
    return f"it computes what the uncompressed model computes, in float32{rest}: only bytes are saved"


_Rule = Callable[[OperatorProfile, OperatorProfile, Sequence[str]], str]
_RULES: tuple[_Rule, ...] = (
    _dynamic_convolution,
    _casts,
    _conversions,
    _no_dot_product,
    _blockwise,
    _more_operators,
    _fewer_but_smaller,
    _only_bytes,
)
