import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from compsel.errors import SamplesError
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.samples import ArraySamples, ImageFolder, TensorFolder
from compsel.inputs.samples.tensor_folder import read_tensors


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        image = np.full((4, 5, 3), (0, 0, 50 * number), np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    return tmp_path


def labels(folder, text, encoding="utf-8"):
    (folder / "labels.csv").write_bytes(text.encode(encoding))
    return folder


def test_images_without_labels_in_the_order_of_their_names(folder):
    (folder / "notes.txt").write_text("not an image")
    (folder / "folder.png").mkdir()
    samples = ImageFolder(folder)
    assert samples.names == ("0.png", "1.png", "2.png")
    assert samples.labels == (None, None, None)
    assert not samples.labelled
    assert samples[2].value.shape == (4, 5, 3)
    assert samples[2].value[0, 0].tolist() == [100, 0, 0]


def test_images_with_labels_in_the_order_of_the_table(folder):
    samples = ImageFolder(labels(folder, 'label,file,comment\n 7 ,2.png,\n0,0.png,"a, b"\n'), classes=8)
    assert [(sample.name, sample.label) for sample in samples] == [("2.png", 7), ("0.png", 0)]
    assert samples.labelled


@pytest.mark.parametrize(
    "text", ["\ufefffile,label\n0.png,1\n", "file,label\r\n0.png,1\r\n", "file,label\n\n0.png,1\n\n\n"]
)
def test_byte_order_mark_line_ends_and_blank_lines_are_fine(folder, text):
    samples = ImageFolder(labels(folder, text))
    assert (samples.names, samples.labels) == (("0.png",), (1,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"labels.csv: got columns \[\], needed is 'file'"),
        ("0.png,3\n", r"got columns \['0.png', '3'\], needed is 'file': .* the first line has to name the columns"),
        ("file,label\n", "has no rows"),
        ("file,label\n0.png,7.5\n", "line 2: got label '7.5', allowed is a whole number, 0 to"),
        ("file,label\n0.png,1\n1.png,10\n", "line 3: got label '10', allowed is a whole number, 0 to 9"),
        ("file,label\n0.png,-1\n", "got label '-1'"),
        ("file,label\n0.png," + "9" * 5000 + "\n", "got label '999"),
        ("file,label\n0.png,1\n0.png,2\n", "0.png stands there twice"),
        ("file,label\n../0.png,1\n", "line 2: '../0.png' lies outside the folder"),
        ("file,label\n/etc/hostname,1\n", "lies outside the folder"),
        ("file,label\n9.png,1\n", "names 1 file, and none is there: 9.png"),
        ("file,label\n.,1\n", "and none is there"),
        ("file,label\na\0b.png,1\n", "none is there|zero bytes"),
        ("file,label\n" + "a" * 5000 + ",1\n", "and none is there"),
        ("file,label\n0.png\n", "line 2: got 1 fields, the header has 2"),
        ("file,label\n0.png,1,2\n", "line 2: got 3 fields, the header has 2"),
        ('file,label\n"0.png,1\n', "quotes that end"),
        ("path,img,label\n0.png,0.png,1\n", "'path' and 'img' could both hold"),
        ("file,class,species\n0.png,1,2\n", "'class' and 'species' could both hold the labels"),
    ],
)
def test_a_malformed_table_of_labels_says_where_and_what(folder, text, message):
    with pytest.raises(SamplesError, match=message):
        ImageFolder(labels(folder, text), classes=10)


def test_a_table_that_is_not_utf8_is_read_as_latin_1_and_says_so(folder):
    (folder / "0.png").rename(folder / "h\u00fct.png")
    samples = ImageFolder(labels(folder, "file,label\nh\u00fct.png,1\n", "latin-1"))
    assert samples.names == ("h\u00fct.png",)
    assert any("read as Latin-1" in note for note in samples.notes)


def test_a_table_that_is_a_folder(folder):
    (folder / "labels.csv").mkdir()
    with pytest.raises(SamplesError, match=r"labels\.csv: cannot be read"):
        ImageFolder(folder)


def test_a_link_out_of_the_folder_lies_outside(folder, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.png"
    secret.write_bytes(b"secret")
    (folder / "link.png").symlink_to(secret)
    with pytest.raises(SamplesError, match="lies outside"):
        ImageFolder(labels(folder, "file,label\nlink.png,1\n"))


def test_labels_without_bound_still_fit_a_table(folder):
    with pytest.raises(SamplesError, match="allowed is a whole number"):
        ImageFolder(labels(folder, f"file,label\n0.png,{2**40}\n"))


@pytest.mark.parametrize("kind", [ImageFolder, TensorFolder])
def test_no_folder_and_an_empty_one(kind, tmp_path):
    with pytest.raises(SamplesError, match="no such folder"):
        kind(tmp_path / "absent")
    with pytest.raises(SamplesError, match=r"has no"):
        kind(tmp_path)


def test_tensors_by_name_with_and_without_labels(tmp_path):
    tokens = np.arange(6).reshape(2, 3)
    np.savez(tmp_path / "b.npz", tokens=tokens, label=np.int64(4))
    np.savez(tmp_path / "a.npz", tokens=tokens)
    samples = TensorFolder(tmp_path)
    assert (samples.names, samples.labels) == (("a.npz", "b.npz"), (None, 4))
    assert samples.value(1).keys() == {"tokens"}
    np.testing.assert_array_equal(samples.value(1)["tokens"], tokens)


def truncated(path):
    np.savez(path, x=np.arange(1000))
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path):
    np.savez(path, x=np.arange(1000))
    content = bytearray(path.read_bytes())
    content[500] ^= 255
    path.write_bytes(content)


