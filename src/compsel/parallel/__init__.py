"""Where work runs: processes of this machine, Dask or Ray; work is cut in shards, whose results are files."""
