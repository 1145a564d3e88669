def pool_forward(A_prev, hparameters, mode="max"):
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    f, stride = hparameters["f"], hparameters["stride"]
    n_H = 1 + (n_H_prev - f) // stride
    n_W = 1 + (n_W_prev - f) // stride
    A = np.zeros((m, n_H, n_W, n_C))
    for h in range(n_H):
        top = h * stride
        bottom = top + f
        for w in range(n_W):
            left = w * stride
            right = left + f
            window = A_prev[:, top:bottom, left:right, :]
            if mode == "max":
                A[:, h, w, :] = window.max(axis=(1, 2))
            if mode == "average":
                A[:, h, w, :] = window.mean(axis=(1, 2))
    cache = (A_prev, hparameters)
    return A, cache
