#!/usr/bin/env python3
"""Writes torch_optimizers.inc: weights of torch.optim after 1, 10, 100 and 1000 steps.

Run once, with PyTorch at hand (Debian: apt-get install python3-torch, then /usr/bin/python3):

    tests/cpu/torch_optimizers.py > tests/cpu/torch_optimizers.inc

Weights and gradients come from an integer hash, so that the C++ test makes the same ones.
"""
import numpy
import torch

ELEMENTS = 128
STEPS = (1, 10, 100, 1000)
LEARNING_RATE, BETAS, EPSILON, WEIGHT_DECAY = 1e-3, (0.9, 0.999), 1e-8, 0.1


def mix(x):
    """A 32-bit integer hash (lowbias32, C. Wellons, public domain), on 64-bit arrays."""
    mask = numpy.uint64(0xFFFFFFFF)
    x = numpy.asarray(x, dtype=numpy.uint64) & mask
    x = x ^ (x >> numpy.uint64(16))
    x = (x * numpy.uint64(0x7FEB352D)) & mask
    x = x ^ (x >> numpy.uint64(15))
    x = (x * numpy.uint64(0x846CA68B)) & mask
    return x ^ (x >> numpy.uint64(16))


def uniform(x):
    """In [-1, 1), a multiple of 2^-23: exact in fp32."""
    return (mix(x) >> numpy.uint64(8)).astype(numpy.float64) / 2.0**23 - 1.0


def bits(values):
    return values.detach().numpy().astype(numpy.float32).view(numpy.uint32)


index = numpy.arange(ELEMENTS, dtype=numpy.uint64)
scale = 2.0 ** -(numpy.arange(ELEMENTS) % 16)

OPTIMIZERS = {
    "adamw": lambda parameters: torch.optim.AdamW(
        parameters, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, weight_decay=WEIGHT_DECAY),
    "adam": lambda parameters: torch.optim.Adam(
        parameters, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, weight_decay=WEIGHT_DECAY),
    "momentum": lambda parameters: torch.optim.SGD(
        parameters, lr=LEARNING_RATE, momentum=0.9, weight_decay=WEIGHT_DECAY),
    "nesterov": lambda parameters: torch.optim.SGD(
        parameters, lr=LEARNING_RATE, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY),
}


def initial():
    return torch.tensor((0.02 * uniform(index)).astype(numpy.float32))


def trajectory(make):
    weights = initial().requires_grad_(True)
    optimizer = make([weights])
    for step in range(1, STEPS[-1] + 1):
        seeds = index + numpy.uint64(ELEMENTS * step)
        weights.grad = torch.tensor((uniform(seeds) * scale).astype(numpy.float32))
        optimizer.step()
        if step in STEPS:
            yield step, bits(weights).copy()


def print_array(name, values):
    print("constexpr std::uint32_t %s[%d] = {" % (name, ELEMENTS))
    for begin in range(0, ELEMENTS, 8):
        print("    " + " ".join("0x%08x," % v for v in values[begin:begin + 8]))
    print("};")


print("// torch.optim of PyTorch %s, %d elements, lr %g, betas %g %g, eps %g, weight decay %g." %
      (torch.__version__, ELEMENTS, LEARNING_RATE, *BETAS, EPSILON, WEIGHT_DECAY))
print("// Written by torch_optimizers.py, which says how to make it again. fp32 bit patterns.")
print_array("torch_initial", bits(initial()))
for name, make in OPTIMIZERS.items():
    for step, values in trajectory(make):
        print_array("torch_%s_after_%d" % (name, step), values)
