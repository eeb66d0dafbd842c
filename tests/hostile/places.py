"""What is no file, in the place of a file: FIFOs, devices, holes of a terabyte, folders, and links to them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compsel.cli.run_inputs import given_inputs
from compsel.errors import CompselError, InputError, ModelError, ProfileError, SamplesError, UsageError, WeightsError
from compsel.inputs.class_names import read_class_names
from compsel.inputs.modalities import open_samples
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import text_preprocessing
from compsel.models.model import Model
from compsel.networks import load_weights
from compsel.profiling.latency_table import read_latency
from compsel.profiling.profile import Profile
from tests.hostile.documents import read_settings
from tests.hostile.kinds import Kind, hole

__all__ = ["KINDS"]


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _link_to_a_fifo(path: Path) -> None:
    os.mkfifo(path.with_name("fifo"))
    path.symlink_to("fifo")


def _terabyte(path: Path) -> None:
    hole(path, 10**12)


def _folder(path: Path) -> None:
    path.mkdir()


def _in(name: str, read: Callable[[Path], Any]) -> Callable[[Path], Any]:
    return lambda path: read(path.parent if "/" not in name else path.parent.parent)


_PLACES = (_fifo, _device, _link_to_a_fifo, _terabyte, _folder)
_READERS: tuple[tuple[str, Callable[[Path], Any], type[CompselError]], ...] = (
    *((f"a{suffix}", load_weights, WeightsError) for suffix in (".npz", ".safetensors", ".pth", ".bin", ".json")),
    ("model.json", _in("model.json", load_weights), WeightsError),
    ("a.onnx", Model.load, ModelError),
    *(
        (f"a{suffix}", open_samples, SamplesError)
        for suffix in (".npz", ".npy", ".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
    ),
    ("one.npz", _in("one.npz", open_samples), SamplesError),
    ("a.txt", read_class_names, SamplesError),
    ("classes.json", read_class_names, SamplesError),
    ("tokenizer.json", text_preprocessing, ModelError),
    ("compsel.toml", read_settings, UsageError),
    ("profile.json", _in("profile.json", Profile.load), ProfileError),
    ("latency/idle.parquet", _in("latency/idle.parquet", read_latency), ProfileError),
    ("given.npz", lambda path: given_inputs([str(path)], TENSORS, names=("x",)), InputError),
    ("given.txt", lambda path: given_inputs([], TEXT, path), InputError),
)


def _kind(name: str, place: Callable[[Path], None], read: Callable[[Path], Any], error: type[CompselError]) -> Kind:
    def make(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        place(path)
        return path

    return Kind(f"places: {name} as {place.__name__[1:].replace('_', ' ')}", make, read, error)


KINDS = [
    _kind(name, place, read, error)
    for name, read, error in _READERS
    for place in _PLACES
    # a folder is read as a folder
    if not (place is _folder and (read is load_weights or read is open_samples or name.startswith("given")))
]
