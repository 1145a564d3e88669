def conv_backward(dZ, cache):
    A_prev, W, b, hparameters = cache
    stride, pad = hparameters["stride"], hparameters["pad"]
    m, n_H_prev, n_W_prev, n_C_prev = A_prev.shape
    f = W.shape[0]
    m, n_H, n_W, n_C = dZ.shape
    A_pad = zero_pad(A_prev, pad)
    rows = (stride * np.arange(n_H)[:, None] + np.arange(f))[:, None, :, None]
    cols = (stride * np.arange(n_W)[:, None] + np.arange(f))[None, :, None, :]
    windows = A_pad[:, rows, cols, :]  # (m, n_H, n_W, f, f, n_C_prev)
    spread = np.einsum("nhwk,ijck->nhwijc", dZ, W)
    dA_pad = np.zeros_like(A_pad)
    np.add.at(dA_pad, (slice(None), rows, cols), spread)
    dW = np.einsum("nhwijc,nhwk->ijck", windows, dZ)
    db = np.einsum("nhwk->k", dZ).reshape(1, 1, 1, n_C)
    return dA_pad[:, pad : pad + n_H_prev, pad : pad + n_W_prev, :], dW, db
