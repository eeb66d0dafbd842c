"""One tree of exceptions; every message says what, what was got, what is allowed and what to do.

CompselError
├── ModelError              an ONNX model that cannot be read or run (also ValueError)
│   ├── WeightsError        weights that do not fit a network
│   └── CrashError          a graph that ends the process which loads or runs it
├── InputError              an input that a model cannot take (also ValueError)
│   └── ImageError          an image that cannot be decoded
├── SamplesError            a folder of samples that cannot be used (also ValueError)
├── TechniqueError          a technique, or its options, that does not exist (also ValueError)
│   └── NotApplicableError  a technique that does not apply to this model, with the reason
│       └── RewriterError   a rewriter that others wrote fails on this model
├── ProcessorError          a processor that does not exist or is not available here
├── OverloadedError         more calls than can be answered in time
├── EnergyError             no energy meter here, or one that cannot be read
├── ProfileError            measured tables that are missing, incomplete or inconsistent
├── ObjectiveError          an objective that cannot be met or understood (also ValueError)
├── SelectorError           a selector used wrongly (also ValueError)
├── BundleError             a bundle that cannot be used
│   ├── IntegrityError      a changed, missing or foreign file
│   │   └── SignatureError  not signed, or not by whom it must be
│   └── VersionError        written by a newer compsel
├── UsageError              a command line that cannot be understood (also ValueError)
├── BackendError            where work should run, nobody answers, or not any more
├── ShardError              parts of the work that failed again and again, while the rest was done
├── StorageError            a disk that is full, or a place that may not be written (also OSError)
│   ├── LocationError       a place beyond this machine that cannot be reached, read or written
│   └── UnreadableFileError what is no file, or has more bytes than are read of its kind
└── MissingDependencyError  an optional package that is not installed (also ImportError)

>>> raise ImageError("photo.jpg: not an image")
Traceback (most recent call last):
compsel.errors.ImageError: photo.jpg: not an image
"""

import importlib
from collections.abc import Iterable, Mapping
from types import ModuleType

__all__ = [
    "BackendError",
    "BundleError",
    "CompselError",
    "CrashError",
    "EnergyError",
    "ImageError",
    "InputError",
    "IntegrityError",
    "MissingDependencyError",
    "ModelError",
    "NotApplicableError",
    "ObjectiveError",
    "OverloadedError",
    "ProcessorError",
    "ProfileError",
    "RewriterError",
    "SamplesError",
    "SelectorError",
    "ShardError",
    "SignatureError",
    "StorageError",
    "TechniqueError",
    "TooFewSamplesError",
    "UnreadableFileError",
    "UsageError",
    "VersionError",
    "WeightsError",
    "did_you_mean",
    "missing_dependency",
    "one_line",
    "require",
]

_MOST_MEANT = 3
_LONGEST_REASON = 200
_NOTHING: Mapping[str, str] = {}
# which extra brings a package, where it is not `train`
_EXTRAS = {
    "OpenSSL": "signing",
    "distributed": "dask",
    "matplotlib": "report",
    "model_signing": "signing",
    "opentelemetry": "telemetry",
    "prometheus_client": "serve",
    "ray": "ray",
    "skimage": "demo",
    "starlette": "serve",
    "tokenizers": "text",
    "uvicorn": "serve",
}


class CompselError(Exception):
    """Base of every error that compsel raises on purpose."""


class ModelError(CompselError, ValueError):
    """An ONNX model that cannot be read or run."""


class WeightsError(ModelError):
    """Weights that do not fit a network, or a weights file that is not only tensors."""


class CrashError(ModelError):
    """A graph that ends the process which loads or runs it, or never answers."""


class InputError(CompselError, ValueError):
    """An input that a model cannot take: wrong name, shape, dtype, or NaN."""


class ImageError(InputError):
    """An image that cannot be decoded: empty, truncated, too large, or not an image."""


class SamplesError(CompselError, ValueError):
    """A folder of samples that cannot be used."""


class TooFewSamplesError(SamplesError):
    """Samples that are too few to learn from; the message says how many are needed."""


class TechniqueError(CompselError, ValueError):
    """A technique, or one of its options, that does not exist."""


class NotApplicableError(TechniqueError):
    """A technique that does not apply to this model; the message is the reason."""


class RewriterError(NotApplicableError):
    """A rewriter of graphs that others wrote fails on this one: it may do so because of a single node."""


class ProcessorError(CompselError):
    """A processor that does not exist or is not available on this machine."""


class OverloadedError(CompselError):
    """More calls than can be answered in time: this one was refused before any work was done for it.

    Attributes:
        queued: how many calls waited then.
        expected_wait_ms: after what time a worker was expected to be free for this one.
    """

    def __init__(self, message: str, queued: int = 0, expected_wait_ms: float = 0.0) -> None:
        super().__init__(message)
        self.queued, self.expected_wait_ms = queued, expected_wait_ms


