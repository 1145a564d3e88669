"""What `convstep bench` measures: convstep beside PyTorch, Keras and onnxruntime, in one process and in turn.

One rule: whatever is measured is plain data, so that tables, programs and pictures show the same numbers. Rivals are imported where they
exist.
"""

from convstep.bench.plan import NETWORKS, PARTS, Plan, measure

__all__ = ["NETWORKS", "PARTS", "Plan", "measure"]
