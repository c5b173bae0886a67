"""Who emits metrics: one module each, found by being there, which holds one value `EMITTER`."""