class EnergyError(CompselError):
    """No energy meter here, or one that cannot be read."""


class ProfileError(CompselError):
    """Measured tables that are missing, incomplete or inconsistent."""


class ObjectiveError(CompselError, ValueError):
    """An objective that cannot be understood or met."""


class SelectorError(CompselError, ValueError):
    """A selector used wrongly, for example before it was fitted."""


class BundleError(CompselError):
    """A bundle that cannot be used."""


class IntegrityError(BundleError):
    """A bundle with a changed, missing or foreign file."""


class SignatureError(IntegrityError):
    """A bundle that is not signed, or not by whom it must be; or a key that cannot be used."""


class VersionError(BundleError):
    """A bundle, or another artefact, in a format newer than this compsel reads."""


class UsageError(CompselError, ValueError):
    """A command line that cannot be understood."""


class BackendError(CompselError):
    """Where work should run, nobody answers, or not any more; what was computed is kept."""


class ShardError(CompselError):
    """Parts of the work failed again and again; the rest was done, and is kept.

    Attributes:
        tracebacks: of the last failure of each, by what the part is.
    """

    def __init__(self, message: str, tracebacks: Mapping[str, str] = _NOTHING) -> None:
        super().__init__(message)
        self.tracebacks = dict(tracebacks)


class StorageError(CompselError, OSError):
    """A disk that is full, or a place that may not be written."""


class LocationError(StorageError):
    """A place beyond this machine that cannot be reached, read or written."""


class UnreadableFileError(StorageError):
    """What is no file, such as a FIFO, or has more bytes than are read of its kind; `strerror` is the reason.

    >>> print(UnreadableFileError(22, "is a FIFO", "labels.csv"))
    labels.csv: is a FIFO
    """

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class MissingDependencyError(CompselError, ImportError):
    """An optional package that is not installed; the message has the command that installs it."""


def did_you_mean(word: str, allowed: Iterable[str], meant: Mapping[str, str] = _NOTHING) -> str:
    """Return the end of a message about a wrong word: the allowed ones that may be meant; "" where none is.

    Args:
        word: that was got, in any case.
        allowed: words.
        meant: what others say for allowed words.

    >>> did_you_mean("evalute", ["build", "evaluate"]), did_you_mean("xyz", ["build"])
    (": did you mean 'evaluate'?", '')
    >>> did_you_mean("fp16", ["float16"], {"fp16": "float16"}), did_you_mean("int", ["int8", "int4"])
    (": did you mean 'float16'?", ": did you mean 'int8' or 'int4'?")
    """
    from difflib import get_close_matches  # only a wrong word needs it

    word, words = word.lower(), list(allowed)
    near = [meant[word]] if word in meant else []
    near = near or [one for one in words if word and one.lower().startswith(word)][:_MOST_MEANT]
    near = near or get_close_matches(word, words, n=1)
    return f": did you mean {' or '.join(map(repr, near))}?" if near else ""


def one_line(error: BaseException) -> str:
    """Return what an error says on one line of at most 200 characters; its class where it says nothing.

    Of the system's errors it is what went wrong: the path stands before it in our messages.

    >>> one_line(ValueError("two   words")), one_line(TimeoutError())
    ('two words', 'TimeoutError')
    >>> one_line(FileNotFoundError(2, "No such file or directory", "photo.jpg"))
    'No such file or directory'
    """
    said = (isinstance(error, OSError) and error.strerror) or error
    return " ".join(str(said).split())[:_LONGEST_REASON] or type(error).__name__


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which the extra `extra` installs.

    Raises:
        MissingDependencyError: when it is not installed.

    >>> require("json", extra="train").__name__
    'json'
    >>> require("no_such_module", extra="train")
    Traceback (most recent call last):
    compsel.errors.MissingDependencyError: no_such_module is not installed: run pip install 'compsel[train]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise _missing(error, extra) from error


def missing_dependency(error: ModuleNotFoundError) -> ImportError:
    """Return the error that names the extra to install, of one about a package that is not there.

    >>> missing_dependency(ModuleNotFoundError("No module named 'onnx'", name="onnx.helper"))
    MissingDependencyError("onnx is not installed: run pip install 'compsel[train]'")
    """
    package = (error.name or "").partition(".")[0]
    # a part of compsel that is not there: a damaged installation, which no extra mends
    return error if package in ("", "compsel") else _missing(error, _EXTRAS.get(package, "train"))


def _missing(error: ModuleNotFoundError, extra: str) -> MissingDependencyError:
    package = (error.name or "").partition(".")[0]
    return MissingDependencyError(f"{package} is not installed: run pip install 'compsel[{extra}]'")
