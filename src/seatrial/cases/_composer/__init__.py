"""What the cases on MosaicML Composer have in common: its start, its trainer, its log."""
