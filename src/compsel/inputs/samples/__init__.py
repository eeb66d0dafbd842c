"""Samples: in memory, in folders of images, in folders of tensors, in tables of texts."""

from compsel.inputs.samples.arrays import ArraySamples
from compsel.inputs.samples.base import ListedSamples, Sample, Samples, Subset
from compsel.inputs.samples.image_folder import ImageFolder
from compsel.inputs.samples.tensor_folder import TensorFolder
from compsel.inputs.samples.text_table import TextTable

__all__ = ["ArraySamples", "ImageFolder", "ListedSamples", "Sample", "Samples", "Subset", "TensorFolder", "TextTable"]
