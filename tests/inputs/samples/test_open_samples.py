"""One door for everything that people have: arrays, tables in memory, data sets of other libraries, lists."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

import compsel
from compsel.errors import InputError, SamplesError
from compsel.inputs.image import IMAGE
from compsel.inputs.samples import ArraySamples
from compsel.inputs.tensor_specs import TensorSpec
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT

PIXELS = np.arange(4 * 16 * 16 * 3, dtype=np.uint8).reshape(4, 16, 16, 3)
NUMBERS = np.arange(12, dtype=np.float64).reshape(4, 3)


class TorchLike:
    """What a `torch.utils.data.Dataset` can do."""

    def __init__(self, items: list[Any], broken: int = -1) -> None:
        self.items, self.broken = items, broken

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        if index == self.broken:
            raise OSError("truncated file")
        return self.items[index]


class TensorLike:
    """What a `torch.Tensor` can do."""

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)

    def detach(self) -> "TensorLike":
        return self

    def cpu(self) -> np.ndarray:
        return self.array


class HuggingFaceLike:
    """What a `datasets.Dataset` can do."""

    def __init__(self, columns: dict[str, list[Any]], **names: list[str]) -> None:
        self.columns = columns
        self.column_names = list(columns)
        self.features = {column: SimpleNamespace(names=names.get(column)) for column in columns}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, key: int | str) -> Any:
        return self.columns[key] if isinstance(key, str) else {name: rows[key] for name, rows in self.columns.items()}


class FrameLike:
    """What a `pandas.DataFrame` can do."""

    iloc = None

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self.content = {name: np.array(rows, dtype=object) for name, rows in columns.items()}
        self.columns = list(columns)

    def __getitem__(self, name: str) -> np.ndarray:
        return self.content[name]


@pytest.mark.parametrize("labels", [[2, 0, 1, 1], np.array([2, 0, 1, 1.0]), np.array([[2], [0], [1], [1]])])
def test_arrays_with_labels(labels: Any) -> None:
    samples = compsel.open_samples((PIXELS, labels))
    assert samples.labels == (2, 0, 1, 1)
    assert samples.description == "4 images of 3 classes, 1 to 2 each; labels from y"
    np.testing.assert_array_equal(samples.value(3), PIXELS[3])
    one_hot = compsel.open_samples((PIXELS, np.eye(3, dtype=np.float32)[[2, 0, 1, 1]]))
    assert one_hot.labels == (2, 0, 1, 1)


def test_arrays_with_names_for_labels_and_grey_images() -> None:
    samples = compsel.open_samples((PIXELS[..., 0], ["cat", "ant", "ant", "cat"]))
    assert samples.labels == (1, 0, 0, 1) and samples.label_names == ("ant", "cat")
    assert samples.value(0).shape == (16, 16, 3)
    raw = compsel.open_samples((PIXELS, [0, 1, 1, 0]), modality=TENSORS)
    assert raw.description.startswith("4 samples") and raw.value(0).shape == (16, 16, 3)


def test_images_of_different_sizes_with_labels(tmp_path: Path) -> None:
    images = [np.full((16 + more, 20, 3), 40 * more, np.uint8) for more in range(3)]
    objects = np.empty(3, object)
    objects[:] = images
    encoded = [bytes(cv2.imencode(".png", image)[1]) for image in images]
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for file, content in zip(files, encoded, strict=True):
        file.write_bytes(content)
    for inputs in (images, objects, encoded, files, [image[..., 0] for image in images]):
        samples = compsel.open_samples((inputs, ["cat", "ant", "cat"]))
        assert samples.description.startswith("3 images of 2 classes, 1 to 2 each; labels from "), samples.description
        assert samples.labels == (1, 0, 1)
        assert [samples.value(index).shape for index in range(3)] == [(16, 20, 3), (17, 20, 3), (18, 20, 3)]
    by_name = compsel.open_samples({"images": images, "labels": [0, 1, 0]})
    assert by_name.value(2).shape == (18, 20, 3) and by_name.labels == (0, 1, 0)
    rows = compsel.open_samples(([np.zeros((1, 4 + more), np.float32) for more in range(3)], [0, 1, 0]))
    assert rows.description.startswith("3 samples of 2 classes") and rows.value(1).shape == (1, 5)
    with pytest.raises(SamplesError, match="got 3 inputs and 2 labels"):
        compsel.open_samples((images, [0, 1]))


def test_targets_are_said(tmp_path: Path) -> None:
    assert compsel.ArraySamples([{}, {}], targets=[0.5, 1.5]).description == "2 samples; targets from what was given"
    for number in range(2):
        np.savez(tmp_path / f"{number}.npz", x=np.zeros(3), target=np.ones(2))
    folder = compsel.open_samples(tmp_path)
    assert folder.description == "2 samples; targets from the arrays called target"
    assert folder.subset([0]).description == "1 of 2 samples; targets from the arrays called target"


def test_real_numbers_are_targets() -> None:
    samples = compsel.open_samples((NUMBERS, [0.5, 1.0, -3.0, 2.0]))
    assert samples.labels == (None,) * 4 and [samples.target(i) for i in range(4)] == [0.5, 1.0, -3.0, 2.0]
    assert samples.description == "4 samples; targets from y"
    vectors = compsel.open_samples((NUMBERS, NUMBERS / 7))
    np.testing.assert_array_equal(vectors.subset([1]).target(0), NUMBERS[1] / 7)


def test_an_array_feeds_a_model_with_one_input() -> None:
    model = SimpleNamespace(name="m", inputs=(TensorSpec("float_input", "float32", (None, 3)),), preprocessing=None)
    value = compsel.open_samples((NUMBERS, [0, 1, 1, 0])).value(1)
    feeds = TENSORS.feeds(model, value)
    assert feeds["float_input"].shape == (1, 3) and feeds["float_input"].dtype == np.float32
    assert TENSORS.size(value) == 3 and TENSORS.decode(value) is value
    two = SimpleNamespace(name="m", inputs=model.inputs * 2, preprocessing=None)
    with pytest.raises(InputError, match="give tensors by name"):
        TENSORS.feeds(two, value)


@pytest.mark.parametrize(
    "names", [("X", "y"), ("data", "label"), ("x_test", "y_test"), ("images", "labels"), ("arr_0", "arr_1")]
)
def test_archives_with_a_sample_a_row(tmp_path: Path, names: tuple[str, str]) -> None:
    np.savez(tmp_path / "digits.npz", **{names[0]: NUMBERS, names[1]: [3, 0, 1, 1]})
    samples = compsel.open_samples(tmp_path / "digits.npz")
    assert samples.labels == (3, 0, 1, 1) and "labels from digits.npz" in samples.description
    np.testing.assert_array_equal(samples.value(2), NUMBERS[2])
    assert compsel.open_samples(tmp_path).labels == samples.labels  # the folder that holds it alone


def test_of_parts_of_a_data_set_the_one_for_test_counts(tmp_path: Path) -> None:
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=PIXELS[:3], y_train=[0, 1, 2], x_test=PIXELS[3:], y_test=[7])
    samples = compsel.open_samples(path)
    assert samples.labels == (7,)
    assert any("x_train, y_train are not used" in note for note in samples.notes)


def test_arrays_by_the_names_of_inputs() -> None:
    arrays = {"ids": np.ones((4, 5), np.int64), "mask": np.zeros((4, 5), np.int64), "label": [0, 1, 0, 1]}
    samples = compsel.open_samples(arrays)
    assert samples.value(0).keys() == {"ids", "mask"} and samples.value(0)["ids"].shape == (1, 5)
    assert samples.labels == (0, 1, 0, 1)
    with pytest.raises(SamplesError, match="other lengths"):
        compsel.open_samples({**arrays, "mask": np.zeros((3, 5))})
    with pytest.raises(SamplesError, match="both hold the labels"):
        compsel.open_samples({**arrays, "target": [0, 1, 0, 1]})
    assert compsel.open_samples({**arrays, "target": [0, 1, 0, 1]}, label="target").value(0).keys() == {
        "ids",
        "mask",
        "label",
    }


def test_an_npy_holds_inputs_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", NUMBERS)
    assert compsel.open_samples(tmp_path / "x.npy").description == "4 samples without labels"
    (tmp_path / "bad.npy").write_bytes(b"nothing")
    with pytest.raises(SamplesError, match=r"bad\.npy: not an \.npy"):
        compsel.open_samples(tmp_path / "bad.npy")


def pairs() -> Iterator[tuple[Any, Any]]:
    yield from zip(PIXELS, ["cat", "ant", "cat", "cat"], strict=True)


@pytest.mark.parametrize(
    "source",
    [
        pairs(),
        list(pairs()),
        tuple(pairs()),
        TorchLike(list(pairs())),
        TorchLike([{"image": image, "label": label} for image, label in pairs()]),
        TorchLike([(PIL.Image.fromarray(image), label) for image, label in pairs()]),
        TorchLike([(TensorLike(image), label) for image, label in pairs()]),
        HuggingFaceLike(
            {"image": [PIL.Image.fromarray(image) for image in PIXELS], "label": [1, 0, 1, 1]}, label=["ant", "cat"]
        ),
        [(cv2.imencode(".png", image[..., ::-1])[1].tobytes(), label) for image, label in pairs()],
    ],
)
def test_pairs_and_data_sets_of_other_libraries(source: Any) -> None:
    samples = compsel.open_samples(source)
    assert samples.labels == (1, 0, 1, 1) and samples.label_names == ("ant", "cat")
    assert samples.description.startswith("4 images of 2 classes, 1 to 3 each; labels from")
    for index in range(4):
        np.testing.assert_array_equal(samples.value(index), PIXELS[index])
    assert samples.digest() == samples.digest() != samples.subset([0, 1]).digest()
    assert samples.ordered_by(("cat", "ant")).labels == (0, 1, 0, 0)


def test_items_that_cannot_be_read_are_left_out() -> None:
    samples = compsel.open_samples(TorchLike(list(pairs()), broken=1))
    assert samples.names == ("0", "2", "3")
    assert samples.notes[-1] == "1 image cannot be read: left out: 1 (OSError: truncated file)"
    with pytest.raises(SamplesError, match="truncated file"):
        compsel.open_samples(TorchLike(list(pairs()), broken=1), strict=True)
    with pytest.raises(SamplesError, match="none of its 1 items"):
        compsel.open_samples(TorchLike([0], broken=0))


def test_tokenized_data_sets_are_named_inputs() -> None:
    rows = {"input_ids": [[1, 2], [3, 4]], "attention_mask": [[1, 1], [1, 0]], "label": [1, 0]}
    items = [{name: column[row] for name, column in rows.items()} for row in range(2)]
    for source in (HuggingFaceLike(rows), TorchLike(items)):
        samples = compsel.open_samples(source)
        assert samples.labels == (1, 0) and samples.value(1)["input_ids"].tolist() == [[3, 4]]


def test_texts_of_data_sets_and_lists() -> None:
    data = HuggingFaceLike(
        {"idx": [7, 8], "sentence": ["off!", "hello"], "label": [0, 1]}, label=["lights", "greeting"]
    )
    samples = compsel.open_samples(data)
    assert [sample.value for sample in samples] == ["off!", "hello"] and samples.label_names == ("lights", "greeting")
    assert samples.ordered_by(("greeting", "lights")).labels == (1, 0)
    with pytest.raises(SamplesError, match="the input is not clear"):
        compsel.open_samples(HuggingFaceLike({"sentence": ["a"], "image": [1], "label": [0]}))
    assert compsel.open_samples(["off!", "hello"]).description == "2 texts without labels"
    with pytest.raises(SamplesError, match=r"in parts \['train', 'test'\]"):
        compsel.open_samples({"train": data, "test": data})


def test_frames(tmp_path: Path) -> None:
    texts = compsel.open_samples(FrameLike({"query": ["off!", "hello"], "intent": ["lights", float("nan")]}))
    assert texts.labels == (0, None) and texts.value(1) == "hello"
    for number in range(2):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), PIXELS[number])
    files = [str(tmp_path / f"{number}.png") for number in range(2)]
    images = compsel.open_samples(FrameLike({"path": files, "species": ["cat", "ant"]}))
    assert images.labels == (1, 0) and images.value(0).shape == (16, 16, 3)
    numbers = compsel.open_samples(FrameLike({"a": [1, 2], "b": [3.5, 4], "target": [1, 0]}))
    assert numbers.labels == (1, 0) and numbers.value(1).tolist() == [2.0, 4.0]
    with pytest.raises(SamplesError, match="not all numbers"):
        compsel.open_samples(FrameLike({"a": ["u", "v"], "b": [3.5, 4], "c": [1, 0]}))


def test_paths_with_labels(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), PIXELS[0])
    (tmp_path / "b.png").write_bytes(b"nothing")
    samples = compsel.open_samples([(tmp_path / "a.png", "cat"), (tmp_path / "b.png", "ant")])
    assert samples.label_names == ("cat",) and samples.source(0) == (tmp_path / "a.png").read_bytes()
    assert samples.findings.left_out == 1


def test_samples_are_returned_as_they_are() -> None:
    samples = ArraySamples([{}, {}])
    assert compsel.open_samples(samples) is samples


@pytest.mark.parametrize("source", [3, None, b"bytes", [], (i for i in ()), {}, TorchLike([])])
def test_what_is_no_samples(source: Any) -> None:
    with pytest.raises(SamplesError, match=r"samples|arrays|items|none"):
        compsel.open_samples(source)


def test_the_model_decides_where_a_source_could_be_several_things(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), PIXELS[0])
    np.savez(tmp_path / "b.npz", x=NUMBERS)
    with pytest.raises(SamplesError, match="inputs of several kinds"):
        compsel.open_samples(tmp_path)
    assert isinstance(compsel.open_samples(tmp_path, modality=IMAGE), compsel.ImageFolder)
    assert isinstance(compsel.open_samples(tmp_path, modality=lambda: TENSORS), compsel.TensorFolder)
    assert isinstance(compsel.open_samples(tmp_path, modality=lambda: IMAGE), compsel.ImageFolder)
    (tmp_path / "t.csv").write_text("file,text,label\na.png,hello,1\n")
    with pytest.raises(SamplesError, match="--text or --file"):
        compsel.open_samples(tmp_path / "t.csv")
    assert compsel.open_samples(tmp_path / "t.csv", text="text").value(0) == "hello"
    assert compsel.open_samples(tmp_path / "t.csv", modality=TEXT).value(0) == "hello"
    assert compsel.open_samples(tmp_path / "t.csv", file="file").names == ("a.png",)


def test_a_folder_with_a_table_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text,label\nhello,1\n")
    assert compsel.open_samples(tmp_path).value(0) == "hello"
    (tmp_path / "u.csv").write_text("text,label\nhello,1\n")
    with pytest.raises(SamplesError, match=r"several tables \(t\.csv, u\.csv\)"):
        compsel.open_samples(tmp_path)
    with pytest.raises(SamplesError, match="no such file or folder: give a folder of images"):
        compsel.open_samples(tmp_path / "absent")
