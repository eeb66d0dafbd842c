"""Which samples a model learned from, and the folds that follow from the samples' content."""

import cv2
import numpy as np
import pytest

from compsel.errors import ModelError
from compsel.inputs.samples import ArraySamples, ImageFolder
from compsel.techniques.heads.folds import fold_of, sample_hashes
from compsel.techniques.heads.learned import LEARNED_KEY, Learned, learned_from, learned_of, with_learned
from tests.text_models import classifier


def samples(values, groups=None):
    return ArraySamples([{"x": np.full(3, value)} for value in values], groups=groups)


def test_folds_follow_content_not_place():
    values = list(range(200))
    forward, backward = fold_of(samples(values)), fold_of(samples(values[::-1]))
    assert (forward == backward[::-1]).all()
    assert np.bincount(forward, minlength=5).min() > 20
    twice = fold_of(samples([*values, *values]))
    assert (twice[:200] == twice[200:]).all()
    assert set(fold_of(samples(values), folds=3).tolist()) == {0, 1, 2}


def test_samples_of_a_group_share_a_fold():
    folds = fold_of(samples(range(60), groups=[f"group {value // 6}" for value in range(60)]))
    assert all(len(set(folds[start : start + 6].tolist())) == 1 for start in range(0, 60, 6))
    assert len(set(folds.tolist())) > 1


def test_a_model_knows_its_samples_wherever_they_stand(tmp_path):
    seen = samples(range(10))
    model = with_learned(classifier(), Learned("head", {"l2": 1e-3}, sample_hashes(seen)))
    model.save(tmp_path / "m.onnx")
    loaded = type(model).load(tmp_path / "m.onnx")
    assert learned_from(loaded, samples([3, 99, 0])).tolist() == [True, False, True]
    learned = learned_of(loaded)
    assert learned is not None and (learned.kind, learned.options) == ("head", {"l2": 1e-3})
    assert learned_of(classifier()) is None


def test_damaged_metadata_is_refused():
    proto = classifier().copy_proto()
    proto.metadata_props.add(key=LEARNED_KEY, value='{"kind": "head"}')
    with pytest.raises(ModelError, match="cannot be read"):
        learned_of(classifier().with_proto(proto))


def test_files_are_hashed_once_and_again_where_they_change(tmp_path, monkeypatch):
    for name in ("a.png", "b.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), np.full((8, 8, 3), ord(name[0]), np.uint8))
    read = []
    monkeypatch.setattr(ImageFolder, "source", lambda self, index: read.append(index) or self.path(index).read_bytes())
    folder = ImageFolder(tmp_path)
    before = sample_hashes(folder)
    assert (sample_hashes(folder.subset([2, 0])) == before[[2, 0]]).all() and fold_of(folder).shape == (3,)
    assert sorted(read) == [0, 1, 2]
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((9, 9, 3), np.uint8))
    after = sample_hashes(folder)
    assert (after != before).tolist() == [False, True, False] and sorted(read) == [0, 1, 1, 2]
