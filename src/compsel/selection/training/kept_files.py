"""What fits give, as plain files: outcomes as tables, policies as JSON with their selectors (ONNX)."""

import base64
from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from compsel.selection.dataset import Outcome
from compsel.selection.export.onnx_selector import ExportedSelector
from compsel.selection.policies import policy_from_dict
from compsel.selection.training.portfolio import Addition
from compsel.selection.training.trainers import FittedPolicy
from compsel.storage.files import write_json
from compsel.storage.parquet import read_table, write_table
from compsel.storage.strict_json import read_json

__all__ = ["OUTCOMES", "POLICIES", "KeptFile"]

Value = TypeVar("Value")


class KeptFile(ABC, Generic[Value]):
    """How values of a kind are stored.

    Attributes:
        suffix: of the files.
    """

    suffix: str

    @abstractmethod
    def write(self, path: Path, value: Value) -> None:
        """Write a value, whole or not at all.

        Raises:
            StorageError: a full disk, no permission.
        """

    @abstractmethod
    def read(self, path: Path) -> Value:
        """Read a value: equal to what was written.

        Raises:
            CompselError, OSError, ValueError, LookupError, TypeError: it is not there, or damaged.
        """


class _Outcomes(KeptFile[Outcome]):
    suffix = ".parquet"

    def write(self, path: Path, value: Outcome) -> None:
        numbers = {name: np.ascontiguousarray(getattr(value, name)) for name in ("quality", "latency_ms")}
        write_table(path, {**numbers, "variants": value.variants.tolist()})

    def read(self, path: Path) -> Outcome:
        columns, _ = read_table(path)
        return Outcome(columns["quality"], columns["latency_ms"], np.array(columns["variants"], np.str_))


class _Policies(KeptFile[FittedPolicy]):
    suffix = ".json"

    def write(self, path: Path, value: FittedPolicy) -> None:
        selectors = {name: base64.b64encode(data).decode("ascii") for name, data in value.selectors.items()}
        portfolio = [asdict(one) for one in value.portfolio]
        write_json(path, {"policy": value.policy.to_dict(), "portfolio": portfolio, "selectors": selectors})

    def read(self, path: Path) -> FittedPolicy:
        content = read_json(path)
        selectors = {name: base64.b64decode(data, validate=True) for name, data in content["selectors"].items()}
        opened = {name: ExportedSelector(data) for name, data in selectors.items()}
        policy = policy_from_dict(content["policy"], opened)
        return FittedPolicy(policy, tuple(Addition(**one) for one in content["portfolio"]), selectors)


#: what a policy gives for samples
OUTCOMES = _Outcomes()
#: what an app runs, and its selectors
POLICIES = _Policies()
