#!/usr/bin/python3
"""How many tokens a second does PyTorch train, of the model and batch that Ballast is measured with?

Debian's torch: apt-get install python3-torch. GPT-2 from scratch on random tokens, bf16 autocast or
fp32, gradient clipping and AdamW in the timed step, as the trainer's. Prints one JSON line; run it
alternately with the other side and compare medians (compare_speed.py does).
"""

import argparse
import contextlib
import json
import time

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x, mask):
        batch, tokens, width = x.shape
        q, k, v = (
            part.view(batch, tokens, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.ln_1(x)).split(width, dim=2)
        )
        scores = q @ k.transpose(2, 3) / (width // self.heads) ** 0.5
        heads = scores.masked_fill(mask, float("-inf")).softmax(-1) @ v
        x = x + self.proj(heads.transpose(1, 2).reshape(x.shape))
        return x + self.down(functional.gelu(self.up(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, vocabulary, context, layers, heads, width):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, inputs, targets):
        tokens = inputs.shape[1]
        x = self.wte(inputs) + self.wpe(torch.arange(tokens))
        mask = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
        for block in self.blocks:
            x = block(x, mask)
        logits = functional.linear(self.ln_f(x), self.wte.weight)
        return functional.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vocabulary", type=int, default=50257)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--sequences", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compute", choices=("bf16", "fp32"), default="bf16")
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    torch.manual_seed(1)
    model = Gpt(given.vocabulary, given.context, given.layers, given.heads, given.width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
    inputs = torch.randint(given.vocabulary, (given.sequences, given.tokens))
    targets = torch.randint(given.vocabulary, (given.sequences, given.tokens))
    seconds = []
    loss = None
    for _ in range(given.steps + 1):
        begin = time.perf_counter()
        bf16 = given.compute == "bf16"
        with torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext():
            loss = model(inputs, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - begin)
    timed = sorted(seconds[1:])
    median = timed[len(timed) // 2]
    print(
        json.dumps(
            {
                "name": "pytorch",
                "version": torch.__version__,
                "compute": given.compute,
                "tokens_per_s": round(given.sequences * given.tokens / median, 1),
                "step_s": round(median, 4),
                "best_step_s": round(timed[0], 4),
                "loss": round(loss.item(), 6),
            }
        )
    )


if __name__ == "__main__":
    main()
