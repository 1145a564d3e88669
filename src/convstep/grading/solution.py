"""The eight functions as a learner writes them: exercises are cut from this code, and known mistakes are patches of it.

One rule: every line does one thing, and the numbered comments alone tell what to do. `convstep.steps` judges it like anyone else's.
"""

import numpy as np


def zero_pad(X, pad):
    """Put pad rows and columns of zeros around every image of X (m, n_H, n_W, n_C)."""
    # 1. Pad the rows and the columns with zeros, on both sides; leave the axes of the images and of the channels alone.
    X_pad = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="constant", constant_values=0)
    return X_pad


def conv_single_step(a_slice_prev, W, b):
    """Apply one filter W (f, f, n_C_prev) with the bias b (1, 1, 1) to one window of the same shape; return a number."""
    # 1. Multiply the window with the filter, cell by cell.
    s = a_slice_prev * W
    # 2. Add all the products.
    Z = np.sum(s)
    # 3. Add the bias, as a plain number.
    Z = Z + b.item()
    return Z


def conv_forward(A_prev, W, b, hparameters):
    """Convolve the images A_prev (m, n_H_prev, n_W_prev, n_C_prev) with the filters W (f, f, n_C_prev, n_C); return Z and the cache."""
    # 1. Read the sizes from the shapes, and the hyperparameters.
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    (f, f, n_C_prev, n_C) = W.shape
    stride = hparameters["stride"]
    pad = hparameters["pad"]
    # 2. Compute the rows and columns of the output, rounded down.
    n_H = (n_H_prev - f + 2 * pad) // stride + 1
    n_W = (n_W_prev - f + 2 * pad) // stride + 1
    # 3. Make room for the output.
    Z = np.zeros((m, n_H, n_W, n_C))
    # 4. Pad the images.
    A_prev_pad = zero_pad(A_prev, pad)
    # 5. Go through the images, and through the rows and columns of the output.
    for i in range(m):
        a_prev_pad = A_prev_pad[i]
        for h in range(n_H):
            # 6. Find the first row of the window and the row after its last.
            vert_start = h * stride
            vert_end = vert_start + f
            for w in range(n_W):
                # 7. Find the columns in the same way.
                horiz_start = w * stride
                horiz_end = horiz_start + f
                for c in range(n_C):
                    # 8. Cut the window out of the padded image, with all its channels.
                    a_slice_prev = a_prev_pad[vert_start:vert_end, horiz_start:horiz_end, :]
                    # 9. Take a single step with filter c and its bias.
                    weights = W[:, :, :, c]
                    biases = b[:, :, :, c]
                    Z[i, h, w, c] = conv_single_step(a_slice_prev, weights, biases)
    # 10. Keep what the backward pass will need.
    cache = (A_prev, W, b, hparameters)
    return Z, cache


def pool_forward(A_prev, hparameters, mode="max"):
    """Pool the windows of the images A_prev (m, n_H_prev, n_W_prev, n_C_prev), channel by channel; return A and the cache."""
    # 1. Read the sizes from the shape, and the hyperparameters.
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    f = hparameters["f"]
    stride = hparameters["stride"]
    # 2. Compute the sizes of the output: there is no padding, and the channels stay.
    n_H = (n_H_prev - f) // stride + 1
    n_W = (n_W_prev - f) // stride + 1
    n_C = n_C_prev
    # 3. Make room for the output.
    A = np.zeros((m, n_H, n_W, n_C))
    # 4. Go through the images, the rows, the columns and the channels of the output.
    for i in range(m):
        a_prev = A_prev[i]
        for h in range(n_H):
            # 5. Find the first row of the window and the row after its last.
            vert_start = h * stride
            vert_end = vert_start + f
            for w in range(n_W):
                # 6. Find the columns in the same way.
                horiz_start = w * stride
                horiz_end = horiz_start + f
                for c in range(n_C):
                    # 7. Cut the window out of channel c.
                    a_slice_prev = a_prev[vert_start:vert_end, horiz_start:horiz_end, c]
                    # 8. Keep its largest value, or its mean.
                    if mode == "max":
                        A[i, h, w, c] = np.max(a_slice_prev)
                    elif mode == "average":
                        A[i, h, w, c] = np.mean(a_slice_prev)
    # 9. Keep what the backward pass will need.
    cache = (A_prev, hparameters)
    return A, cache


