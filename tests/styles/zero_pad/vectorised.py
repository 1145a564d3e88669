def zero_pad(X, pad):
    m, n_H, n_W, n_C = X.shape
    bigger = np.zeros((m, n_H + 2 * pad, n_W + 2 * pad, n_C))
    bigger[:, pad : pad + n_H, pad : pad + n_W, :] = X
    return bigger
