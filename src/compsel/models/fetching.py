"""Fetch what is given as an address: a model with all that loading it looks at, anything else as it is."""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath

from compsel.errors import LocationError, ModelError
from compsel.models.beside.names import BELOW, TOKENIZER, documents_of
from compsel.progress import Reporter
from compsel.storage.locations import using
from compsel.storage.locations.address import address_of
from compsel.storage.locations.using import FilesThere
from compsel.storage.sizes import DOCUMENT_BYTES, physical_memory_bytes, size_words

__all__ = ["fetch"]

# names of data files that are asked for together: what is not there is told before more are asked for
_TOGETHER = 64


def fetch(place: str | os.PathLike[str], reporter: Reporter | None = None) -> Path:
    """Return where a file or folder can be read here; what lies elsewhere is fetched, as far as it has changed.

    For an app that keeps its bundle there: `compsel.load(compsel.fetch("s3://bucket/bundle"))`. With a model (`.onnx`)
    come the files that its weights lie in, and those beside it that say something of it, such as `tokenizer.json`,
    `labels.txt` or `config.json`. It stays there while this process runs.

    Args:
        place: its path, or address.
        reporter: hears it where another process is waited for.

    Raises:
        LocationError: it cannot be read, or there is nothing.
        ModelError: a model that is none, or whose data files are missing, too large, or not in its folder.
        UsageError: no such kind of address.
        MissingDependencyError: its driver is not installed, or a model's `onnx`.

    >>> fetch("profile").as_posix()
    'profile'
    """
    address = address_of(place)
    name = PurePosixPath(address).name
    if name.endswith(".onnx"):
        return _fetch_model(address, reporter)
    if name.endswith(TOKENIZER):
        return _fetch_with(address, documents_of(PurePosixPath(name)), reporter)[0]
    return using.fetch(place, reporter)


def _fetch_model(address: str, reporter: Reporter | None) -> Path:
    from compsel.models.external_data_reader import data_files  # an app fetches bundles
    from compsel.models.loading import read_graph

    path, files, folder = _fetch_with(address, documents_of(PurePosixPath(address)), reporter)
    try:
        outside = data_files(read_graph(path), address)
    except ModelError as error:
        raise ModelError(using.in_addresses(str(error))) from error
    for begin in range(0, len(outside), _TOGETHER):
        _fetch_data(address, files, folder, outside[begin : begin + _TOGETHER], reporter)
    return path


def _fetch_with(address: str, beside: Sequence[str], reporter: Reporter | None) -> tuple[Path, FilesThere, PurePath]:
    """Fetch a file, and those beside it that are there and are not too large to be read.

    Returns:
        its path here; its files; and its folder, below theirs.

    Raises:
        LocationError: it is not there, or too large.
    """
    above, _, name = address.rpartition("/")
    folder = PurePosixPath()
    if above.rpartition("/")[2] == BELOW and not above.endswith(f"//{BELOW}"):  # else it is the bucket
        above, folder = above.rpartition("/")[0], PurePosixPath(BELOW)
    files, wanted = FilesThere(above, address), str(folder / name)
    names = list(dict.fromkeys([*(str(folder / one) for one in beside), *beside]))
    found = files.look([wanted])
    if wanted not in found:
        raise LocationError(f"cannot read {address}: there is no such file: check the address")
    most = physical_memory_bytes() if name.endswith(".onnx") else DOCUMENT_BYTES
    _check_size(address, found[wanted], most)
    found |= files.look([one for one in names if one != wanted], pass_over=True)
    for one in names:
        if one.endswith(TOKENIZER) and one in found:  # without it a model is another one; others are passed over
            _check_size(f"{above}/{one}", found[one], DOCUMENT_BYTES)
    small = [one for one in names if found.get(one, 0) <= DOCUMENT_BYTES]
    files.fetch([wanted, *(one for one in small if one != wanted)], reporter)
    path = files.folder / wanted
    using.note(path, address)
    return path, files, folder


def _fetch_data(
    address: str, files: FilesThere, folder: PurePath, names: Sequence[str], reporter: Reporter | None
) -> None:
    """Fetch files that hold weights.

    Raises:
        ModelError: one is missing, or too large.
    """
    forms = {name: [str(folder / form) for form in _compositions(name)] for name in names}
    found = files.look([form for some in forms.values() for form in some])
    there = {name: next((form for form in some if form in found), "") for name, some in forms.items()}
    advice = "keep the data file beside the model"
    for name, form in there.items():
        if not form:
            raise ModelError(f"{address}: its external data cannot be read ({name!r}: no such file): {advice}")
        _check_size(f"{address.rpartition('/')[0]}/{name}", found[form], physical_memory_bytes())
    files.fetch([*there.values()], reporter)


def _compositions(name: str) -> Iterator[str]:
    """Give the forms of a name: archives of other systems change how accents are composed."""
    yield from dict.fromkeys((name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)))


def _check_size(address: str, size: int, most: int) -> None:
    if size > most:
        got, allowed = size_words(size / 1e6), size_words(most / 1e6)
        raise LocationError(f"{address}: has {got}, allowed are {allowed} for what it is read as: get it again")
