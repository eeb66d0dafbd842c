"""Low-rank factorisation: the mathematics, and the surgery that puts several small layers in place of one."""
