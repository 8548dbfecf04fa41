"""Figures of one training step of a small GPT-2, computed by PyTorch in fp32.

pytorch_figures.json, which pytorch_test.cpp compares the trainer with, was made by

    apt-get install python3-torch          (Debian 12: torch 1.13.1)
    /usr/bin/python3 tests/tools/pytorch_figures.py > tests/tools/pytorch_figures.json

The model, its weights and its tokens are those of small_gpt.hpp, generated here by the same formulas
and nothing else shared. For each parameter's gradient it prints the norm, and its dot products with
eight random vectors r: E[(r.(a - b))^2] = |a - b|^2, so they tell how far another gradient is.
"""

import json
import sys

import numpy as np
import torch
from torch.nn import functional

VOCABULARY, CONTEXT, LAYERS, HEADS, WIDTH = 251, 40, 2, 4, 60
SEQUENCES, TOKENS = 3, 37
PROJECTIONS = 8
M64 = np.uint64(0xFFFFFFFFFFFFFFFF)


def mixed(x):
    """SplitMix64's output function, as counter_random.hpp has it."""
    x = np.asarray(x, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def random_bits(key, counters):
    return mixed(mixed(np.uint64(key)) ^ counters.astype(np.uint64))


def random_normal(key, count):
    total = np.zeros(count, dtype=np.int64)
    for word in range(3):
        bits = random_bits((int(key) + word) & int(M64), np.arange(count))
        for shift in (0, 16, 32, 48):
            total += ((bits >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    return (total - 6 * 65535).astype(np.float32) * np.float32(1 / 65536)


def random_index(key, count, below):
    return (random_bits(key, np.arange(count)) % np.uint64(below)).astype(np.int64)


def shapes():
    """Names and shapes in the order of the declaration."""
    yield "wte", (VOCABULARY, WIDTH)
    yield "wpe", (CONTEXT, WIDTH)
    for layer in range(LAYERS):
        for name, shape in (
            ("ln_1.weight", (WIDTH,)), ("ln_1.bias", (WIDTH,)),
            ("attn.qkv.weight", (3 * WIDTH, WIDTH)), ("attn.qkv.bias", (3 * WIDTH,)),
            ("attn.proj.weight", (WIDTH, WIDTH)), ("attn.proj.bias", (WIDTH,)),
            ("ln_2.weight", (WIDTH,)), ("ln_2.bias", (WIDTH,)),
            ("mlp.fc.weight", (4 * WIDTH, WIDTH)), ("mlp.fc.bias", (4 * WIDTH,)),
            ("mlp.proj.weight", (WIDTH, 4 * WIDTH)), ("mlp.proj.bias", (WIDTH,)),
        ):
            yield f"h.{layer}.{name}", shape
    yield "ln_f.weight", (WIDTH,)
    yield "ln_f.bias", (WIDTH,)


def parameters():
    made = {}
    for index, (name, shape) in enumerate(shapes()):
        key = (int(mixed(77)) + 3 * index) & int(M64)
        deviation = np.float32(0.1 if len(shape) == 1 else 0.15)
        offset = np.float32(1 if len(shape) == 1 and name.endswith("weight") else 0)
        values = offset + deviation * random_normal(key, int(np.prod(shape)))
        made[name] = torch.tensor(values.reshape(shape), requires_grad=True)
    return made


def loss_of(p, inputs, targets):
    x = p["wte"][inputs] + p["wpe"][:TOKENS]
    mask = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)
    for layer in range(LAYERS):
        def of(name):
            return p[f"h.{layer}.{name}"]

        normal = functional.layer_norm(x, (WIDTH,), of("ln_1.weight"), of("ln_1.bias"))
        qkv = functional.linear(normal, of("attn.qkv.weight"), of("attn.qkv.bias"))
        q, k, v = (part.view(SEQUENCES, TOKENS, HEADS, -1).transpose(1, 2)
                   for part in qkv.split(WIDTH, dim=2))
        scores = q @ k.transpose(2, 3) / (WIDTH // HEADS) ** 0.5 + mask
        heads = (scores.softmax(-1) @ v).transpose(1, 2).reshape(x.shape)
        x = x + functional.linear(heads, of("attn.proj.weight"), of("attn.proj.bias"))
        normal = functional.layer_norm(x, (WIDTH,), of("ln_2.weight"), of("ln_2.bias"))
        middle = functional.linear(normal, of("mlp.fc.weight"), of("mlp.fc.bias"))
        middle = functional.gelu(middle, approximate="tanh")
        x = x + functional.linear(middle, of("mlp.proj.weight"), of("mlp.proj.bias"))
    x = functional.layer_norm(x, (WIDTH,), p["ln_f.weight"], p["ln_f.bias"])
    logits = x @ p["wte"].T
    return functional.cross_entropy(logits.view(-1, VOCABULARY), targets.view(-1))


def main():
    np.seterr(over="ignore")
    p = parameters()
    inputs = torch.tensor(random_index(5, SEQUENCES * TOKENS, VOCABULARY)).view(SEQUENCES, TOKENS)
    targets = torch.tensor(random_index(6, SEQUENCES * TOKENS, VOCABULARY)).view(SEQUENCES, TOKENS)
    loss = loss_of(p, inputs, targets)
    loss.backward()
    gradients = {}
    for name, value in p.items():
        gradient = value.grad.numpy().astype(np.float64).ravel()
        gradients[name] = {
            "norm": float(np.linalg.norm(gradient)),
            "projections": [float(gradient @ random_normal(1000 + 3 * i, gradient.size).astype(np.float64))
                            for i in range(PROJECTIONS)],
        }
    norm = sum(each["norm"] ** 2 for each in gradients.values()) ** 0.5
    json.dump({"made_with": f"torch {torch.__version__}", "loss": loss.item(), "gradient_norm": norm,
               "gradients": gradients}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
