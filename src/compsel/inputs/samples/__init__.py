"""Samples: everything that people have, as a sequence of named inputs with labels; a file a source.

folders          `image_folder`, `tensor_folder`; the files in them: `image_files`
tables           `text_table`, `image_table`; how they are read: `tables/`, whose columns are which: `columns`
arrays in memory `arrays`, `stacked`; files of NumPy: `npz`
other libraries  `datasets`, and lists and generators; what they hold, as values: `values`
labels           `classes`, `labels_in_memory`
what is said     `findings`, `description`

`compsel.open_samples` opens all of them.
"""

from compsel.inputs.sample_options import SampleOptions
from compsel.inputs.samples.arrays import ArraySamples
from compsel.inputs.samples.base import Sample, Samples
from compsel.inputs.samples.image_files import ImageFiles
from compsel.inputs.samples.image_folder import ImageFolder
from compsel.inputs.samples.listed import ListedSamples
from compsel.inputs.samples.subset import Subset
from compsel.inputs.samples.tensor_folder import TensorFolder
from compsel.inputs.samples.text_table import TextSamples, TextTable

__all__ = [
    "ArraySamples",
    "ImageFiles",
    "ImageFolder",
    "ListedSamples",
    "Sample",
    "SampleOptions",
    "Samples",
    "Subset",
    "TensorFolder",
    "TextSamples",
    "TextTable",
]
