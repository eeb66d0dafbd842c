"""Folders of images as people have them: by class, with tables of any name, with files that are no samples."""

import io
from pathlib import Path

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps
import pytest

import compsel
from compsel.errors import SamplesError
from compsel.inputs.samples import ImageFolder, SampleOptions, TensorFolder
from tests.reporters import Heard

STRICT = SampleOptions(strict=True)


def add(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = cv2.imencode(path.suffix, np.full((6, 9, 3), 20 * number, np.uint8))[1]
        path.write_bytes(data.tobytes())
    return folder


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def noted(samples: compsel.Samples, text: str) -> bool:
    return any(text in note for note in samples.notes)


def test_folders_by_class(tmp_path: Path) -> None:
    samples = compsel.open_samples(add(tmp_path, "cat/1.png", "ant/1.png", "cat/deep/2.jpg"))
    assert samples.names == ("ant/1.png", "cat/1.png", "cat/deep/2.jpg")
    assert (samples.labels, samples.label_names) == ((0, 1, 1), ("ant", "cat"))
    assert samples.description == "3 images of 2 classes, 1 to 2 each; labels from folder names"
    assert noted(samples, "ant, cat, in the order sorted by name") and noted(samples, "deeper inside: 1 image:")
    assert samples.ordered_by(("cat", "dog", "ant")).labels == (2, 0, 0)
    assert samples[1].value.shape == (6, 9, 3)


def test_the_only_folder_inside_is_gone_into(tmp_path: Path) -> None:
    samples = compsel.open_samples(add(tmp_path, "birds/val/owl/1.png", "birds/val/tit/1.png"))
    assert samples.label_names == ("owl", "tit") and noted(samples, "the images are those in")
    flat = compsel.open_samples(add(tmp_path / "flat", "images/1.png", "images/2.png"))
    assert flat.labels == (None, None) and flat.description == "2 images without labels"


@pytest.mark.parametrize(("parts", "given"), [(("train", "val"), "val"), (("Test", "training", "valid"), "valid")])
def test_parts_of_a_data_set_are_asked_about(tmp_path: Path, parts: tuple[str, ...], given: str) -> None:
    folder = add(tmp_path, *(f"{part}/{name}/1.png" for part in parts for name in ("cat", "ant")))
    with pytest.raises(SamplesError, match=f"parts of a data set: .* such as .*{given}$"):
        compsel.open_samples(folder)
    assert compsel.open_samples(folder / given).label_names == ("ant", "cat")


def test_an_order_of_the_classes_beside_the_folders(tmp_path: Path) -> None:
    for name in ("labels.txt", "classes.txt"):
        folder = write(add(tmp_path / name[:3], "cat/1.png", "ant/1.png"), name, "dog\ncat\nant\n")
        samples = compsel.open_samples(folder)
        assert (samples.labels, samples.label_names) == ((2, 1), ("dog", "cat", "ant"))
    assert compsel.open_samples(folder, labels=["ant", "cat"]).labels == (0, 1)
    with pytest.raises(SamplesError, match="got label 'ant', allowed are cat"):
        compsel.open_samples(folder, labels=["cat"])


def test_folders_called_by_number_are_indices(tmp_path: Path) -> None:
    samples = compsel.open_samples(add(tmp_path, "0/1.png", "10/1.png", "2/1.png"))
    assert samples.labels == (0, 10, 2) and samples.label_names == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("annotations.csv", "filename;species\n1.png;cat\n2.png;ant\n"),
        ("metadata.jsonl", '{"file_name": "1.png", "class": "cat"}\n{"file_name": "2.png", "class": "ant"}\n'),
        ("Train Labels.TSV", "image\tcategory\n1.png\tcat\n2.png\tant\n"),
        ("birds.csv", "id,breed\n1,cat\n2,ant\n"),
        ("w.csv", "who,image name,y\nme,C:\\photos\\1.png,cat\nyou,D:\\2.png,ant\n"),
        ("x.csv", "Image Index,Finding\n1.png,cat\n2.png,ant\n"),
    ],
)
def test_tables_of_any_name_and_format(tmp_path: Path, name: str, text: str) -> None:
    samples = compsel.open_samples(write(add(tmp_path, "1.png", "2.png"), name, text))
    assert samples.names == ("1.png", "2.png") and samples.labels == (1, 0)
    assert f"labels from {name}, column" in samples.description


