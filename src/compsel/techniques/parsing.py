"""From text to techniques: "int8-static:method=entropy", "prune:0.5", "resolution:192+int8-static"."""

import types
import typing
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from compsel.errors import TechniqueError, did_you_mean
from compsel.techniques.base import Technique
from compsel.techniques.chain import Chain

__all__ = ["parse_with"]

# what others call them
_MEANT = {
    "bf16": "float16",
    "distil": "student",
    "distill": "student",
    "distillation": "student",
    "dynamic": "int8-dynamic",
    "f16": "float16",
    "fp16": "float16",
    "half": "float16",
    "kmeans": "cluster",
    "palettize": "cluster",
    "ptq": "int8-static",
    "qdq": "int8-static",
    "quantisation": "int8-static",
    "quantise": "int8-static",
    "quantization": "int8-static",
    "quantize": "int8-static",
    "sparsity": "prune",
    "static": "int8-static",
    "structured": "channel-prune",
    "svd": "low-rank",
}
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_with(table: Mapping[str, type[Technique]], text: str) -> Technique:
    """Read the text form of a technique, with the classes of `table`.

    Raises:
        TechniqueError: an unknown name, option or value; the message names what is allowed.
    """
    parts = [_parse_one(table, part.strip()) for part in text.split("+")]
    return parts[0] if len(parts) == 1 else Chain(tuple(parts))


def _parse_one(table: Mapping[str, type[Technique]], text: str) -> Technique:
    name, _, rest = text.partition(":")
    if name not in table:
        raise TechniqueError(
            f"got technique {name!r}, allowed are {', '.join(table)}, and chains of them with '+'"
            f"{did_you_mean(name, table, _MEANT)}"
        )
    kind = table[name]
    hints = get_type_hints(kind)
    allowed = [field.name for field in fields(kind)]
    options: dict[str, Any] = {}
    for position, word in enumerate(rest.split(",") if rest else []):
        key, equals, value = (part.strip() for part in word.partition("="))
        if not equals and position == 0 and allowed:
            key, value = allowed[0], key
        if key not in allowed or not value:
            options_text = (
                f"allowed are {', '.join(f'{option}=...' for option in allowed)}" if allowed else "it has none"
            )
            raise TechniqueError(f"{name}: got option {word.strip()!r}, {options_text}{did_you_mean(key, allowed)}")
        if key in options:
            raise TechniqueError(f"{name}: got option {key!r} twice, give it once")
        options[key] = _value(f"{name}: {key}", hints[key], value)
    return kind(**options)


def _value(what: str, hint: Any, text: str) -> Any:
    if get_origin(hint) is Literal:
        allowed = get_args(hint)
        for value in allowed:
            if str(value) == text:
                return value
        raise TechniqueError(
            f"{what}: got {text!r}, allowed are {', '.join(map(str, allowed))}{did_you_mean(text, map(str, allowed))}"
        )
    if get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if hint is bool:
        if text.lower() not in _BOOLEANS:
            raise TechniqueError(f"{what}: got {text!r}, allowed are true and false")
        return _BOOLEANS[text.lower()]
    try:
        return hint(text)
    except ValueError:
        kind = {int: "a whole number", float: "a number"}.get(hint, hint.__name__)
        raise TechniqueError(f"{what}: got {text!r}, allowed is {kind}") from None