def lone_array(path):
    with path.open("wb") as stream:
        np.save(stream, np.arange(3))


def pickled(path):
    np.savez(path, x=np.array([{"a": 1}], object))


def other_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"not an array")


@pytest.mark.parametrize("damage", [truncated, flipped, lone_array, pickled, other_archive])
def test_a_damaged_archive_names_its_file(tmp_path, damage):
    damage(tmp_path / "sample.npz")
    with pytest.raises(SamplesError, match=r"sample\.npz: not an \.npz of plain arrays"):
        TensorFolder(tmp_path).value(0)


@pytest.mark.parametrize("name", ["hello", "a text of some length " * 100])
def test_what_is_no_file_is_not_called_damaged(name):
    with pytest.raises(SamplesError, match=r"no such file: give the path of an \.npz") as raised:
        read_tensors(Path(name))
    assert len(str(raised.value)) < 200


def test_an_empty_archive_names_its_file(tmp_path):
    (tmp_path / "sample.npz").touch()
    with pytest.raises(SamplesError, match=r"sample\.npz"):
        TensorFolder(tmp_path)


@pytest.mark.parametrize("label", [-1, 1.5, [1, 2], "cat", 2**62])
def test_a_label_that_is_no_class(tmp_path, label):
    np.savez(tmp_path / "sample.npz", x=np.zeros(1), label=np.array(label))
    with pytest.raises(SamplesError, match=r"got label .*, allowed is one whole number from 0.* called target"):
        TensorFolder(tmp_path)


def test_arrays_need_one_label_and_one_name_each():
    image = np.zeros((2, 2, 3), np.uint8)
    with pytest.raises(SamplesError, match="give one of each"):
        ArraySamples([image, image], labels=[1])
    with pytest.raises(SamplesError, match="'a' twice"):
        ArraySamples([image, image], names=["a", "a"])


def test_spread_takes_the_same_samples_from_all_over():
    samples = ArraySamples([np.full((1, 1, 3), n, np.uint8) for n in range(10)])
    assert samples.spread(3).names == ("0", "3", "6")
    assert samples.spread(100).names == samples.names
    assert len(samples.spread(0)) == 0
    assert samples.subset([9, 1]).subset([1])[0].value[0, 0, 0] == 1


def test_another_content_label_or_name_is_another_digest():
    images = [np.zeros((2, 2, 3), np.uint8), np.ones((2, 2, 3), np.uint8)]
    digests = {
        ArraySamples(images).digest(),
        ArraySamples(images[::-1]).digest(),
        ArraySamples(images, labels=[0, 1]).digest(),
        ArraySamples(images, names=["x", "y"]).digest(),
        ArraySamples([{"x": image} for image in images]).digest(),
        ArraySamples([{"y": image} for image in images]).digest(),
        ArraySamples(images).digest(1),
    }
    assert len(digests) == 7
    assert ArraySamples(images).digest() == ArraySamples([image.copy() for image in images]).digest()
    assert ArraySamples(images).spread(1).digest() == ArraySamples(images).digest(1)


def test_a_changed_file_is_another_digest(folder):
    before = ImageFolder(folder).digest()
    assert ImageFolder(folder).digest() == before
    assert ImageFolder(labels(folder, "file,label\n0.png,1\n1.png,1\n2.png,1\n")).digest() != before
    labelled = ImageFolder(folder).digest()
    os.utime(folder / "2.png", ns=(1, 1))
    assert ImageFolder(folder).digest() != labelled
    assert ImageFolder(folder).digest(2) == ImageFolder(folder).subset([0, 1]).digest()


def test_versions_of_one_photograph_share_a_group(folder):
    text = "file,label,group\n2.png,7,cat.jpg\n0.png,0,dog.jpg\n1.png,0,dog.jpg\n"
    samples = ImageFolder(labels(folder, text))
    assert samples.groups == ("cat.jpg", "dog.jpg", "dog.jpg")
    assert samples.subset([2, 0]).groups == ("dog.jpg", "cat.jpg")


def test_without_groups_each_sample_is_its_own(folder):
    assert ImageFolder(folder).groups == ("0.png", "1.png", "2.png")
    assert ArraySamples([np.zeros(2)] * 2).groups == ("0", "1")
    assert ArraySamples([np.zeros(2)] * 2, groups=["a", "a"]).groups == ("a", "a")
    with pytest.raises(SamplesError, match="numbers of labels, names, groups or targets"):
        ArraySamples([np.zeros(2)] * 2, groups=["a"])


def test_sources_are_what_an_app_holds(folder, tmp_path):
    samples = ImageFolder(folder)
    some = samples.subset([1])
    assert some.source(0) == samples.source(1) == samples.path(1).read_bytes()
    assert isinstance(some.undecoded(0), EncodedImage)
    np.testing.assert_array_equal(some.undecoded(0).decode().pixels, samples.value(1))
    arrays = ArraySamples([np.zeros((2, 2, 3), np.uint8)])
    assert arrays.source(0) is arrays.undecoded(0) is arrays.value(0)


def test_sequences_and_maps_have_a_digest_of_their_content() -> None:
    one = np.ones(2, np.float32)
    values = [{"s": [one, one]}, {"s": [one, one + 1]}, {"s": [one]}, {"s": {"a": 1.0}}, {"s": {"b": 1.0}}, {"s": "a"}]
    assert len({ArraySamples([value]).digest() for value in values}) == len(values)
    assert ArraySamples(values).digest() == ArraySamples(values).digest()
