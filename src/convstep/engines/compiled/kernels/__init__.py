"""The sources of the kernels. Nothing here is imported where the cache already has the machine code."""
