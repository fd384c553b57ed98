"""Layers of many small networks at once, forward and backward by hand, on buffers made once.

Values are stored with the samples last: a layer's value is [n, features, B] or [n, C, H, W, B] for n models on B
samples each. A layer is then one batched product with its weights as θ stores them, Z_i = W_i A_i + b_i, and so is a
convolution whose A has the patches as columns: they are copied in runs of B numbers, and no weight or gradient is ever
permuted. Beside each value stands its gradient, a buffer of the same shape (None where nothing needs it, as for the
images).
"""

from itertools import product

import torch

from theory.errors import require


class Buffers:
    """Makes buffers of one dtype on one device, and counts their `bytes`."""

    def __init__(self, dtype, device):
        self.options, self.bytes = {"dtype": dtype, "device": device}, 0

    def __call__(self, *shape, make=torch.empty):
        buffer = make(shape, **self.options)
        self.bytes += buffer.nbytes
        return buffer


class Affine:
    """Z_i = W_i A_i + b_i for i = 1..n: W [n, outputs, k], A [n or 1, k, N], b [n, outputs] or None.

    Backward, with G = ∂loss/∂Z: ∂W = G Aᵀ, ∂b = Σ_columns G, ∂A = Wᵀ G. `columns` and `columns_gradient` are A and ∂A;
    a linear layer's are the value of the layer before it.
    """

    def __init__(self, outputs, n, columns, columns_gradient, buffers, train):
        self.columns_gradient = columns_gradient
        self.read(columns.expand(n, -1, -1))
        self.value = buffers(n, outputs, columns.shape[-1])
        self.gradient = buffers(*self.value.shape) if train else None

    def read(self, columns):
        """Take A [n, k, N] from now on."""
        self.columns, self.columns_transposed = columns, columns.mT

    def share(self, scratch):
        """Memory for ∂W: it is a part of a flat gradient, and a batched product into such strided memory would become a
        loop over the models."""
        n, outputs, k = len(self.value), self.value.shape[1], self.columns.shape[1]
        self.weight_gradient = scratch[: n * outputs * k].view(n, outputs, k)

    def forward(self, leaves):
        weight, bias = leaves
        if bias is None:
            torch.bmm(weight, self.columns, out=self.value)
        else:
            torch.baddbmm(bias.unsqueeze(-1), weight, self.columns, out=self.value)

    def backward(self, leaves, gradients):
        weight_gradient, bias_gradient = gradients
        weight_gradient.copy_(torch.bmm(self.gradient, self.columns_transposed, out=self.weight_gradient))
        if bias_gradient is not None:
            torch.sum(self.gradient, -1, dtype=bias_gradient.dtype, out=bias_gradient)
        if self.columns_gradient is not None:
            torch.bmm(leaves[0].mT, self.gradient, out=self.columns_gradient)


