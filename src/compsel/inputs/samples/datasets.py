"""Data sets of other libraries, by what they can do: torch's have `len` and `[i]`, Hugging Face's also columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from compsel.errors import CompselError, SamplesError
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.samples.arrays import ArraySamples
from compsel.inputs.samples.columns import find_column
from compsel.inputs.samples.findings import Findings
from compsel.inputs.samples.labels_in_memory import SampleAnswers, read_answers
from compsel.inputs.samples.listed import ListedSamples
from compsel.inputs.samples.values import as_array, as_value, is_picture
from compsel.inputs.samples.versions import array_hash

__all__ = ["DatasetSamples", "from_columns", "from_dataset", "from_pairs", "noun_of"]


Key = int | str | tuple[str, ...] | None


class DatasetSamples(ListedSamples):
    """Items of a data set that are read when they are needed.

    Args:
        items: a sequence.
        places: which of them are samples.
        key: of the input in an item: its place, its name, or the names of the inputs of a model, which then get an axis
            for the batch; None: the item is the input.
        answers: labels or targets, one a sample.
        findings: of opening them.

    >>> DatasetSamples([("hello", 1)], [0], 0, SampleAnswers(None, [1]), Findings()).value(0)
    'hello'
    """

    def __init__(self, items: Any, places: Sequence[int], key: Key, answers: SampleAnswers, findings: Findings) -> None:
        super().__init__(map(str, places), answers.classes, findings=findings)
        self._items, self._places, self._key, self._targets = items, tuple(places), key, answers.targets
        self._versions: dict[int, str] = {}

    def value(self, index: int) -> Any:
        """Read the input at `index`."""
        return as_value(_input(self._items[self._places[index]], self._key))

    def target(self, index: int) -> Any:
        """Return the target at `index`."""
        return self._labels[index] if self._targets is None else self._targets[index]

    def version(self, index: int) -> str:
        """Return a hash of the input at `index`."""
        if index not in self._versions:
            self._versions[index] = array_hash(self.value(index))
        return self._versions[index]


def from_columns(dataset: Any, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> DatasetSamples:
    """Open a `datasets.Dataset` of Hugging Face: its columns are found by name, its classes by its features.

    Raises:
        SamplesError: no column of inputs, or several.
    """
    columns, source = list(dataset.column_names), type(dataset).__name__
    label = find_column("label", columns, options.label, source)
    key = options.file or options.text or _input_column(columns, label, source)
    names = getattr((getattr(dataset, "features", None) or {}).get(label), "names", None)
    findings = Findings(options.strict)
    answers = SampleAnswers(None, None)
    if label is not None:
        answers = read_answers(list(dataset[label]), f"column {label!r}", options, findings, names)
    findings.noun = noun_of(as_value(_input(dataset[0], key)) if len(dataset) else None)
    return DatasetSamples(dataset, range(len(dataset)), key, answers, findings)


def _input_column(columns: Sequence[str], label: str | None, source: str) -> Key:
    found = {kind: find_column(kind, columns, None, source) for kind in ("file", "text")}
    named = [column for column in found.values() if column is not None]
    others = [column for column in columns if column != label]
    if len(named) == 1:
        return named[0]
    if not named:
        return others[0] if len(others) == 1 else tuple(others)
    raise SamplesError(
        f"{source}: got columns {list(columns)}, and the input is not clear: say file=, for images, or text="
    )


def from_dataset(dataset: Any, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> DatasetSamples:
    """Open a `torch.utils.data.Dataset`, or what has `len` and `[i]` like it.

    Each item is `(input, label)`, the input alone, or a mapping that names both. All are read once for the labels,
    unless the data set has them in `targets`.

    Raises:
        SamplesError: no items, or none that can be read.
    """
    source, findings = type(dataset).__name__, Findings(options.strict)
    said, refused, first = [], [], None
    for place in range(len(dataset)):
        try:
            item = dataset[place]
            value, answer = _split(item, source, options)
            first = as_value(value) if first is None else first
        except Exception as error:  # what a data set of others raises is not known
            if isinstance(error, CompselError) and first is None:
                raise
            refused.append(f"{place} ({type(error).__name__}: {error})")
            continue
        said.append((place, answer))
    if not said:
        raise SamplesError(f"{source}: none of its {len(dataset)} items can be read: {', '.join(refused[:1])}")
    findings.noun = noun_of(first)
    findings.leave_out(refused, "cannot be read")
    places = [place for place, _ in said]
    answers = SampleAnswers(None, None)
    if any(answer is not None for _, answer in said):
        answers = read_answers(
            [answer for _, answer in said], source, options, findings, getattr(dataset, "classes", None)
        )
    return DatasetSamples(dataset, places, _key(dataset[places[0]], source, options), answers, findings)


def from_pairs(items: Iterable[Any], options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> ArraySamples:
    """Make samples of `(input, label)` pairs, or of inputs, that a list or a generator gives; they are kept in memory.

    Raises:
        SamplesError: there are none.
    """
    findings = Findings(options.strict)
    pairs = [_split(item, "samples", options) for item in items]
    if not pairs:
        raise SamplesError("samples: got none: give pairs of input and label")
    values = [as_value(value) for value, _ in pairs]
    findings.noun = noun_of(values[0])
    said = [answer for _, answer in pairs]
    if all(answer is None for answer in said):
        return ArraySamples(values, findings=findings)
    answers = read_answers(said, "the pairs", options, findings)
    return ArraySamples(values, answers.classes, targets=answers.targets, findings=findings)


def noun_of(value: Any) -> str:
    """Return what values like this one are called, in the plural.

    >>> noun_of("hello"), noun_of(None)
    ('texts', 'samples')
    """
    if isinstance(value, str):
        return "texts"
    return "images" if is_picture(value) or _is_image(value) else "samples"


def _is_image(value: Any) -> bool:
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return str(getattr(value, "dtype", "")) == "uint8" and len(shape) == 3 and shape[2] == 3


def _input(item: Any, key: Key) -> Any:
    if isinstance(key, tuple):
        return {name: as_array(item[name])[None] for name in key}
    return item if key is None else item[key]


def _key(item: Any, source: str, options: SampleOptions) -> Key:
    if isinstance(item, Mapping):
        keys = [str(key) for key in item]
        label = find_column("label", keys, options.label, source)
        return options.file or options.text or _input_column(keys, label, source)
    return 0 if isinstance(item, (tuple, list)) else None


def _split(item: Any, source: str, options: SampleOptions) -> tuple[Any, Any]:
    """Return the input and the answer of an item; None for the answer where there is none."""
    if isinstance(item, Mapping):
        label = find_column("label", [str(key) for key in item], options.label, source)
        return _input(item, _key(item, source, options)), None if label is None else item[label]
    if isinstance(item, (tuple, list)):
        if len(item) != 2:
            raise SamplesError(f"{source}: got an item of {len(item)} parts, allowed are (input, label) and the input")
        return item[0], item[1]
    return item, None
