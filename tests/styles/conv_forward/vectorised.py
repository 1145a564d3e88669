def conv_forward(A_prev, W, b, hparameters):
    m, n_H_prev, n_W_prev, n_C_prev = A_prev.shape
    f, _, _, n_C = W.shape
    s, p = hparameters["stride"], hparameters["pad"]
    n_H = (n_H_prev + 2 * p - f) // s + 1
    n_W = (n_W_prev + 2 * p - f) // s + 1
    X = zero_pad(A_prev, p)
    tops = np.arange(n_H) * s
    lefts = np.arange(n_W) * s
    rows = tops[:, None] + np.arange(f)
    cols = lefts[:, None] + np.arange(f)
    windows = X[:, rows[:, None, :, None], cols[None, :, None, :], :]
    products = windows[..., None] * W
    Z = products.sum(axis=(3, 4, 5))
    Z = Z + b
    return Z, (A_prev, W, b, hparameters)
