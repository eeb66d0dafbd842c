"""Tokenizers encode as the file says, cut at the end, remember the last text, and are opened once."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from compsel.errors import InputError, MissingDependencyError, ModelError
from compsel.inputs.texts import tokenizer as module
from compsel.inputs.texts.tokenizer import Tokenizer, file_sha256, open_tokenizer
from tests.text_models import WORDS, save_tokenizer, words_tokenizer


def ids(text: str) -> list[int]:
    return [WORDS.index(word) for word in text.split()]


def test_special_tokens_are_those_of_the_file() -> None:
    tokens = open_tokenizer(words_tokenizer()).encode("Turn off the LAMP!", 16)
    assert tokens.ids.tolist() == [ids("[CLS] turn off the lamp ! [SEP]")]
    assert tokens.ids.dtype == tokens.mask.dtype == tokens.types.dtype == np.int64
    assert tokens.mask.tolist() == [[1] * 7] and tokens.types.tolist() == [[0] * 7]


def test_a_long_text_is_cut_at_its_end_and_keeps_its_special_tokens() -> None:
    tokenizer = open_tokenizer(words_tokenizer())
    text = "turn off the lamp"
    assert tokenizer.encode(text, 4).ids.tolist() == [ids("[CLS] turn off [SEP]")]
    assert tokenizer.encode(text, 6).ids.tolist() == [ids("[CLS] turn off the lamp [SEP]")]
    assert tokenizer.encode(text, 5).ids.tolist() == [ids("[CLS] turn off the [SEP]")]
    assert tokenizer.count(text) == 6


def test_one_text_is_not_padded_whatever_the_file_says(tmp_path: Path) -> None:
    tokenizer = open_tokenizer(save_tokenizer(tmp_path / "tokenizer.json", truncation=6))
    assert tokenizer.truncation == 6 and tokenizer.pad_id == WORDS.index("[PAD]")
    assert tokenizer.encode("turn", 32).ids.tolist() == [ids("[CLS] turn [SEP]")]
    assert tokenizer.encode("turn off the lamp please now", 32).ids.shape == (1, 8)


def test_stages_that_share_a_tokenizer_encode_a_text_once() -> None:
    tokenizer = open_tokenizer(words_tokenizer())
    text = "turn off the lamp"
    first = tokenizer.encode(text, 16)
    assert tokenizer.encode(text, 16) is first
    equal = "".join(["turn off ", "the lamp"])
    assert equal is not text and tokenizer.encode(equal, 16) is not first
    assert tokenizer.encode(text, 16).ids.tolist() == first.ids.tolist()


def test_one_tokenizer_in_the_process_for_the_same_content(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_bytes(words_tokenizer().read_bytes())
    assert open_tokenizer(copy) is open_tokenizer(words_tokenizer())
    other = save_tokenizer(tmp_path / "other.json", truncation=8)
    assert open_tokenizer(other) is not open_tokenizer(copy)


def test_threads_get_the_tokens_of_their_own_text() -> None:
    tokenizer = open_tokenizer(words_tokenizer())
    wrong: list[str] = []

    def work(word: str) -> None:
        text = f"turn {word}"
        wanted = [ids(f"[CLS] turn {word} [SEP]")]
        wrong.extend(word for _ in range(300) if tokenizer.encode(text, 16).ids.tolist() != wanted)

    threads = [threading.Thread(target=work, args=(word,)) for word in ("lamp", "song", "rain", "sun")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_no_text_or_no_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="valid Unicode"):
        open_tokenizer(words_tokenizer()).encode("half \ud800", 16)
    with pytest.raises(ModelError, match="not a tokenizer"):
        Tokenizer(b"[]", "tokenizer.json")
    with pytest.raises(ModelError, match="cannot be read"):
        open_tokenizer(tmp_path / "absent.json")
    with pytest.raises(ModelError, match="has changed"):
        open_tokenizer(words_tokenizer(), "0" * 64)


def test_the_hash_of_a_file_follows_its_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("a")
    first = file_sha256(path)
    path.write_text("longer")
    assert file_sha256(path) != first


def test_without_tokenizers_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    monkeypatch.setattr(module, "_OPENED", {})
    with pytest.raises(MissingDependencyError, match=r"compsel\[text\]"):
        open_tokenizer(words_tokenizer())
