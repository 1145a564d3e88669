def conv_single_step(a_slice_prev, W, b):
    cells = a_slice_prev.reshape(-1)
    weights = W.reshape(-1)
    bias = b.reshape(-1)[0]
    return cells @ weights + bias
