"""Engines that run tasks: this process, joblib's processes, Dask, Ray. One file each."""
