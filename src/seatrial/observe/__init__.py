"""What a run and a cluster tell the systems that people look at: metrics, and who emits them."""