def test_files_are_found_in_a_folder_inside(tmp_path: Path) -> None:
    folder = write(add(tmp_path, "images/1.png", "images/2.png"), "annotations.csv", "file,label\n1.png,3\n2.png,4\n")
    samples = compsel.open_samples(folder)
    assert samples.names == ("images/1.png", "images/2.png") and samples.labels == (3, 4)
    assert noted(samples, "without their folder or suffix: found by name")


def test_columns_are_named_and_groups_kept_together(tmp_path: Path) -> None:
    text = "a,b,c\n1.png,cat,x\n2.png,ant,x\n"
    samples = compsel.open_samples(write(add(tmp_path, "1.png", "2.png"), "t.csv", text), label="b", group="c")
    assert samples.labels == (1, 0) and samples.groups == ("x", "x")
    for columns in ({"label": "z"}, {"group": "z"}, {"file": "z"}):
        with pytest.raises(SamplesError, match=r"got columns .*'z'"):
            compsel.open_samples(tmp_path / "t.csv", **columns)


def test_several_tables(tmp_path: Path) -> None:
    folder = write(add(tmp_path, "1.png", "2.png"), "a.csv", "file,label\n1.png,3\n2.png,1\n")
    write(folder, "b.csv", "file,label\n1.png,4\n2.png,1\n")
    with pytest.raises(SamplesError, match=r"a\.csv and b\.csv all name its images: give the one that counts"):
        compsel.open_samples(folder)
    assert compsel.open_samples(folder / "b.csv").labels == (4, 1)
    write(folder, "labels.csv", "file,label\n1.png,5\n2.png,1\n")
    samples = compsel.open_samples(folder)
    assert samples.labels == (5, 1) and noted(samples, "a.csv is not looked at")


def test_a_table_that_names_no_image_is_said(tmp_path: Path) -> None:
    folder = write(add(tmp_path, "1.png"), "prices.csv", "name,price\napple,3\n")
    samples = compsel.open_samples(folder)
    assert samples.labels == (None,) and noted(samples, "prices.csv names no image of the folder")


def test_what_a_table_does_not_name_or_names_in_vain_is_left_out_aloud(tmp_path: Path) -> None:
    folder = add(tmp_path, *(f"{n}.png" for n in range(6)))
    write(folder, "labels.csv", "file,label\n0.png,1\n1.png,\ngone.png,2\n2.png,2\n2.png,2\n")
    samples = compsel.open_samples(folder)
    assert samples.names == ("0.png", "1.png", "2.png") and samples.labels == (1, None, 2)
    assert noted(samples, "labels.csv names 3 of 6 images: 3 left out: 3.png, 4.png, 5.png")
    assert noted(samples, "1 of 5 files that labels.csv names is missing: 1 left out: gone.png")
    assert noted(samples, "1 image without a label: 1.png")
    assert samples.description == (
        "3 images of 2 classes, 1 each, 1 without a label; labels from labels.csv; 4 left out"
    )
    assert not samples.labelled
    with pytest.raises(SamplesError, match=r"is missing: gone\.png: mend it; without strict"):
        compsel.open_samples(folder, strict=True)


@pytest.mark.parametrize("text", ["file,label\n0.png,1\n1.png,\n", "file,label\n0.png,1\n"])
def test_strict_minds_rows_without_label_and_images_without_row(tmp_path: Path, text: str) -> None:
    folder = write(add(tmp_path, "0.png", "1.png"), "labels.csv", text)
    assert len(compsel.open_samples(folder)) == text.count("png")
    with pytest.raises(SamplesError, match=r"1\.png"):
        ImageFolder(folder, options=STRICT)


