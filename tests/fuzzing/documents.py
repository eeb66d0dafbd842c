"""Documents: settings, tokenizers, headers and tables of profiles, bodies of requests."""

import io
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from compsel.inputs.texts.preprocessing import text_preprocessing
from compsel.inputs.texts.tokenizer import Tokenizer
from compsel.profiling.profile import Profile
from compsel.serving.json_bodies import read_object
from compsel.serving.npz_bodies import read_npz_bytes
from compsel.storage.parquet import write_table
from tests.fuzzing.target import Target, of_file
from tests.hostile.documents import read_settings

__all__ = ["TARGETS"]

_TABLES = (
    "quality/a_none.parquet",
    "features.parquet",
    "latency/idle.parquet",
    "memory.parquet",
    "energy/idle.parquet",
    "groups.parquet",
    "sizes.parquet",
)


@cache
def _profile() -> Path:
    """Return a small profile, made by hand."""
    folder = Path(tempfile.mkdtemp(prefix="compsel-fuzzed-"))
    spec = {"name": "x", "dtype": "float32", "shape": [None, 3]}
    variant = {
        "name": "a/none", "model": "a", "technique": "none", "tensor_file": "a.onnx", "pixels_file": None,
        "weights_file": None, "sha256": "0" * 64, "size_bytes": 9, "inputs": [spec], "outputs": [spec],
        "preprocessing": None, "output": "logits",
    }  # fmt: skip
    header = {
        "format_version": 1, "origin": "fuzzing", "n_classes": 3, "device": {"cpu": "x"}, "features_ms": {"image": 0.1},
        "decode_ms": 0.5, "warnings": ["none"], "left_out": {"b": "why"}, "judging": None, "sketch": "", "task": "",
        "variants": [variant],
    }  # fmt: skip
    (folder / "profile.json").write_text(json.dumps(header))
    samples, choice = ["s0", "s1"], {"variant": ["a/none"], "sha256": ["0" * 64], "processor": ["cpu:1"]}
    quality = {"sample": samples, "label": np.array([0, 1]), "quality": np.ones(2)}
    classes = {"classes": np.array([[0, 1], [1, 2]], np.int32), "probabilities": np.full((2, 2), 0.5, np.float32)}
    write_table(folder / _TABLES[0], {**quality, **classes}, {"sha256": "0" * 64, "n_classes": "3"})
    write_table(folder / _TABLES[1], {"sample": samples, "f": np.ones(2, np.float32)})
    latency = {**choice, "latency_ms": np.ones(1), "size": np.full(1, np.nan)}
    write_table(
        folder / _TABLES[2], latency, {"state": "idle", "load": "0.1", "device_state": '{"load": 1}', "device": "x"}
    )
    write_table(folder / _TABLES[3], {**choice, "peak_mb": np.ones(1)}, {"device": "x"})
    energy = {**choice, "energy_mj": np.ones(1), "gross_mj": np.ones(1), "runs": np.ones(1), "seconds": np.ones(1)}
    write_table(folder / _TABLES[4], energy, {"meter": "m", "estimated": "no", "state": "idle"})
    write_table(folder / _TABLES[5], {"sample": samples, "group": samples})
    write_table(folder / _TABLES[6], {"sample": samples, "size": np.ones(2)})
    return folder


def _with(name: str, data: bytes) -> Any:
    """Read the profile with another file in the place of one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        copy = Path(folder) / "p"
        shutil.copytree(_profile(), copy)
        (copy / name).write_bytes(data)
        profile = Profile.load(copy)
        return repr(profile), profile.take([0]), profile.names


def _table(data: bytes) -> Any:
    """Read the profile with a table in the place of the one that the first byte says."""
    return _with(_TABLES[(data or b"\0")[0] % len(_TABLES)], data[1:])


def _table_seeds() -> Mapping[str, bytes]:
    return {name: bytes([index]) + (_profile() / name).read_bytes() for index, name in enumerate(_TABLES)}


def _tokenizer(data: bytes) -> Any:
    tokenizer = Tokenizer(data, "tokenizer.json")
    return tokenizer.encode("Hello, new world 42!", 8), tokenizer.size(), tokenizer.frame(), tokenizer.vocabulary()


def _tokenizer_seeds() -> dict[str, bytes]:
    """Return tokenizers of each kind, with what they may have around them."""
    from tokenizers import Tokenizer as Made
    from tokenizers import models, normalizers, pre_tokenizers, processors

    vocabulary = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "hello": 3, "h": 4, "e": 5, "he": 6, "world": 7}
    pieces = {
        "wordpiece": models.WordPiece(vocabulary, unk_token="[UNK]"),
        "bpe": models.BPE(vocabulary, [("h", "e")], unk_token="[UNK]"),
        "unigram": models.Unigram([("[UNK]", 0.0), ("h", -1.0), ("hello", -2.0)], 0),
        "words": models.WordLevel(vocabulary, unk_token="[UNK]"),
    }
    found = {}
    for name, model in pieces.items():
        made = Made(model)
        made.normalizer = normalizers.BertNormalizer()
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
        )
        made.enable_truncation(16)
        made.enable_padding()
        found[name] = made.to_str().encode()
    return found


def _npz_body(data: bytes) -> Any:
    return read_npz_bytes(data, 10_000_000)


def _npz_seeds() -> dict[str, bytes]:
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.zeros((2, 3), np.float32), label=1)
    return {"well-formed": stream.getvalue()}


def _read_limits(path: Path) -> Any:
    path.with_name("tokenizer.json").write_bytes(_tokenizer_seeds()["words"])
    return text_preprocessing(path.with_name("tokenizer.json")).to_json()


_JSON = (b"null", b"true", b"1e999", b"-1", b"[]", b"{}", b'""', b"1e308")


def _one(data: bytes) -> Callable[[], dict[str, bytes]]:
    return lambda: {"well-formed": data}


TARGETS = (
    Target(
        "settings",
        of_file(read_settings, "compsel.toml"),
        _one(b"[run]\ntop = 3\n"),
        words=(
            b"[run]",
            b"[networks.export]",
            b"top",
            b"json = true",
            b"bundle",
            b"inf",
            b"nan",
            b"1979-05-27",
            b'"""',
        ),
    ),
    Target("tokenizer", _tokenizer, _tokenizer_seeds, words=(b'"type":', b'"Regex":', b'"pattern":', b"null")),
    Target(
        "tokenizer-limits",
        of_file(_read_limits, "tokenizer_config.json"),
        _one(b'{"model_max_length": 12}'),
        words=_JSON,
    ),
    Target(
        "profile-header",
        lambda data: _with("profile.json", data),
        lambda: {"well-formed": (_profile() / "profile.json").read_bytes()},
        words=_JSON,
    ),
    Target("profile-table", _table, _table_seeds, words=(b"PAR1",)),
    Target(
        "json-body",
        read_object,
        _one(b'{"inputs": [{"name": "x", "data": [1.5, 2], "shape": [1, 2]}]}'),
        words=_JSON,
    ),
    Target("npz-body", _npz_body, _npz_seeds, words=(b"PK\1\2", b"\x93NUMPY", b"descr", b"shape")),
)
