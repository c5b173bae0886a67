"""Building: what makes images of rendered files, and where they are kept."""
