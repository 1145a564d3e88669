def conv_single_step(a_slice_prev, W, b):
    per_channel = np.einsum("ijk,ijk->k", a_slice_prev, W)
    return per_channel.sum() + np.squeeze(b)
