"""What every selector obeys: numbers that describe an input go in, the column of the choice to run comes out."""

import inspect
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError

__all__ = ["LARGEST_FEATURE", "FeatureMatrix", "Selector", "check_costs", "check_features"]

FeatureMatrix = npt.NDArray[np.float32]

# Far above any feature, and still so small that sums of a whole table do not overflow in float32.
LARGEST_FEATURE = 1e30


class Selector(ABC):
    """Maps features to a choice. Subclasses write `_fit` and `_predict`; this class checks what goes in and comes out.

    The manners are scikit-learn's: a constructor only stores its arguments, what is learned ends in an underscore,
    `fit` returns the selector, `get_params`, `set_params` and `sklearn.base.clone` work. NaN in a feature means
    "not known" and is information; infinite values count as 1e30 with their sign, as do all larger ones.

    Attributes:
        n_features_in_: columns of `X` at `fit`.
        n_choices_: columns of `costs` at `fit`.

    >>> import numpy as np
    >>> class LastChoice(Selector):
    ...     def _fit(self, X, costs): pass
    ...     def _predict(self, X): return np.full(len(X), self.n_choices_ - 1)
    >>> selector = LastChoice().fit(np.zeros((4, 2)), np.ones((4, 3)))
    >>> selector.predict(np.zeros((1, 2))), selector.select([0.0, 1.0])
    (array([2]), 2)
    >>> selector.select([0.0])
    Traceback (most recent call last):
    compsel.errors.SelectorError: LastChoice: X has 1 features, it was fitted with 2
    """

    n_features_in_: int
    n_choices_: int

    def fit(self, X: npt.ArrayLike, costs: npt.ArrayLike) -> Self:
        """Learn which choice to run.

        Args:
            X: float (n, n_features), what describes each sample; NaN where not known.
            costs: float (n, n_choices), what each choice costs on each sample; lower is better, finite.

        Raises:
            SelectorError: wrong shapes or dtypes, no rows, no choices, or costs that are not finite.
        """
        features, table = check_features(X, type(self).__name__), check_costs(costs, type(self).__name__)
        if len(features) != len(table):
            raise SelectorError(
                f"{type(self).__name__}: X has {len(features)} rows and costs {len(table)}: one row a sample in both"
            )
        self.n_features_in_ = features.shape[1]
        self.n_choices_ = table.shape[1]
        self._fit(features, table)
        return self

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Select for many samples.

        Args:
            X: float (n, n_features).

        Returns:
            int (n,), columns of `costs`.

        Raises:
            SelectorError: not fitted, or `X` does not have the shape of `fit`.
        """
        return self._predict(self._check_fitted(X)).astype(np.int64)

    def select(self, features: npt.ArrayLike) -> int:
        """Select for one sample, by the shortest way.

        Args:
            features: float (n_features,).

        Raises:
            SelectorError: as `predict`.
        """
        row = np.asarray(features)
        if row.ndim != 1:
            raise SelectorError(f"{type(self).__name__}: select takes one row (n_features,), got shape {row.shape}")
        return self._select(self._check_fitted(row[None])[0])

    @abstractmethod
    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        """Learn from a checked table: `X` float32 (n, n_features) without infinities, `costs` (n, n_choices)."""

    @abstractmethod
    def _predict(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        """Return the columns (n,) for a checked `X`."""

    def _select(self, features: npt.NDArray[np.float32]) -> int:
        return int(self._predict(features[None])[0])

    def _check_fitted(self, X: npt.ArrayLike) -> FeatureMatrix:
        name = type(self).__name__
        if not hasattr(self, "n_choices_"):
            raise SelectorError(f"{name} is not fitted: call fit(X, costs) first")
        features = check_features(X, name)
        if features.shape[1] != self.n_features_in_:
            raise SelectorError(f"{name}: X has {features.shape[1]} features, it was fitted with {self.n_features_in_}")
        return features

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name; with `deep`, those of nested estimators as `name__argument` too."""
        params = {name: getattr(self, name) for name in _argument_names(type(self))}
        if deep:
            nested = {name: value for name, value in params.items() if hasattr(value, "get_params")}
            for name, value in nested.items():
                if not isinstance(value, type):
                    params |= {f"{name}__{key}": inner for key, inner in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments.

        Raises:
            SelectorError: an argument that does not exist.
        """
        allowed = _argument_names(type(self))
        for key, value in params.items():
            name, _, inner = key.partition("__")
            if name not in allowed:
                raise SelectorError(f"{type(self).__name__} has no parameter {name!r}: it has {', '.join(allowed)}")
            if inner:
                getattr(self, name).set_params(**{inner: value})
            else:
                setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        signature = inspect.signature(type(self)).parameters
        changed = (
            f"{name}={getattr(self, name)!r}"
            for name in _argument_names(type(self))
            if repr(getattr(self, name)) != repr(signature[name].default)
        )
        return f"{type(self).__name__}({', '.join(changed)})"


def check_features(X: npt.ArrayLike, owner: str) -> FeatureMatrix:
    """Return `X` as float32 (n, n_features), a copy, clipped to -1e30..1e30, NaN kept.

    Raises:
        SelectorError: not a matrix of numbers; the message starts with `owner`.
    """
    matrix = _numbers(X, "X", owner)
    if matrix.ndim != 2:
        raise SelectorError(f"{owner}: X must be a matrix (n, n_features), got shape {matrix.shape}")
    return np.clip(matrix, -LARGEST_FEATURE, LARGEST_FEATURE).astype(np.float32)


def check_costs(costs: npt.ArrayLike, owner: str) -> npt.NDArray[np.float64]:
    """Return `costs` as float64 (n, n_choices), a copy, with at least one row and one choice, all finite.

    Raises:
        SelectorError: anything else; the message starts with `owner`.
    """
    table = _numbers(costs, "costs", owner)
    if table.ndim != 2 or 0 in table.shape:
        raise SelectorError(
            f"{owner}: costs must be a matrix (n, n_choices) with a row and a choice at least, got shape {table.shape}"
        )
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise SelectorError(
            f"{owner}: costs must be finite, got {table[row, column]} in row {row}, choice {column}: "
            "give a failed run a large finite cost, for example ten times the limit"
        )
    return table


def _numbers(values: npt.ArrayLike, what: str, owner: str) -> npt.NDArray[np.float64]:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SelectorError(f"{owner}: {what} must be a matrix of numbers: {error}") from error


def _argument_names(selector: type) -> tuple[str, ...]:
    return tuple(inspect.signature(selector).parameters)
