"""A stack machine for the few opcodes that a file of tensors needs. It builds data and never calls anything.

A torch checkpoint describes its tensors by a program for Python's unpickling machine, which may call any function.
Here the program is only disassembled (`pickletools.genops`), and run by a machine that knows plain values, the names
of a handful of harmless types, and how a tensor is made of a storage; everything else is refused.
"""

import pickletools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from compsel.errors import WeightsError

__all__ = ["Global", "StorageRef", "TensorRef", "run_opcodes"]

DTYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_DICT = "collections.OrderedDict"
_TENSOR = "torch._utils._rebuild_tensor_v2"
_PARAMETER = "torch._utils._rebuild_parameter"
_ALLOWED = {_DICT, _TENSOR, _PARAMETER} | {f"torch.{name}" for name in DTYPES}
# what describes 10,000 tensors
_MOST_OPCODES = 500_000
_LARGEST = 1 << 48  # of offsets and strides
_PLAIN = {
    "BINUNICODE",
    "SHORT_BINUNICODE",
    "BINUNICODE8",
    "BININT",
    "BININT1",
    "BININT2",
    "LONG1",
    "LONG4",
    "BINFLOAT",
    "BINSTRING",
    "SHORT_BINSTRING",
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}


@dataclass(frozen=True, slots=True)
class Global:
    """The name of a type or function; it is never looked up."""

    name: str


@dataclass(frozen=True, slots=True)
class StorageRef:
    """A run of numbers that is kept elsewhere in the file.

    Attributes:
        key: its name.
        dtype: numpy's name of the element type, or "bf16".
        count: how many numbers it has.
    """

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A view of a storage, in elements."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Mark:
    """Where a collection begins on the stack."""


def run_opcodes(stream: IO[bytes], source: str) -> Any:
    """Return what the program at the stream's position builds; the stream is left behind its end.

    Args:
        stream: the program.
        source: the file, for messages.

    Raises:
        WeightsError: an opcode or a name that no file of tensors needs, or a damaged program.

    >>> from io import BytesIO
    >>> run_opcodes(BytesIO(b"}X\\1\\0\\0\\0aK\\7s."), "x.pth")
    {'a': 7}
    >>> run_opcodes(BytesIO(b"cos\\nsystem\\n."), "x.pth")
    Traceback (most recent call last):
    compsel.errors.WeightsError: x.pth: refused: it wants os.system, which is no tensor: save the tensors alone
    """
    machine = _Machine(source)
    try:
        with warnings.catch_warnings():
            # about escapes in damaged text
            warnings.simplefilter("ignore", DeprecationWarning)
            for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
                if count > _MOST_OPCODES:
                    raise WeightsError(f"{source}: refused: over {_MOST_OPCODES:,} opcodes: save the tensors alone")
                machine.step(opcode.name, argument)
        return machine.stack.pop()
    except WeightsError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, MemoryError, RecursionError) as error:
        raise WeightsError(f"{source}: not a torch checkpoint, or a damaged one") from error


class _Machine:
    def __init__(self, source: str) -> None:
        self.source = source
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        """Run one opcode."""
        stack = self.stack
        if opcode in _PLAIN:
            stack.append(argument)
        elif opcode in _CONSTANTS:
            stack.append(_CONSTANTS[opcode]())
        elif opcode in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = stack[-1]
        elif opcode == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif opcode in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[int(argument)])
        elif opcode == "MARK":
            stack.append(_Mark)
        elif opcode not in ("PROTO", "FRAME", "STOP"):
            method = getattr(self, f"_{opcode.lower()}", None)
            if method is None:
                raise WeightsError(f"{self.source}: refused: the opcode {opcode} is in no file of tensors")
            method(argument)

    def _global(self, argument: str) -> None:
        name = argument.replace(" ", ".", 1)
        if name not in _ALLOWED:
            raise WeightsError(f"{self.source}: refused: it wants {name}, which is no tensor: save the tensors alone")
        self.stack.append(Global(name))

    def _stack_global(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._global(f"{module} {name}")

    def _reduce(self, _: None) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if function == Global(_DICT) and arguments == ():
            self.stack.append({})
        elif function == Global(_TENSOR):
            self.stack.append(_tensor(*arguments))
        elif function == Global(_PARAMETER) and isinstance(arguments[0], TensorRef):
            self.stack.append(arguments[0])
        else:
            raise WeightsError(f"{self.source}: refused: it calls something that makes no tensor")

    def _binpersid(self, _: None) -> None:
        kind, storage, key, _device, count, *_view = self.stack.pop()
        dtype = DTYPES.get(storage.name.removeprefix("torch."))
        if kind != "storage" or dtype is None or type(key) is not str or type(count) is not int or count < 0:
            raise WeightsError(f"{self.source}: refused: a reference to something that is no storage")
        self.stack.append(StorageRef(key, dtype, count))

    def _build(self, _: None) -> None:
        # torch keeps versions of modules as an attribute of the dictionary: nothing that tensors need
        self.stack.pop()
        if not isinstance(self.stack[-1], dict):
            raise WeightsError(f"{self.source}: refused: it sets the state of something that is no dictionary")

    def _setitem(self, _: None) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self, _: None) -> None:
        self._update(self._to_mark())

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int) or not isinstance(target, dict):
                raise WeightsError(f"{self.source}: refused: a dictionary with keys that are no names")
            target[key] = value

    def _append(self, _: None) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: None) -> None:
        self._extend(self._to_mark())

    def _extend(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise WeightsError(f"{self.source}: refused: it appends to something that is no list")
        self.stack[-1].extend(items)

    def _tuple(self, _: None) -> None:
        self.stack.append(tuple(self._to_mark()))

    def _tuple1(self, _: None) -> None:
        self.stack[-1:] = [(self.stack[-1],)]

    def _tuple2(self, _: None) -> None:
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def _tuple3(self, _: None) -> None:
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def _to_mark(self) -> list[Any]:
        items = []
        while (item := self.stack.pop()) is not _Mark:
            items.append(item)
        return items[::-1]


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorRef:
    whole = all(type(n) is int and 0 <= n < _LARGEST for n in (offset, *shape, *strides))
    if not isinstance(storage, StorageRef) or not whole or len(shape) != len(strides):
        raise ValueError
    return TensorRef(storage, offset, shape, strides)
