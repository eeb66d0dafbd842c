import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.errors import TechniqueError
from compsel.techniques import TECHNIQUES, Chain, parse
from compsel.techniques.int8_static import Int8Static
from compsel.techniques.prune import Prune
from compsel.techniques.resolution import Resolution

SINGLE = st.one_of(
    st.sampled_from([TECHNIQUES["none"](), TECHNIQUES["float16"](), TECHNIQUES["int8-dynamic"]()]),
    st.builds(Prune, st.floats(0, 1), st.sampled_from(["layer", "global"])),
    st.builds(Resolution, st.integers(16, 2000), st.sampled_from([0, 16, 300])),
    st.builds(
        Int8Static,
        method=st.sampled_from(["minmax", "percentile", "entropy", "mse"]),
        percentile=st.floats(51, 100),
        samples=st.integers(1, 10_000),
        per_channel=st.booleans(),
        weights=st.sampled_from(["int8", "uint8"]),
        weight_range=st.sampled_from(["safe", "full", "reduced"]),
    ),
)
ANY = st.one_of(SINGLE, st.lists(SINGLE, min_size=2, max_size=3).map(lambda parts: Chain(tuple(parts))))


@given(ANY)
def test_reads_back_what_a_technique_writes(technique: Chain | Prune) -> None:
    assert parse(technique.spec) == technique


def test_positional_named_and_spaced() -> None:
    assert parse("prune:0.8") == parse("prune:sparsity=0.8") == parse(" prune : 0.8 ".replace(" :", ":"))
    assert parse("int8-static:entropy, per_channel=no") == Int8Static(method="entropy", per_channel=False)
    assert parse("resolution:192+int8-static").spec == "resolution:192+int8-static"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("int9", r"got technique 'int9', allowed are none, int8-static, .*, and chains of them with '\+'"),
        ("", "got technique ''"),
        ("none+", "got technique ''"),
        ("none:1", "none: got option '1', it has none"),
        ("prune:density=0.5", "prune: got option 'density=0.5', allowed are sparsity=..., scope=..."),
        ("prune:0.5,0.6", "prune: got option '0.6', allowed are"),
        ("prune:0.5,sparsity=0.6", "got option 'sparsity' twice"),
        ("prune:half", "prune: sparsity: got 'half', allowed is a number"),
        ("prune:1.5", "prune: got sparsity 1.5, allowed is 0 to 1"),
        ("prune:nan", "prune: got sparsity nan, allowed is 0 to 1"),
        ("resolution:1e3", "resolution: height: got '1e3', allowed is a whole number"),
        ("int8-static:per_channel=maybe", "per_channel: got 'maybe', allowed are true and false"),
        ("int8-static:weights=int4", "weights: got 'int4', allowed are int8, uint8"),
    ],
)
def test_errors_say_what_is_allowed(spec: str, message: str) -> None:
    with pytest.raises(TechniqueError, match=message):
        parse(spec)


def test_a_chain_of_one_is_none() -> None:
    with pytest.raises(TechniqueError, match="got 1 techniques, allowed are 2 or more"):
        Chain((parse("none"),))
