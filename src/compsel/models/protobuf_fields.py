"""How many fields a protobuf message has, in all that lies in it: known before it is parsed.

A field of two bytes becomes an object of about a hundred: 40 MB of empty nodes would take 4 GB, and minutes.
"""

from typing import Any

from google.protobuf.message import DecodeError

from compsel.errors import ModelError
from compsel.storage.sizes import MOST_VALUES

__all__ = ["FieldBudget", "read_varint"]

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_SIZES = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_LONGEST_VARINT = 10

# numbers of the fields that are messages or texts themselves, with the fields of those
_Inner = dict[int, Any]
_TEXT: _Inner = {}  # stands for a field that is a text


class FieldBudget:
    """Counts the fields of the parts of a model; numbers in packed lists are no fields.

    >>> import onnx
    >>> FieldBudget(2).take(b"\\x3a\\0" * 3, onnx.ModelProto.DESCRIPTOR)
    Traceback (most recent call last):
    compsel.errors.ModelError: has over 2 fields (nodes, names, attributes), which no model needs
    """

    def __init__(self, most: int = MOST_VALUES) -> None:
        self.most = most
        self.left = most
        self._inner: dict[str, _Inner] = {}

    def take_one(self) -> None:
        """Count a field.

        Raises:
            ModelError: there were too many.
        """
        self.left -= 1
        if self.left < 0:
            raise ModelError(f"has over {self.most:,} fields (nodes, names, attributes), which no model needs")

    def take(self, data: bytes, descriptor: Any) -> None:
        """Count the fields of a message.

        Args:
            data: its bytes.
            descriptor: of its type.

        Raises:
            ModelError: there were too many.
            DecodeError: the message is damaged.
        """
        around: list[tuple[int, _Inner]] = []
        place, end, inner = 0, len(data), self._fields_of(descriptor)
        while True:
            if place >= end:
                if not around:
                    return
                end, inner = around.pop()
                continue
            self.take_one()
            key, place = read_varint(data, place, end)
            kind = key & 7
            if kind == _VARINT:
                _, place = read_varint(data, place, end)
                continue
            length, place = read_varint(data, place, end) if kind == _LENGTH else (_SIZES.get(kind, -1), place)
            if length < 0 or place + length > end:
                raise DecodeError(f"a field of kind {kind} at byte {place} goes beyond the end, or is none")
            child = inner.get(key >> 3) if kind == _LENGTH else None
            if child is None:
                place += length
            elif child is _TEXT:
                _check_text(data[place : place + length])
                place += length
            else:
                around.append((end, inner))
                end, inner = place + length, child

    def _fields_of(self, descriptor: Any) -> _Inner:
        known = self._inner.get(descriptor.full_name)
        if known is None:
            known = self._inner[descriptor.full_name] = {}  # a graph holds nodes that hold graphs
            for field in descriptor.fields:
                if field.type == field.TYPE_STRING:
                    known[field.number] = _TEXT
                elif field.message_type is not None:
                    known[field.number] = self._fields_of(field.message_type)
        return known


def _check_text(data: bytes) -> None:
    # the parser gives what is no UTF-8 as bytes, where everybody expects a text
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"a name that is no text: {error}") from error


def read_varint(data: bytes, place: int, end: int) -> tuple[int, int]:
    """Return a number that begins at a place, and where it ends.

    Raises:
        DecodeError: it does not end before `end`, or is longer than numbers are.

    >>> read_varint(bytes([0b10101100, 0b00000010]), 0, 2)
    (300, 2)
    """
    if place < end and data[place] < 128:
        return data[place], place + 1
    value = 0
    for index, byte in enumerate(data[place : min(end, place + _LONGEST_VARINT)]):
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            return value, place + index + 1
    raise DecodeError(f"a number without an end at byte {place}")
