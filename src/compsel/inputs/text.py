"""The text modality: a `str`, tokenized for the model, or as it is for models that take strings."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import InputError
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.tensor_specs import TensorSpec
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.inputs.texts.tokenizer import words_of

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = [
    "TEXT",
    "TextModality",
    "fixed_length",
    "ids_input",
    "mask_input",
    "positions",
    "positions_input",
    "takes_strings",
    "takes_tokens",
]

# what a tokenized model is fed, by the names that exporters give it: field of `Tokens`
_FIELDS = {
    **dict.fromkeys(("input_ids", "ids", "token_ids", "input_word_ids", "tokens", "input"), "ids"),
    **dict.fromkeys(("attention_mask", "input_mask", "mask"), "mask"),
    **dict.fromkeys(("token_type_ids", "segment_ids", "input_type_ids"), "types"),
    **dict.fromkeys(("position_ids", "input_position_ids"), "positions"),
}
_PLACES = {"ids": 0, "mask": 1, "types": 2, "positions": 3}
_INTEGERS = ("int64", "int32")
_WORDS = ("what", "is", "the", "of", "a", "please", "turn", "off", "my", "how", "to", "good", "time", "where", "new")
_MOST_WORDS = 24
_VOCABULARY = 2000


class TextModality(Modality):
    """Texts, for models with a `TextPreprocessing`, and for those whose one input is a string.

    >>> TEXT.size("Turn off the lights!"), TEXT.resized("turn off the lights", 2)
    (5.0, 'turn off')
    """

    name = "text"
    preprocessing = TextPreprocessing
    unit = "tokens"
    typical = "the quick brown fox"

    def takes(self, model: ModelLike) -> bool:
        """Whether a model has a text preprocessing, or takes strings as they are."""
        preprocessing = model.preprocessing
        return isinstance(preprocessing, TextPreprocessing) or (preprocessing is None and takes_strings(model.inputs))

    def decode(self, source: Any) -> str:
        """Return a `str` as it is.

        Raises:
            InputError: something else, or nothing but white space.
        """
        if not isinstance(source, str):
            raise InputError(
                f"text: got {type(source).__name__}, allowed is a str: decode bytes, give texts one by one"
            )
        if not source or source.isspace():
            raise InputError("text: got an empty one, allowed is at least one character that is not white space")
        return source

    def _size(self, value: Any, model: ModelLike | None) -> float:
        if isinstance(value, Mapping):
            return max((np.shape(array)[-1] for array in value.values() if np.ndim(array)), default=1)
        preprocessing = None if model is None else model.preprocessing
        if isinstance(preprocessing, TextPreprocessing) and preprocessing.tokenizer:
            return len(preprocessing.open().encode(self.decode(value), preprocessing.max_tokens).ids[0])
        return len(words_of(self.decode(value)))

    def resized(self, value: Any, size: float, model: ModelLike | None = None) -> Any:
        """Return a text of about `size`: the first words of `value`, repeated where it has too few."""
        words = self.decode(value).split()

        def text(count: int) -> str:
            return " ".join(islice(cycle(words), count))

        most = 1
        while self.size(text(most), model) < size and most < 2 * size:
            most *= 2
        low, high = most // 2, most  # the size grows with the words: the fewest that reach it lie between
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.size(text(middle), model) < size else (low, middle)
        near = [text(count) for count in (low, high) if count]
        return min(near, key=lambda one: abs(self.size(one, model) - size))

    def largest_size(self, model: ModelLike) -> float | None:
        """Return what a text is cut to; infinite for strings; None where every text is filled up to a fixed length."""
        preprocessing = model.preprocessing
        if not isinstance(preprocessing, TextPreprocessing) or not preprocessing.tokenizer:
            return math.inf
        return float(preprocessing.max_tokens) if fixed_length(model.inputs) is None else None

    def _feeds(self, model: ModelLike, value: Any) -> dict[str, np.ndarray]:
        text = self.decode(value)
        preprocessing = model.preprocessing
        if not isinstance(preprocessing, TextPreprocessing) or not preprocessing.tokenizer:
            return _string_feeds(model, text)
        tokenizer = preprocessing.open()
        length, plan = _plan(tuple(model.inputs))
        most = preprocessing.max_tokens if length is None else min(length, preprocessing.max_tokens)
        tokens = tokenizer.encode(text, most)
        feeds = {}
        for name, part, dtype in plan:
            array: np.ndarray
            if part == _PLACES["positions"]:
                array = positions(length or tokens.ids.shape[1])
            else:
                array = tokens[part]
                if length is not None:
                    array = _padded(array, length, tokenizer.pad_id if part == 0 else 0)
            feeds[name] = array if dtype == "int64" else array.astype(dtype)
        return feeds

    def graph_feeds(self, model: ModelLike, value: Any) -> dict[str, np.ndarray]:
        """Tokenize; what fits by construction is not checked again."""
        return self.feeds(model, value) if isinstance(value, Mapping) else self._feeds(model, value)

    def synthetic(
        self, model: ModelLike, count: int, refusal: Callable[[Mapping[str, np.ndarray]], str]
    ) -> Sequence[str]:
        """Make texts of words of the tokenizer's vocabulary; for models that take strings, of common words."""
        words = _known_words(model) or list(_WORDS)
        rng = np.random.default_rng(0)
        texts = [
            " ".join(words[index] for index in rng.integers(0, len(words), int(length)))
            for length in rng.integers(3, _MOST_WORDS + 1, count)
        ]
        reason = refusal(self.feeds(model, texts[0]))
        if reason:
            raise InputError(f"{model.name!r} does not run on made-up texts ({reason}): give samples")
        return texts

    def recognises(self, path: Path) -> bool:
        """Whether a path is that of a table of texts."""
        from compsel.inputs.samples.table_kind import is_table, table_holds  # the runtime reads no samples

        return is_table(path) and "text" in table_holds(path)

    def open_samples(self, path: Path, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> "Samples":
        """Open a table with the columns `text` and, where there are labels, `label`."""
        from compsel.inputs.samples.text_table import TextTable  # the runtime reads no samples

        return TextTable(path, options=options)


def takes_strings(inputs: Sequence[TensorSpec]) -> bool:
    """Whether the one input of a model is a text, or a column of texts.

    >>> takes_strings([TensorSpec("text", "string", (None, 1))]), takes_strings([TensorSpec("x", "int64", (None, 1))])
    (True, False)
    """
    if len(inputs) != 1 or inputs[0].dtype != "string":
        return False
    shape = inputs[0].shape
    return shape is None or (len(shape) in (1, 2) and all(axis in (None, 1) for axis in shape))


def takes_tokens(inputs: Sequence[TensorSpec]) -> bool:
    """Whether the inputs of a model are what a tokenizer gives.

    >>> takes_tokens([TensorSpec("input_ids", "int64", (None, None)), TensorSpec("attention_mask", "int64", None)])
    True
    """
    fields = [_field(spec) for spec in inputs]
    return "ids" in fields and None not in fields and len(set(fields)) == len(fields)


def ids_input(inputs: Sequence[TensorSpec]) -> str | None:
    """Return the name of the input for the ids of tokens; None where there is none."""
    return next((spec.name for spec in inputs if _field(spec) == "ids"), None)


def mask_input(inputs: Sequence[TensorSpec]) -> str | None:
    """Return the name of the input that says which tokens count; None where there is none."""
    return next((spec.name for spec in inputs if _field(spec) == "mask"), None)


def positions_input(inputs: Sequence[TensorSpec]) -> str | None:
    """Return the name of the input for the places of tokens in a text; None where there is none."""
    return next((spec.name for spec in inputs if _field(spec) == "positions"), None)


def positions(length: int) -> NDArray[np.int64]:
    """Return the places (1, length) of the tokens of a text, from 0.

    >>> positions(3)
    array([[0, 1, 2]])
    """
    return np.arange(length, dtype=np.int64)[None]


def fixed_length(inputs: Sequence[TensorSpec]) -> int | None:
    """Return the length of the texts of a tokenized model; None where it is open."""
    return min((spec.shape[1] for spec in inputs if spec.shape is not None and spec.shape[1] is not None), default=None)


def _field(spec: TensorSpec) -> str | None:
    if spec.dtype not in _INTEGERS or (spec.shape is not None and len(spec.shape) != 2):
        return None
    return _FIELDS.get(spec.name.partition(":")[0].rpartition("/")[2])


@lru_cache(maxsize=64)
def _plan(inputs: tuple[TensorSpec, ...]) -> tuple[int | None, tuple[tuple[str, int, str], ...]]:
    """Return the length of the inputs where that is fixed; for each its name, place in `Tokens` and element type."""
    if not takes_tokens(inputs):
        got = ", ".join(f"{spec.name} ({spec.dtype} {spec.shape})" for spec in inputs)
        raise InputError(
            f"text: the model has inputs {got}; a tokenizer gives whole numbers (batch, tokens) for "
            f"{', '.join(_FIELDS)}: rename the inputs, or give tensors by name"
        )
    return fixed_length(inputs), tuple((spec.name, _PLACES[_field(spec) or "ids"], spec.dtype) for spec in inputs)


def _string_feeds(model: ModelLike, text: str) -> dict[str, np.ndarray]:
    inputs = model.inputs
    if not takes_strings(inputs):
        names = [f"{spec.name} ({spec.dtype})" for spec in inputs]
        raise InputError(f"{model.name} takes {names}, not a text: give its tokenizer, or tensors by name")
    rank = 1 if inputs[0].shape is None else len(inputs[0].shape)
    return {inputs[0].name: np.array(text, dtype=object).reshape((1,) * rank)}


def _padded(array: np.ndarray, length: int, value: int) -> np.ndarray:
    padded = np.full((1, length), value, np.int64)
    padded[:, : array.shape[1]] = array
    return padded


def _known_words(model: ModelLike) -> list[str]:
    preprocessing = model.preprocessing
    if not isinstance(preprocessing, TextPreprocessing) or not preprocessing.tokenizer:
        return []
    tokens = (token.lstrip("\u2581\u0120") for token in preprocessing.open().vocabulary())
    return list(islice((token for token in tokens if len(token) > 1 and token.isalpha()), _VOCABULARY))


TEXT = TextModality()
