def conv_forward(A_prev, W, b, hparameters):
    step = hparameters["stride"]
    border = hparameters["pad"]
    number, height, width, channels = A_prev.shape
    f = W.shape[0]
    filters = W.shape[3]
    rows = int((height - f + 2 * border) / step) + 1
    cols = int((width - f + 2 * border) / step) + 1
    framed = np.zeros((number, height + 2 * border, width + 2 * border, channels))
    framed[:, border : border + height, border : border + width, :] = A_prev
    Z = np.zeros((number, rows, cols, filters))
    for k in range(filters):
        kernel = W[:, :, :, k]
        bias = b[0, 0, 0, k]
        for n in range(number):
            for y in range(rows):
                for x in range(cols):
                    top = y * step
                    bottom = top + f
                    left = x * step
                    right = left + f
                    window = framed[n, top:bottom, left:right, :]
                    total = 0
                    for product in (window * kernel).ravel():
                        total += product
                    Z[n, y, x, k] = total + bias
    return Z, (A_prev, W, b, hparameters)
