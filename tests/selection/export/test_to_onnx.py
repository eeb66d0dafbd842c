"""Exported selectors decide exactly as trained ones do."""

import copy
import subprocess
import sys

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from compsel.errors import SelectorError, VersionError
from compsel.selection.export.onnx_selector import ExportedSelector
from compsel.selection.export.to_onnx import to_onnx
from compsel.selection.selectors.baselines import OracleSelector, SingleBest
from compsel.selection.selectors.boosted import BoostedRegression
from compsel.selection.selectors.classification import CostSensitiveClassifier
from compsel.selection.selectors.cost_sensitive import CostSensitiveSelector
from compsel.selection.selectors.neighbours import NeighbourSelector
from compsel.selection.selectors.pairwise import PairwiseSelector
from compsel.selection.selectors.premodel import Premodel
from compsel.selection.selectors.regression import CostRegression
from tests.selection.selector_checks import table

X, COSTS = table(n=120, n_choices=4)
FITTED = [
    selector.fit(X, COSTS)
    for selector in (
        SingleBest(),
        NeighbourSelector(neighbours=9),
        Premodel(),
        CostRegression(n_trees=20),
        BoostedRegression(),
        CostRegression(n_trees=20, transform="rank"),
        PairwiseSelector(n_trees=40),
        CostSensitiveClassifier(),
        CostSensitiveSelector(n_trees=30),
        CostSensitiveSelector(n_trees=30, confidence=1.0),
    )
]
EXPORTED = [ExportedSelector(to_onnx(selector, X)) for selector in FITTED]
PAIRS = list(zip(FITTED, EXPORTED, strict=True))
BOTH = pytest.mark.parametrize(("trained", "exported"), PAIRS, ids=[repr(selector) for selector in FITTED])

# Whole rows at random, and values that a split or a training row has: there rounding would show.
known = st.sampled_from([*np.unique(X[~np.isnan(X)])[::7].tolist(), 0.0, -0.0, np.nan, np.inf, -np.inf, 3e38])
rows = arrays(np.float64, (8, 4), elements=known | st.floats(-3, 3, width=32))


@BOTH
@settings(max_examples=40, deadline=None)
@given(features=rows)
def test_exported_equals_numpy_on_any_row(trained, exported, features):
    expected = trained.decide(np.clip(features, -1e30, 1e30).astype(np.float32))
    np.testing.assert_array_equal(exported.predict(features), expected)
    np.testing.assert_array_equal(trained.predict(features), expected)
    assert [exported.select(row) for row in features] == expected.tolist()


@BOTH
def test_select_takes_float32_rows_as_they_are(trained, exported):
    special = np.float32([np.nan, np.inf, -np.inf, 0.0])
    assert exported.select(special) == trained.select(special)


@BOTH
def test_selected_choice_has_the_least_score(trained, exported):
    scores = exported.scores(X)
    assert scores.shape == (120, 4)
    chosen = scores[np.arange(120), exported.predict(X)]
    np.testing.assert_array_equal(chosen, scores.min(axis=1))


@BOTH
def test_it_says_what_it_is(trained, exported):
    assert (exported.kind, exported.n_features, exported.n_choices) == (type(trained).__name__, 4, 4)


@BOTH
def test_export_is_repeatable(trained, exported):
    assert to_onnx(trained) == to_onnx(copy.deepcopy(trained))


def test_a_file_is_as_good_as_bytes(tmp_path):
    path = tmp_path / "selector.onnx"
    path.write_bytes(to_onnx(FITTED[3], X))
    np.testing.assert_array_equal(ExportedSelector(path).predict(X), FITTED[3].predict(X))


def test_export_notices_a_graph_that_decides_otherwise():
    class Crooked(CostRegression):
        def decide(self, features):
            return (super().decide(features) + 1) % self.n_choices_

    with pytest.raises(SelectorError, match=r"exported Crooked selects \d for row 0.* 100.00% of rows differ"):
        to_onnx(Crooked(n_trees=5).fit(X, COSTS), X)


def test_what_cannot_be_exported():
    with pytest.raises(SelectorError, match="OracleSelector has no ONNX graph"):
        to_onnx(OracleSelector().fit(X, COSTS))
    with pytest.raises(SelectorError, match="SingleBest is not fitted"):
        to_onnx(SingleBest())


def test_rows_of_another_length():
    with pytest.raises(SelectorError, match=r"features must have shape \(4,\), got \(3,\)"):
        EXPORTED[0].select([1.0, 2.0, 3.0])
    with pytest.raises(SelectorError, match="X must have 4 features, got 2"):
        EXPORTED[0].predict([[1.0, 2.0]])


def test_foreign_and_newer_files():
    with pytest.raises(SelectorError, match="not an exported selector: ONNX Runtime says"):
        ExportedSelector(b"no model")
    model = onnx.load_from_string(to_onnx(FITTED[0]))
    onnx.helper.set_model_props(model, {"compsel.selector": "SingleBest", "compsel.selector.version": "99"})
    with pytest.raises(VersionError, match="format 99, this compsel reads up to 1"):
        ExportedSelector(model.SerializeToString())
    onnx.helper.set_model_props(model, {"other": "x"})
    with pytest.raises(SelectorError, match="its metadata has no"):
        ExportedSelector(model.SerializeToString())


def test_running_an_exported_selector_imports_nothing_of_training(tmp_path):
    (tmp_path / "selector.onnx").write_bytes(to_onnx(FITTED[3]))
    program = (
        "import sys; from compsel.selection.export.onnx_selector import ExportedSelector;"
        f"ExportedSelector({str(tmp_path / 'selector.onnx')!r}).select([0.0] * 4);"
        "print({'onnx', 'sklearn', 'scipy', 'xgboost', 'pyarrow', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
