"""The bucket."""

VALUES = {
    "bucket": (None, "datasets-of-ours"),
    "checkpoint_days": (30, 1),
    "upload_days": (7, 1),
}

SHAPES = {
    "new": {},
    "existing": {"bucket": "datasets-of-ours"},
}
