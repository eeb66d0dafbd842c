"""Adding features takes one file, and one line in `EXTRACTORS`: toys pass the checks, and profiles have them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from compsel.cli.main import main
from compsel.features import EXTRACTORS, FeatureExtractor
from compsel.features.image import check_image
from compsel.profiling.profile import Profile
from tests.features.test_extractor_contract import CASES, CHECKS, Case

# --- the file -------------------------------------------------------------------------------------------------------


class CornerFeatures(FeatureExtractor):
    """Colour of the first pixel, grey levels."""

    names = ("corner_red", "corner_green", "corner_blue")

    def _extract(self, x: Any) -> np.ndarray:
        return check_image(x)[0, 0].astype(np.float32)


# --- the line -------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRACTORS, "corner", CornerFeatures)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_shared_checks(check: Callable[[Case], None]) -> None:
    check(Case(CornerFeatures(), CASES[0].inputs, CASES[0].refused))


def test_profiles_have_them_and_their_cost(small_model: Any, crops: Any, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for index, sample in enumerate(crops.spread(4)):
        assert cv2.imwrite(str(tmp_path / "images" / f"{index}.png"), sample.value[:, :, ::-1])
    words = "--technique none --processor cpu:1 --state idle --calibration 2 --budget 0.2"
    places = ["--samples", tmp_path / "images", "--out", tmp_path / "profile"]
    model = small_model.save(tmp_path / "small.onnx")
    assert main(["profile", str(model), *map(str, places), *words.split()]) == 0
    profile = Profile.load(tmp_path / "profile")
    names = [name for name in profile.feature_names if name.rpartition(":")[2].endswith(CornerFeatures.names)]
    assert len(names) == 3
    assert profile.features_ms["corner"] > 0
    columns = [profile.feature_names.index(name) for name in names]
    np.testing.assert_array_equal(profile.features[0][columns], next(iter(crops.spread(4))).value[0, 0])