class Convolution:
    """A convolution as a product with patches [n or 1, C · kernel, outputs · B], which are 0 beyond the image's border.

    Forward copies pixels to patches, one tap of the kernel at a time; backward writes the patches' gradient over them
    (fewer buffers stay in the cache) and sums it to pixels. Views are made once: to make them costs as much as a copy.
    """

    def __init__(self, module, n, image, image_gradient, buffers, train):
        models, channels, height, width, samples = image.shape
        kernel, stride = module.kernel_size, module.stride
        taps_h, rows = taps(height, kernel[0], stride[0], module.padding[0])
        taps_w, columns = taps(width, kernel[1], stride[1], module.padding[1])
        patches = buffers(models, channels, *kernel, rows, columns, samples, make=torch.zeros)
        pairs = [(patches[:, :, i, j, to_h, to_w], (h, w)) for i, to_h, h in taps_h for j, to_w, w in taps_w]
        self.copies = [(patch, image[:, :, h, w]) for patch, (h, w) in pairs]
        self.border, self.writes, self.sums, self.image_gradient = [], [], [], image_gradient
        if image_gradient is not None:
            self.border += [patches[:, :, i, :, o] for i, o in beyond(taps_h, kernel[0], rows)]
            self.border += [patches[:, :, :, j, :, o] for j, o in beyond(taps_w, kernel[1], columns)]
            self._order_sums(pairs, stride)
        patches = patches.view(models, module.weight[0].numel(), rows * columns * samples)
        patches_gradient = None if image_gradient is None else patches
        self.product = Affine(module.out_channels, n, patches, patches_gradient, buffers, train)
        value = (n, module.out_channels, rows, columns, samples)
        self.value = self.product.value.view(value)
        self.gradient = self.product.gradient.view(value) if train else None

    def _order_sums(self, pairs, stride):
        """Pixels at one remainder of the stride meet the same taps: a first one that meets all of them writes."""
        image = self.image_gradient
        whole = {(a, b): image[:, :, a :: stride[0], b :: stride[1]] for a, b in product(*map(range, stride))}
        for patch, (h, w) in sorted(pairs, key=lambda pair: -pair[0].numel()):
            pixels, remainder = image[:, :, h, w], (h.start % stride[0], w.start % stride[1])
            first = remainder in whole and pixels.shape == whole[remainder].shape
            (self.writes if first else self.sums).append((pixels, patch))
            if first:
                del whole[remainder]
        self.unwritten = [pixels for pixels in whole.values() if pixels.numel()]

    def forward(self, leaves):
        for patch, pixels in self.copies:
            patch.copy_(pixels)
        self.product.forward(leaves)

    def share(self, scratch):
        self.product.share(scratch)

    def backward(self, leaves, gradients):
        self.product.backward(leaves, gradients)
        if self.image_gradient is None:
            return
        for pixels in self.unwritten:
            pixels.zero_()
        for pixels, patch in self.writes:
            pixels.copy_(patch)
        for pixels, patch in self.sums:
            pixels.add_(patch)
        for zeros in self.border:
            zeros.zero_()


def taps(size, kernel, stride, padding):
    """([(i, outputs o, pixels o · stride + i - padding), ...], number of outputs) of a convolution along one axis.

    i = 0..kernel-1; outputs and pixels are slices of equal length, of those pairs whose pixel lies in the image.
    """
    outputs = (size + 2 * padding - kernel) // stride + 1
    padded = size + 2 * padding
    require(
        outputs >= 1, f"A kernel of {kernel} needs at least {kernel} pixels a side, padding included, not {padded}."
    )
    found = []
    for i in range(kernel):
        first = max(0, -((i - padding) // stride))
        last = min(outputs - 1, (size - 1 + padding - i) // stride)
        if first <= last:
            shift = i - padding
            found.append((i, slice(first, last + 1), slice(first * stride + shift, last * stride + shift + 1, stride)))
    return found, outputs


def beyond(listed, kernel, outputs):
    """The other pairs (i, outputs o) of `taps`, whose pixels lie beyond the image."""
    inside = {i: o for i, o, _ in listed}
    for i in range(kernel):
        met = inside.get(i, slice(0, 0))
        yield from ((i, o) for o in (slice(0, met.start), slice(met.stop, outputs)) if o.start < o.stop)


class ReLU:
    """max(·, 0) in place; where the value is not positive the gradient is 0, as in torch."""

    def __init__(self, value, gradient):
        self.value, self.gradient = value, gradient

    def forward(self, leaves):
        self.value.relu_()

    def share(self, scratch):
        pass

    def backward(self, leaves, gradients):
        torch.ops.aten.threshold_backward.grad_input(self.gradient, self.value, 0, grad_input=self.gradient)


def cross_entropy(logits, labels, smoothing, gradient):
    """Mean cross entropy [n] of logits [n, K, B] under labels [n, B]; writes its gradient in the logits to `gradient`.

    ℓ = -(1 - ε) log p_y - (ε/K) Σ_k log p_k with p = softmax and ε = `smoothing`, so ∂ℓ/∂z = p - (1 - ε) e_y - ε/K.
    """
    classes, samples = logits.shape[1:]
    log_p = torch.log_softmax(logits, 1)
    chosen = labels.unsqueeze(1)
    losses = log_p.gather(1, chosen).sum((1, 2)).mul_((smoothing - 1) / samples)
    if smoothing:
        losses -= log_p.sum((1, 2)).mul_(smoothing / (classes * samples))
    p = log_p.exp_()
    p.scatter_add_(1, chosen, p.new_full((1, 1, 1), smoothing - 1).expand(chosen.shape))
    if smoothing:
        p -= smoothing / classes
    torch.div(p, samples, out=gradient)
    return losses
