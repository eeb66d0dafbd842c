"""What has to hold for every hostile upload: it is put aside with its reason, within bounds, and costs no other."""

import json
import os
import subprocess
import sys
from pathlib import Path

from compsel.fleet.layout import FleetFolder
from compsel.fleet.put_aside import put_aside_reasons
from tests.fleet.recorded import BUNDLE, answers, put
from tests.hostile.uploads import GOOD, HostileUpload

__all__ = ["check_put_aside"]

_MOST_S, _MOST_MB, _MOST_READING_MB = 20.0, 100.0, 800.0
_INGEST = """
import json, resource, sys, time
from pathlib import Path
from compsel.device.resident_memory import peak_bytes
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
begin, (uploads, fleet) = time.perf_counter(), map(Path, sys.argv[1:])
found = vars(ingest(uploads, FleetFolder(fleet)))
found["seconds"] = time.perf_counter() - begin
found["peak_mb"] = peak_bytes() / 1e6
found["reading_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
found["again"] = vars(ingest(uploads, FleetFolder(fleet)))
print(json.dumps(found))
"""


def check_put_aside(upload: HostileUpload, place: Path, modules: Path | None = None) -> None:
    """Take in an upload between two good ones, in a process of its own; it finds these modules before all others."""
    uploads, fleet = place / "uploads", FleetFolder(place / "fleet")
    good = [put(uploads / name, 1, answers(range(3)), one.header()) for name, one in zip("az", GOOD, strict=True)]
    (uploads / "m").mkdir()
    upload.make(uploads / "m")
    command = [sys.executable, "-c", _INGEST, str(uploads), str(fleet.root)]
    path = os.pathsep.join([str(modules or ""), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path}
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
    assert found["put_aside"] == {upload.kind: 1}, found
    (reason,) = found["reasons"].values()
    assert upload.words in reason
    assert 0 < len(reason) < 500
    assert (found["taken"], found["left"], found["again"]["known"]) == (2, {}, 3)
    assert sorted(path.read_bytes() for path in fleet.records.rglob("*.parquet")) == sorted(
        path.read_bytes() for path in good
    )
    assert found["seconds"] < _MOST_S
    assert found["peak_mb"] < _MOST_MB
    assert found["reading_mb"] < _MOST_READING_MB
    (kept,) = put_aside_reasons(fleet.put_aside).values()
    assert (kept["kind"], kept["reason"]) == (upload.kind, reason)
    # nothing that a stranger wrote has become a path
    assert sorted(path.name for path in place.iterdir()) == ["fleet", "uploads"]
    assert [path.name for path in fleet.records.iterdir()] == [BUNDLE]
    assert {path.parent for path in fleet.put_aside.rglob("*")} == {fleet.put_aside}
