"""Names of the files that say something of a model, where they lie beside it."""

from pathlib import PurePath

__all__ = ["BELOW", "CONFIG", "LABEL_FILES", "PROCESSOR", "TOKENIZER", "documents_of", "tokenizers_of"]

PROCESSOR, CONFIG, TOKENIZER = "preprocessor_config.json", "config.json", "tokenizer.json"
LABEL_FILES = ("labels.txt", "classes.txt", "class_names.txt", "labels.json", "synset.txt")
#: exporters put the graph into a folder of this name, below the files of the model
BELOW = "onnx"
_LENGTHS = "tokenizer_config.json"


def tokenizers_of(path: PurePath) -> tuple[str, ...]:
    """Return the names of tokenizers of a model.

    >>> tokenizers_of(PurePath("small.onnx"))
    ('small.tokenizer.json', 'tokenizer.json')
    """
    return f"{path.stem}.{TOKENIZER}", TOKENIZER


def documents_of(path: PurePath) -> tuple[str, ...]:
    """Return the names of all files beside a model that say something of it; each is parsed as a whole."""
    return (*tokenizers_of(path), _LENGTHS, PROCESSOR, CONFIG, f"{path.stem}.labels.txt", *LABEL_FILES)
