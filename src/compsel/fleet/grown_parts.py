"""Parts grow while an app runs, and may be uploaded before they are whole."""

from pathlib import Path

from compsel.runtime.recording.part_reader import read_part

__all__ = ["continues"]


def continues(old: str, new: str) -> bool:
    """Whether the part at a path begins as another one, and goes on: both were checked before."""
    (before, old_rows), (after, new_rows) = (read_part(Path(path), known=True) for path in (old, new))
    if (before.kind, before.session, before.bundle, before.device_id) != (
        after.kind,
        after.session,
        after.bundle,
        after.device_id,
    ) or old_rows.num_rows > new_rows.num_rows:
        return False
    names = [name for name in old_rows.column_names if name in new_rows.column_names]
    begin = new_rows.slice(0, old_rows.num_rows)
    # a column that is not there any more held nothing
    # as pandas compares them: NaN is the same as NaN
    return bool(begin.select(names).to_pandas().equals(old_rows.select(names).to_pandas())) and all(
        old_rows.column(name).null_count == old_rows.num_rows for name in old_rows.column_names if name not in names
    )
