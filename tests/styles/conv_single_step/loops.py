def conv_single_step(a_slice_prev, W, b):
    height, width, depth = W.shape
    total = 0.0
    for k in range(depth):
        for j in range(width):
            for i in range(height):
                total += a_slice_prev[i, j, k] * W[i, j, k]
    return total + b[0, 0, 0]
