def pool_backward(dA, cache, mode="max"):
    A_prev, hparameters = cache
    size = hparameters["f"]
    step = hparameters["stride"]
    m, rows, cols, channels = dA.shape
    grad = np.zeros(A_prev.shape)
    for k in range(channels):
        for n in range(m):
            for x in range(cols):
                left = x * step
                right = left + size
                for y in range(rows):
                    top = y * step
                    bottom = top + size
                    g = dA[n, y, x, k]
                    if mode == "max":
                        window = A_prev[n, top:bottom, left:right, k]
                        largest = window.max()
                        for r, s in np.argwhere(window == largest):
                            grad[n, top + r, left + s, k] += g
                    elif mode == "average":
                        grad[n, top:bottom, left:right, k] += g / size**2
    return grad
