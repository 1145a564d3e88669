def pool_backward(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros(A_prev.shape)
    for h in range(n_H):
        top = h * stride
        bottom = top + f
        for w in range(n_W):
            left = w * stride
            right = left + f
            gradient = dA[:, h, w, :].reshape(m, 1, 1, n_C)
            if mode == "max":
                window = A_prev[:, top:bottom, left:right, :]
                mask = window == window.max(axis=(1, 2), keepdims=True)
                dA_prev[:, top:bottom, left:right, :] += mask * gradient
            if mode == "average":
                dA_prev[:, top:bottom, left:right] += gradient / (f * f)
    return dA_prev
