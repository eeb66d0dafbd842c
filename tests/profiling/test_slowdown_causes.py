"""The rules on made-up runs, and on what ONNX Runtime really runs for real techniques."""

import numpy as np
import pytest

from compsel.inputs.image import PIXELS
from compsel.models.complexity import macs
from compsel.profiling.operator_profile import OperatorProfile, OperatorUse, measure_operators
from compsel.profiling.slowdown_causes import slowdown_causes
from compsel.techniques import parse
from compsel.variants.writer import write_variant

FLOAT = OperatorProfile({"Conv": OperatorUse(10, 8.0), "Gemm": OperatorUse(1, 1.0)}, macs=1000)
X86, VNNI = ["avx2"], ["avx2", "avx512_vnni"]


def run(macs=1000, **uses):
    return OperatorProfile({kind: OperatorUse(*use) for kind, use in uses.items()}, macs)


def test_dynamic_convolutions():
    variant = run(ConvInteger=(10, 60.0), DynamicQuantizeLinear=(10, 20.0), Add=(10, 1.0))
    why = slowdown_causes(variant, FLOAT, VNNI)
    assert why.startswith(
        "10 convolutions run as ConvInteger, for which the runtime has no fast kernel: 74% of the time"
    )
    assert "measuring ranges in every inference 25%" in why
    assert "instruction" not in why


@pytest.mark.parametrize(("sets", "told"), [(X86, True), (VNNI, False), (["asimd", "asimddp"], False), ([], False)])
def test_8_bit_products_without_the_instruction(sets, told):
    why = slowdown_causes(run(QLinearConv=(10, 9.0)), FLOAT, sets)
    assert ("no instruction for 8-bit dot products" in why) == told


def test_casts_of_float16():
    why = slowdown_causes(run(Conv=(10, 8.0), Gemm=(1, 1.0), Cast=(22, 1.0)), FLOAT, X86)
    assert why == "22 more Casts (10% of the time) to and from the float32 in which this processor computes"


def test_quantise_and_dequantise_operators_around_float_ones():
    why = slowdown_causes(run(Conv=(10, 8.0), QuantizeLinear=(10, 2.0), DequantizeLinear=(10, 2.0)), FLOAT, VNNI)
    assert "20 quantise and dequantise operators take 33% of the time" in why


def test_formats_that_save_bytes_only():
    assert slowdown_causes(FLOAT, FLOAT, X86) == (
        "it computes what the uncompressed model computes, in float32: only bytes are saved"
    )
    four_bit = run(Conv=(10, 8.0), MatMulNBits=(1, 1.0))
    assert "but for 1 of its products, which unpack weights as they run" in slowdown_causes(four_bit, FLOAT, X86)


def test_fewer_multiply_accumulates_in_more_products():
    why = slowdown_causes(run(macs=600, Conv=(20, 9.0), Gemm=(2, 1.0)), FLOAT, X86)
    assert why == "40% fewer multiply-accumulates, but in 22 products instead of 11"
    assert "only bytes" not in slowdown_causes(run(macs=600, Conv=(10, 8.0), Gemm=(1, 1.0)), FLOAT, X86)


def test_what_the_uncompressed_model_does_not_run():
    why = slowdown_causes(run(Conv=(10, 8.0), Gemm=(1, 1.0), Clip=(10, 3.0), Relu=(1, 0.1)), FLOAT, X86)
    assert "10 Clip (25%)" in why
    assert "Relu" not in why


def test_nothing_is_said_of_the_unknown():
    assert slowdown_causes(run(Conv=(12, 8.0), Gemm=(1, 1.0)), FLOAT, X86) == ""


@pytest.fixture(scope="module")
def original(small_model, tmp_path_factory):
    return real_run(small_model, tmp_path_factory.mktemp("none"))


def real_run(model, folder):
    variant = write_variant(model, folder, "logits")
    feeds = {PIXELS: np.zeros((1, *model.preprocessing.resolution, 3), np.uint8)}
    return OperatorProfile(measure_operators(folder / variant.pixels_file, feeds), macs(model))


@pytest.mark.parametrize(
    ("technique", "says"),
    [
        ("int8-dynamic", "27 convolutions run as ConvInteger"),
        ("prune:0.5", "only bytes are saved"),
    ],
)
def test_real_techniques_fall_into_known_traps(technique, says, small_model, original, tmp_path):
    variant = real_run(parse(technique).apply(small_model), tmp_path)
    assert says in slowdown_causes(variant, original, X86)


def test_what_ran_is_counted_and_timed(original):
    assert original.operators["Conv"].count == 27
    assert all(use.time_ms >= 0 for use in original.operators.values())
    assert original.share("Conv") > 0.3
