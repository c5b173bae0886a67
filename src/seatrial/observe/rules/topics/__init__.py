"""Rules by topic: each module is a topic, found by being there."""
