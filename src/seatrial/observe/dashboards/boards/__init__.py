"""The dashboards: one module each, found by being there, which holds one value `DASHBOARD`."""
