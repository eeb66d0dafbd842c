"""Preprocessing of texts: the tokenizer of a model, and how many tokens it takes."""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Self

from compsel.errors import ModelError
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.texts.tokenizer import Tokenizer, file_sha256, open_tokenizer
from compsel.storage.paths import is_file
from compsel.storage.strict_json import read_json
from compsel.values import dataclass

__all__ = ["DEFAULT_MAX_TOKENS", "TextPreprocessing", "text_preprocessing"]

DEFAULT_MAX_TOKENS = 256
# tokenizers without a limit of their own say so with a huge number
_NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class TextPreprocessing(Preprocessing):
    """The tokenizer of a model; it lies in a file beside it.

    Attributes:
        tokenizer: name of the file beside a variant, a `tokenizer.json` of Hugging Face `tokenizers`; "" for models
            that take strings.
        sha256: of the file.
        max_tokens: what a text is cut to, special tokens included.
        path: where the file lies now; None before `opened`.

    >>> TextPreprocessing("tokenizer-0123456789ab.json", "0" * 64, 128).file_names
    ('tokenizer-0123456789ab.json',)
    """

    kind = "text"

    tokenizer: str = ""
    sha256: str = ""
    max_tokens: int = DEFAULT_MAX_TOKENS
    path: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.max_tokens, int) or self.max_tokens < 1:
            raise ModelError(f"preprocessing: got max_tokens {self.max_tokens!r}, allowed is a whole number from 1")
        if not isinstance(self.tokenizer, str) or Path(self.tokenizer).name != self.tokenizer:
            raise ModelError(f"preprocessing: got tokenizer {self.tokenizer!r}, allowed is the name of a file")
        if bool(self.tokenizer) != bool(self.sha256):
            raise ModelError("preprocessing: got one of tokenizer and sha256, allowed are both or none")

    @classmethod
    def of_file(cls, path: Path, max_tokens: int = DEFAULT_MAX_TOKENS) -> Self:
        """Return the preprocessing with the tokenizer in a file.

        Raises:
            ModelError: it cannot be read.
        """
        digest = file_sha256(path)
        return cls(f"tokenizer-{digest[:12]}.json", digest, max_tokens, path)

    @property
    def files(self) -> tuple[Path, ...]:
        """Where the tokenizer lies now."""
        return () if self.path is None else (self.path,)

    @property
    def file_names(self) -> tuple[str, ...]:
        """What the tokenizer is called beside a variant."""
        return (self.tokenizer,) if self.tokenizer else ()

    def opened(self, folder: Path) -> Self:
        """Return this preprocessing with the tokenizer that lies in a folder, under its name or another one.

        Raises:
            ModelError: there is none with the right content.
        """
        if not self.tokenizer:
            return self
        places = [folder / self.tokenizer, *sorted(folder.glob("*tokenizer.json")), *self.files]
        for place in places:
            if is_file(place) and file_sha256(place) == self.sha256:
                return replace(self, path=place)
        raise ModelError(
            f"{folder}: the tokenizer of the model is not there ({self.tokenizer}, or another name that ends in "
            f"tokenizer.json; SHA-256 {self.sha256[:12]}...): keep it beside the model"
        )

    def open(self) -> Tokenizer:
        """Return the tokenizer.

        Raises:
            ModelError: it was not `opened`, or its file is gone or has changed.
            MissingDependencyError: `tokenizers` is not installed.
        """
        if self.path is None:
            raise ModelError(f"preprocessing: the tokenizer {self.tokenizer!r} was not opened: load the model by path")
        return open_tokenizer(self.path, self.sha256)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form (as in bundles)."""
        return {
            "kind": self.kind,
            "tokenizer": self.tokenizer,
            "sha256": self.sha256,
            "max_tokens": self.max_tokens,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        if content.get("kind") != cls.kind:
            raise ModelError(f"preprocessing: got kind {content.get('kind')!r}, allowed is {cls.kind!r}")
        return cls(**{key: value for key, value in content.items() if key != "kind"})


def text_preprocessing(path: Path, most: int | None = None) -> TextPreprocessing:
    """Return the preprocessing of a model with the tokenizer in a file, cut at what the model was trained with.

    That is what the tokenizer cuts at, else `model_max_length` of a `tokenizer_config.json` or
    `max_position_embeddings` of a `config.json` beside it, else 256.

    Args:
        path: of the `tokenizer.json`.
        most: length of the model's inputs where that is fixed.

    Raises:
        ModelError: no tokenizer.
        MissingDependencyError: `tokenizers` is not installed.
    """
    limits = [
        open_tokenizer(path).truncation,
        _number(path.parent / "tokenizer_config.json", "model_max_length"),
        _number(path.parent / "config.json", "max_position_embeddings"),
    ]
    stated = next((limit for limit in limits if limit is not None and 0 < limit < _NO_LIMIT), DEFAULT_MAX_TOKENS)
    return TextPreprocessing.of_file(path, stated if most is None else min(stated, most))


def _number(path: Path, key: str) -> int | None:
    try:
        value = read_json(path).get(key)
    except (OSError, ValueError, AttributeError):
        return None
    return int(value) if isinstance(value, (int, float)) and 0 < value < _NO_LIMIT else None
