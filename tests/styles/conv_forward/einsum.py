def conv_forward(A_prev, W, b, hparameters):
    m, H, L, C = A_prev.shape
    F, F, C, K = W.shape
    stride, pad = hparameters["stride"], hparameters["pad"]
    H_out = int(np.floor((H + 2 * pad - F) / stride)) + 1
    L_out = int(np.floor((L + 2 * pad - F) / stride)) + 1
    padded = zero_pad(A_prev, pad)
    Z = np.zeros((m, H_out, L_out, K))
    for h in range(H_out):
        v = h * stride
        for w in range(L_out):
            u = w * stride
            patches = padded[:, v : v + F, u : u + F, :]
            Z[:, h, w, :] = np.einsum("mxyc,xyck->mk", patches, W)
    Z += b
    cache = (A_prev, W, b, hparameters)
    return Z, cache
