"""Read structs of Thrift's compact protocol, as Parquet files have them, without knowing what they mean.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from typing import Any

from compsel.storage.sizes import MOST_VALUES

__all__ = ["StructReader"]

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_LONG_LIST = 15
_DEEPEST = 16
_MOST_BITS = 63


class StructReader:
    """Reads structs from bytes: whole numbers, lists and structs; of what else there is, where it ends.

    Args:
        data: that the structs are in.
        most: values that are read in all.
        longest_list: values that a list may have.

    >>> StructReader(bytes([0x15, 0x04, 0x15, 0x20, 0x00])).struct(0)
    ({1: 2, 2: 16}, 5)
    """

    def __init__(self, data: bytes, most: int = MOST_VALUES, longest_list: int = 100_000) -> None:
        self._data = data
        self._left = most
        self._longest_list = longest_list

    def struct(self, place: int, depth: int = 0) -> tuple[dict[int, Any], int]:
        """Return the values of the fields of a struct by their numbers, and where it ends.

        Raises:
            IndexError: it does not end in these bytes.
            ValueError: it is damaged, nested deeper, or has more values than any file.
        """
        if depth > _DEEPEST:
            raise ValueError(f"nested over {_DEEPEST} deep")
        data, number, found = self._data, 0, dict[int, Any]()
        while data[place]:
            kind, step = data[place] & 15, data[place] >> 4
            place += 1
            if step:
                number += step
            else:
                number, place = self._integer(place)
            if kind in (_TRUE, _FALSE):  # which are their own value
                continue
            found[number], place = self._value(place, kind, depth)
        return found, place + 1

    def _value(self, place: int, kind: int, depth: int) -> tuple[Any, int]:
        self._left -= 1
        if self._left < 0:
            raise ValueError("has more values than are read")
        if kind in _INTEGERS:
            return self._integer(place)
        if kind == _BINARY:
            length, place = self._varint(place)
            return None, place + length
        if kind == _STRUCT:
            return self.struct(place, depth + 1)
        if kind in (_LIST, _SET):
            return self._list(place, depth)
        if kind in (_TRUE, _FALSE, _BYTE):
            return None, place + 1
        if kind == _DOUBLE:
            return None, place + 8
        raise ValueError(f"a value of kind {kind}")  # maps are in no Parquet file

    def _list(self, place: int, depth: int) -> tuple[list[Any], int]:
        count, kind = self._data[place] >> 4, self._data[place] & 15
        count, place = (count, place + 1) if count < _LONG_LIST else self._varint(place + 1)
        if count > self._longest_list:
            raise ValueError(f"has a list of {count:,}, allowed are {self._longest_list:,}")
        values = []
        for _ in range(count):
            value, place = self._value(place, kind, depth + 1)
            values.append(value)
        return values, place

    def _integer(self, place: int) -> tuple[int, int]:
        value, place = self._varint(place)
        return (value >> 1) ^ -(value & 1), place

    def _varint(self, place: int) -> tuple[int, int]:
        data, value, shift = self._data, 0, 0
        while data[place] > 127:
            value |= (data[place] & 127) << shift
            shift += 7
            place += 1
            if shift > _MOST_BITS:
                raise ValueError("a number without an end")
        return value | data[place] << shift, place + 1
