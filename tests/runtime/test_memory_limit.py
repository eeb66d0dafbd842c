"""The memory limit counts what engines were measured to take, not how large their files are."""

from pathlib import Path

import compsel
from compsel.device.resident_memory import resident_mb
from compsel.selection.policies import FixedPolicy
from tests.dense_bundles import dense_bundle, row

NAMES = ("a", "bb", "ccc")
WIDTH, LAYER_MB = 3000, 36.0


def test_as_many_engines_stay_as_are_resident_within_the_limit(tmp_path: Path) -> None:
    folder = dense_bundle(tmp_path, NAMES, FixedPolicy("a/none", "cpu:1"), WIDTH)
    # two layers and a half: by 2.5 times the file, as is usual where weights are kept twice, not one would fit
    with compsel.load(folder, memory_limit_mb=2.5 * LAYER_MB, warm_up=False, adapt=False) as runtime:
        before_mb = resident_mb()
        for name in NAMES:
            runtime.with_policy(FixedPolicy(f"{name}/none", "cpu:1"))(row(WIDTH))
        assert [name for name, _, _ in runtime._pool._engines] == ["bb/none", "ccc/none"]
        assert abs(runtime._pool.resident_mb - 2 * LAYER_MB) < 0.25 * LAYER_MB
        runtime._pool.return_freed()
        assert resident_mb() - before_mb < 2.5 * LAYER_MB
