"""What a job will need and give, before it starts: pure functions from a Workload and hardware to numbers; no torch.

Each number may be an array of numpy: then so is the answer, and a hundred thousand layouts are one call.
"""
