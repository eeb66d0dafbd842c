"""The share of the machine that a process may use, from recorded trees of the kernel."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from compsel.device import cgroup
from compsel.device.cgroup import cpu_quota, group_folders, usable_cores


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_version_2_takes_the_least_limit_above_the_process(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/app/worker\n",
            "sys/fs/cgroup/app/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/app/worker/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory",
        },
    )
    assert cpu_quota(tmp_path / "proc", tmp_path / "sys") == 1.5


def test_version_1(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        },
    )
    assert cpu_quota(tmp_path / "proc", tmp_path / "sys") == 0.5


def test_path_of_the_host_falls_back_to_the_mount_point(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {"proc/self/cgroup": "0::/system.slice/docker-1234.scope\n", "sys/fs/cgroup/cpu.max": "300000 100000\n"},
    )
    assert cpu_quota(tmp_path / "proc", tmp_path / "sys") == 3.0
    assert list(group_folders("cpu", tmp_path / "proc", tmp_path / "sys")) == [tmp_path / "sys/fs/cgroup"]


@pytest.mark.parametrize("content", ["", "max 100000", "garbage", "100000", "0 100000", "100000 0", "-1 100000"])
def test_no_limit_or_nonsense(tmp_path: Path, content: str) -> None:
    tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": content})
    assert cpu_quota(tmp_path / "proc", tmp_path / "sys") is None


@pytest.mark.parametrize("content", ["", "\n", "nonsense", "0::", "::::", "0::/../../etc"])
def test_malformed_group_file(tmp_path: Path, content: str) -> None:
    tree(tmp_path, {"proc/self/cgroup": content})
    assert cpu_quota(tmp_path / "proc", tmp_path / "sys") is None


@pytest.mark.parametrize(("quota", "usable"), [("50000", 1), ("100000", 1), ("150000", 2), ("800000", 4), ("max", 4)])
def test_usable_cores_respect_quota_and_affinity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, usable: int
) -> None:
    monkeypatch.setattr(cgroup, "_affine_cores", lambda: 4)
    tree(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": f"{quota} 100000\n"})
    assert usable_cores(tmp_path / "proc", tmp_path / "sys") == usable