def conv_backward(dZ, cache):
    """Carry the gradient dZ (m, n_H, n_W, n_C) of a convolution back to its images, filters and biases; return dA_prev, dW, db."""
    # 1. Unpack the cache, the hyperparameters and the sizes.
    (A_prev, W, b, hparameters) = cache
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    (f, f, n_C_prev, n_C) = W.shape
    stride = hparameters["stride"]
    pad = hparameters["pad"]
    (m, n_H, n_W, n_C) = dZ.shape
    # 2. Let all gradients start at zero.
    dA_prev = np.zeros((m, n_H_prev, n_W_prev, n_C_prev))
    dW = np.zeros((f, f, n_C_prev, n_C))
    db = np.zeros((1, 1, 1, n_C))
    # 3. Pad the images and their gradient.
    A_prev_pad = zero_pad(A_prev, pad)
    dA_prev_pad = zero_pad(dA_prev, pad)
    # 4. Go through the images, and through the rows, columns and channels of the output.
    for i in range(m):
        a_prev_pad = A_prev_pad[i]
        da_prev_pad = dA_prev_pad[i]
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    # 5. Find the window, as in the forward pass.
                    vert_start = h * stride
                    vert_end = vert_start + f
                    horiz_start = w * stride
                    horiz_end = horiz_start + f
                    a_slice = a_prev_pad[vert_start:vert_end, horiz_start:horiz_end, :]
                    # 6. Add up the three gradients: of the window, of the filter and of the bias.
                    da_prev_pad[vert_start:vert_end, horiz_start:horiz_end, :] += W[:, :, :, c] * dZ[i, h, w, c]
                    dW[:, :, :, c] += a_slice * dZ[i, h, w, c]
                    db[:, :, :, c] += dZ[i, h, w, c]
        # 7. Cut the padding off the gradient of this image.
        dA_prev[i, :, :, :] = da_prev_pad[pad : pad + n_H_prev, pad : pad + n_W_prev, :]
    return dA_prev, dW, db


def create_mask_from_window(x):
    """Mark the largest value of the window x (n_H, n_W) with True."""
    # 1. Compare every value with the largest one.
    mask = x == np.max(x)
    return mask


def distribute_value(dz, shape):
    """Share the value dz equally among the cells of a window of this shape (n_H, n_W)."""
    # 1. Read the sizes.
    (n_H, n_W) = shape
    # 2. Divide the value by the number of cells.
    average = dz / (n_H * n_W)
    # 3. Give every cell its share.
    a = np.ones((n_H, n_W)) * average
    return a


def pool_backward(dA, cache, mode="max"):
    """Carry the gradient dA (m, n_H, n_W, n_C) of pooling back to the images; return dA_prev."""
    # 1. Unpack the cache, the hyperparameters and the sizes.
    (A_prev, hparameters) = cache
    stride = hparameters["stride"]
    f = hparameters["f"]
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    (m, n_H, n_W, n_C) = dA.shape
    # 2. Let the gradient start at zero.
    dA_prev = np.zeros((m, n_H_prev, n_W_prev, n_C_prev))
    # 3. Go through the images, and through the rows, columns and channels of the output.
    for i in range(m):
        a_prev = A_prev[i]
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    # 4. Find the window, as in the forward pass.
                    vert_start = h * stride
                    vert_end = vert_start + f
                    horiz_start = w * stride
                    horiz_end = horiz_start + f
                    if mode == "max":
                        # 5. Cut the window out, mark its largest value, and give that cell the whole gradient.
                        a_prev_slice = a_prev[vert_start:vert_end, horiz_start:horiz_end, c]
                        mask = create_mask_from_window(a_prev_slice)
                        dA_prev[i, vert_start:vert_end, horiz_start:horiz_end, c] += mask * dA[i, h, w, c]
                    elif mode == "average":
                        # 6. Or share the gradient equally among the cells of the window.
                        da = dA[i, h, w, c]
                        shape = (f, f)
                        dA_prev[i, vert_start:vert_end, horiz_start:horiz_end, c] += distribute_value(da, shape)
    return dA_prev