def test_hidden_files_and_kinds_that_are_not_read(tmp_path: Path) -> None:
    folder = add(tmp_path, "1.png", "2.png")
    for name in ("._1.png", ".DS_Store", "Thumbs.db", "notes.txt", "3.HEIC", "4.avif", "5.gif"):
        (folder / name).write_bytes(b"\0\5\x16\7 something")
    samples = compsel.open_samples(folder)
    assert samples.names == ("1.png", "2.png")
    assert noted(samples, "3 files of a kind that is not read (.avif, .gif, .heic): 3 left out: 3.HEIC, 4.avif, 5.gif")
    assert noted(samples, "save as JPEG or PNG") and noted(samples, "1 hidden file ignored: ._1.png")
    assert samples.description == "2 images without labels; 3 left out"
    with pytest.raises(SamplesError, match=r"not read .*3\.HEIC"):
        ImageFolder(folder, options=STRICT)


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    folder = add(tmp_path, "cat/1.png", "cat/2.jpg", "ant/1.png")
    (folder / "cat/2.jpg").write_bytes((folder / "cat/2.jpg").read_bytes()[:-40])
    (folder / "cat/3.png").touch()
    samples = compsel.open_samples(folder)
    assert samples.names == ("ant/1.png", "cat/1.png") and samples.labels == (0, 1)
    assert noted(samples, "2 images cannot be read: left out: cat/2.jpg (truncated), cat/3.png (empty)")
    with pytest.raises(SamplesError, match=r"cat/2\.jpg"):
        ImageFolder(folder, options=STRICT)
    for path in folder.rglob("*.png"):
        path.write_bytes(b"nothing")
    with pytest.raises(SamplesError, match=r"no image of 4 can be read; the first: .*not an image"):
        ImageFolder(folder)


def test_what_decoding_alone_finds_is_left_out_before_measuring(tmp_path: Path) -> None:
    samples = compsel.open_samples(add(tmp_path, "cat/1.png", "cat/2.png", "ant/1.png"))
    (tmp_path / "cat/1.png").write_bytes(b"changed since")
    heard = Heard()
    rest = samples.readable(heard)
    assert rest.names == ("ant/1.png", "cat/2.png") and rest.labels == (0, 1)
    assert any("1 image cannot be read: left out:" in message and "1.png" in message for message in heard.messages)
    assert rest.description.startswith("2 of 3 images of 2 classes, 1 each")
    assert rest.readable(heard) is rest
    with pytest.raises(SamplesError, match=r"1\.png"):
        ImageFolder(tmp_path, options=SampleOptions()).subset([0]) and samples.subset([1]).readable()


def test_images_are_upright_however_they_are_read(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48] = 255  # the left half: upright it is the upper one
    stream = io.BytesIO()
    PIL.Image.fromarray(pixels).save(stream, "JPEG", exif=exif)
    (tmp_path / "1.jpg").write_bytes(stream.getvalue())
    samples = ImageFolder(tmp_path)
    picture = PIL.Image.open(tmp_path / "1.jpg")
    for image in (
        samples.value(0),
        samples.undecoded(0).decode(1).pixels,
        samples.undecoded(0).decode(8).pixels,
        compsel.open_samples([(picture, 0)]).value(0),
    ):
        height, width = image.shape[:2]
        assert height * 2 == width * 3
        assert image[: height // 3].min() > 200 and image[-height // 3 :].max() < 50


def test_tensor_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", x=np.zeros(3), label=number)
    (tmp_path / "1.npz").write_bytes(b"nothing")
    samples = compsel.open_samples(tmp_path)
    assert samples.labels == (0, 2) and noted(samples, "1 sample cannot be read: left out: 1.npz")
    with pytest.raises(SamplesError, match=r"1\.npz"):
        TensorFolder(tmp_path, STRICT)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_of_pillow_are_turned_as_it_would(orientation: int) -> None:
    picture = PIL.Image.fromarray(np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3))
    picture.getexif()[PIL.ExifTags.Base.Orientation] = orientation
    upright = np.asarray(PIL.ImageOps.exif_transpose(picture))
    np.testing.assert_array_equal(compsel.open_samples([picture]).value(0), upright)
