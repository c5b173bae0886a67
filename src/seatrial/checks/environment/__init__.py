"""What every rank of a job finds around it: collected where it runs, gathered, compared, and judged as data."""
