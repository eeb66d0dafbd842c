"""Read what exporters write into the metadata of an ONNX file: ONNX's own keys for images, and Ultralytics'."""

from collections.abc import Mapping

from compsel.inputs.class_names import names_from
from compsel.inputs.images.conventions import GEOMETRIES, NORMALISATIONS, preprocessing_of, swapped
from compsel.inputs.images.image_input import ImageInput
from compsel.inputs.images.preprocess_option import DEFAULT_SIDE
from compsel.inputs.images.preprocessing import ImagePreprocessing

__all__ = ["class_names", "image_metadata"]

# https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md
_FORMAT, _RANGE = "Image.BitmapPixelFormat", "Image.NominalPixelRange"
_RANGES = {"nominalrange_0_255": "raw", "normalized_0_1": "zero-one", "normalized_1_1": "tensorflow"}
_NAMES = ("id2label", "names", "labels", "classes", "class_names", "label_names")


def image_metadata(metadata: Mapping[str, str], taken: ImageInput) -> ImagePreprocessing | None:
    """Return the preprocessing that the metadata of a graph describes; None where it describes none.

    Args:
        metadata: of the ONNX file.
        taken: the input of the model.
    """
    resolution = taken.resolution(DEFAULT_SIDE)
    if metadata.get("task") == "classify" and "imgsz" in metadata:  # Ultralytics
        return preprocessing_of(NORMALISATIONS["zero-one"], GEOMETRIES["whole"], taken, resolution)
    spread = _RANGES.get(metadata.get(_RANGE, "").lower())
    if spread is None:
        return None
    normalisation = NORMALISATIONS[spread]
    if metadata.get(_FORMAT, "").lower().startswith("bgr"):
        normalisation = swapped(normalisation)
    return preprocessing_of(normalisation, GEOMETRIES["whole"], taken, resolution)


def class_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the classes that the metadata of a graph has; () where it has none."""
    return next((found for key in _NAMES if (found := names_from(metadata.get(key, "")))), ())
