"""A tokenizer for a student that has none: word pieces, in lower case, trained on the texts themselves."""

import atexit
import shutil
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

from compsel.errors import require
from compsel.inputs.samples import Samples
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.inputs.texts.tokenizer import words_of

__all__ = ["train_tokenizer"]

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
_FEWEST, _MOST = 500, 16_000  # pieces
_PIECES_FOR_RARE_WORDS = 500


def train_tokenizer(samples: Samples) -> TextPreprocessing:
    """Train word pieces on texts (Schuster and Nakajima 2012): whole words that stand there twice, and parts of others.

    The file lies in a temporary folder until the model is saved.

    Raises:
        MissingDependencyError: `tokenizers` is not installed.
    """
    library = require("tokenizers", extra="text")
    texts = [TEXT.decode(samples.value(index)) for index in range(len(samples))]
    words = Counter(word for text in texts for word in words_of(text.lower()))
    known = sum(count > 1 for count in words.values())
    tokenizer = library.Tokenizer(library.models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = library.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = library.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = library.decoders.WordPiece()
    size = min(max(_FEWEST, known + _PIECES_FOR_RARE_WORDS), _MOST)
    trainer = library.trainers.WordPieceTrainer(vocab_size=size, special_tokens=_SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = library.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(word, _SPECIAL.index(word)) for word in ("[CLS]", "[SEP]")]
    )
    path = Path(tempfile.mkdtemp(dir=_folder())) / "tokenizer.json"
    tokenizer.save(str(path))
    return TextPreprocessing.of_file(path)


@cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="compsel-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
