def conv_backward(dZ, cache):
    (A_prev, W, b, hparameters) = cache
    m, n_H_prev, n_W_prev, n_C_prev = A_prev.shape
    f, _, _, n_C = W.shape
    stride = hparameters["stride"]
    pad = hparameters["pad"]
    n_H, n_W = dZ.shape[1:3]
    A_pad = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    dA_pad = np.zeros(A_pad.shape)
    dW = np.zeros(W.shape)
    for h in range(n_H):
        for w in range(n_W):
            y, x = h * stride, w * stride
            rows, cols = slice(y, y + f), slice(x, x + f)
            dz = dZ[:, h, w, :].reshape(-1, 1, 1, 1, n_C)
            dA_pad[:, rows, cols, :] += (W * dz).sum(axis=4)
            dW += (A_pad[:, rows, cols, :, None] * dz).sum(axis=0)
    db = dZ.sum(axis=(0, 1, 2), keepdims=True)
    dA_prev = dA_pad[:, pad : pad + n_H_prev, pad : pad + n_W_prev, :]
    return dA_prev, dW, db
