"""Names of the files of a bundle that are about all others."""

__all__ = ["BASELINES", "MANIFEST", "SIGNATURE"]

BASELINES = "baselines.json"
MANIFEST = "manifest.json"
SIGNATURE = "model.sig"  # what the OpenSSF model-signing format proposes
