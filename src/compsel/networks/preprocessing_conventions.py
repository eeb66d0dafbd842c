"""The customs by which networks see pixels, for a resolution (height, width).

All resize bicubically: without antialiasing, bilinear interpolation costs 1 to 2 points of top-1 on photographs.
"""

from compsel.inputs.images.preprocessing import ImagePreprocessing

__all__ = ["caffe", "tensorflow", "torchvision"]


def torchvision(resolution: tuple[int, int]) -> ImagePreprocessing:
    """Return torchvision's: RGB, mean 0 and variance 1 over ImageNet, shorter side to 256 / 224 of the resolution."""
    return ImagePreprocessing(
        resolution=resolution,
        crop_fraction=0.875,
        interpolation="bicubic",
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    )


def caffe(resolution: tuple[int, int]) -> ImagePreprocessing:
    """Return Caffe's: BGR minus the means over ImageNet."""
    return ImagePreprocessing(
        resolution=resolution,
        crop_fraction=0.875,
        interpolation="bicubic",
        mean=(103.939, 116.779, 123.68),
        channels="BGR",
    )


def tensorflow(resolution: tuple[int, int]) -> ImagePreprocessing:
    """Return TensorFlow's for its Inceptions and MobileNets: RGB from -1 to 1, central 87.5 %."""
    return ImagePreprocessing(
        resolution=resolution, crop_fraction=0.875, interpolation="bicubic", mean=(127.5,) * 3, std=(127.5,) * 3
    )
