import numpy as np
import pytest

from compsel.building.measure import measure
from compsel.errors import ProfileError, SelectorError
from compsel.inputs.samples import ArraySamples, TensorFolder
from compsel.processors import CpuProcessor
from compsel.profiling.output_quality import OutputQuality
from compsel.profiling.profile import Profile
from compsel.profiling.quality import measure_quality
from compsel.variants.writer import write_variant
from tests import confident_models
from tests.measuring import quick
from tests.reporters import Heard


def test_fidelity_is_one_minus_the_relative_error():
    output_quality = OutputQuality()
    assert output_quality.score([np.array([3.0, 4.5])], [np.array([3.0, 4.0])], None) == pytest.approx(0.9)
    assert output_quality.score([np.array([30.0, 40.0])], [np.array([3.0, 4.0])], None) == 0.0
    assert output_quality.score([np.array([np.nan, 4.0])], [np.array([3.0, 4.0])], None) == 0.0


def test_cosine_does_not_see_the_length():
    output_quality = OutputQuality("cosine")
    assert output_quality.score([np.array([30.0, 40.0])], [np.array([3.0, 4.0])], None) == pytest.approx(1.0)
    assert output_quality.score([np.array([-3.0, -4.0])], [np.array([3.0, 4.0])], None) == 0.0
    assert output_quality.score([np.zeros(2)], [np.array([3.0, 4.0])], None) == 0.0


@pytest.mark.parametrize("word", ["fidelity", "cosine"])
@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_what_the_model_leaves_out_on_purpose_is_not_an_error(word: str, missing: float) -> None:
    """NaN for atoms that are missing, minus infinity for classes that are masked."""
    rated = OutputQuality(word)
    wanted = [np.array([missing, 3.0, 4.0]), np.array([missing])]
    assert rated.score(wanted, wanted, None) == pytest.approx(1.0)
    assert rated.score([np.array([missing, 3.0, 4.0]), np.array([0.0])], wanted, None) == 0.0
    assert rated.score([np.array([0.0, 3.0, 4.0]), np.array([missing])], wanted, None) == 0.0
    assert rated.score([np.array([missing, -3.0, -4.0]), np.array([missing])], wanted, None) == 0.0
    assert rated.score([np.array([missing])], [np.array([missing])], None) == 1.0


@pytest.mark.parametrize("word", ["fidelity", "cosine"])
def test_other_numbers_of_outputs_or_shapes_are_worth_nothing(word):
    output_quality = OutputQuality(word)
    assert output_quality.score([np.ones(2)], [np.ones(3)], None) == 0.0
    assert output_quality.score([np.ones(2)], [np.ones(2), np.ones(1)], None) == 0.0


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        (confident_models.broken, "quality .*broken: failed with KeyError"),
        (confident_models.boundless, "quality .*boundless: gave 7.0, allowed is a number from 0 to 1"),
        (lambda outputs, target: float("nan"), "gave nan"),
        (lambda outputs, target: None, "failed with TypeError"),
    ],
)
def test_a_function_of_quality_that_breaks_its_contract_is_named(quality, said):
    with pytest.raises(SelectorError, match=said):
        OutputQuality(quality).score([np.zeros(1)], None, 0.0)


@pytest.mark.parametrize("good_enough", [0.0, -1.0, 1.5, float("nan")])
def test_good_enough_is_a_share(good_enough):
    with pytest.raises(ProfileError, match="good_enough: got"):
        OutputQuality(good_enough=good_enough)


def test_bad_functions_stop_before_anything_is_measured(tmp_path):
    with pytest.raises(SelectorError, match="quality: got 'nowhere'"):
        measure([confident_models.fast()], confident_models.inputs(4), tmp_path, quick(quality="nowhere"))
    assert not list(tmp_path.iterdir())


def test_labels_that_nothing_reads_are_spoken_of(tmp_path):
    heard = Heard()
    samples = ArraySamples([confident_models.inputs(4).value(row) for row in range(4)], labels=[0, 1, 2, 3])
    profile, _ = measure([confident_models.fast()], samples, tmp_path, quick(techniques=["none"]), reporter=heard)
    said = next(message for message in heard.messages if "labels are ignored" in message)
    assert "fast gives no class scores" in said
    assert "--task" in said
    assert "quality=" in said
    assert (profile.quality == 1.0).all()
    assert profile.quality_criterion.reference == "fast/none"


def test_several_models_are_compared_with_the_largest(tmp_path):
    models = [confident_models.fast(), confident_models.slow()]
    profile, _ = measure(models, confident_models.inputs(30), tmp_path, quick(techniques=["none"]))
    assert profile.quality_criterion.reference == "slow/none"
    hard = [confident_models.inputs(30).value(row)["x"][0, 0] > confident_models.HARD for row in range(30)]
    assert np.array_equal(profile.quality[:, 0] < 0.5, hard)
    assert (profile.quality[:, 1] == 1.0).all()
    assert Profile.load(tmp_path).quality_criterion == profile.quality_criterion


def test_another_quality_measures_again_and_another_threshold_does_not(tmp_path):
    variants = [write_variant(confident_models.fast(), tmp_path, "other")]
    samples = confident_models.inputs(6)
    counted = []

    def quality(outputs, target):
        counted.append(target)
        return confident_models.closeness(outputs, target)

    def measured(output_quality):
        before = len(counted)
        measure_quality(
            variants, tmp_path, samples, tmp_path / "profile", CpuProcessor(1), output_quality=output_quality
        )
        return len(counted) - before

    assert measured(OutputQuality(quality, good_enough=0.9)) == 6
    assert measured(OutputQuality(quality, good_enough=0.5)) == 0
    assert measured(OutputQuality(quality, confident_models.sureness)) == 6
    assert counted[:6] == [samples.target(row) for row in range(6)]


def test_targets_are_read_from_files_and_belong_to_the_sample(tmp_path):
    np.savez(tmp_path / "0.npz", x=np.ones((1, 8), np.float32), target=np.array([8.0]))
    samples = TensorFolder(tmp_path)
    assert list(samples.value(0)) == ["x"]
    assert samples.subset([0]).target(0).tolist() == [8.0]
    values = [np.zeros(2)]
    assert ArraySamples(values, targets=[1.0]).digest() != ArraySamples(values, targets=[2.0]).digest()
    assert ArraySamples(values, labels=[3]).target(0) == 3
