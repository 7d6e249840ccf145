#!/usr/bin/env python3
"""The peer of `make bench-peer`: duet's published setting as one would write it in PyTorch today.

float32, all nodes of a level in one batched matrix product, views drawn as tensors.  An epoch is one
pass that measures (correlations, connection by label, covariance operator) and one that trains, both
over 64,000 samples.  Prints the seconds of each epoch.

    hltm_torch.py [--threads 1] [--epochs 3] [--measure-batch 1000]
"""
import argparse
import math
import time

import torch

DEPTH, CHILDREN, WIDTH = 5, 2, 10
SAMPLES, BATCH, LR, TAU, NORM_EPS = 64000, 128, 0.1, 0.01, 1e-4


def nodes(level):
    return CHILDREN**level


class World:
    """Tree with |polarity| uniform in [0.7, 1] and random signs."""

    def __init__(self):
        self.flip = [None]
        for level in range(1, DEPTH + 1):
            sign = 1 - 2 * torch.randint(0, 2, (nodes(level),)).float()
            rho = sign * (0.7 + 0.3 * torch.rand(nodes(level)))
            self.flip.append((1 - rho) / 2)

    def sample(self, root):
        """States of all levels below `root`, [batch, node] each."""
        states = [root]
        for level in range(1, DEPTH + 1):
            parent = states[-1].repeat_interleave(CHILDREN, dim=1)
            states.append(parent ^ (torch.rand(parent.shape) < self.flip[level]))
        return states


class Network:
    def __init__(self):
        self.weight, self.bias = [], []
        for level in range(DEPTH):
            fan_in = CHILDREN * (1 if level == DEPTH - 1 else WIDTH)
            bound = 1 / math.sqrt(fan_in)
            shape = (nodes(level), fan_in, WIDTH)
            self.weight.append(((2 * torch.rand(shape) - 1) * bound).requires_grad_())
            self.bias.append(((2 * torch.rand(nodes(level), 1, WIDTH) - 1) * bound).requires_grad_())

    def forward(self, leaves):
        batch = leaves.shape[0]
        h = leaves.t().unsqueeze(2)
        pre, inputs = [None] * DEPTH, [None] * DEPTH
        for level in reversed(range(DEPTH)):
            x = torch.relu(h).view(nodes(level), CHILDREN, batch, -1)
            x = x.permute(0, 2, 1, 3).reshape(nodes(level), batch, -1)
            h = torch.baddbmm(self.bias[level], x, self.weight[level])
            pre[level], inputs[level] = h, x
        out = h[0]
        return out / (out.norm(dim=1, keepdim=True) + NORM_EPS), pre, inputs


def measure(world, network, batch):
    """Correlations of neurons with latents, and the covariance operators' norms."""
    connection = [torch.zeros(2, nodes(l), network.weight[l].shape[1], WIDTH * WIDTH) for l in range(DEPTH)]
    sums = [[0, 0, 0, 0] for _ in range(DEPTH)]
    count = torch.zeros(2)
    with torch.no_grad():
        for _ in range(SAMPLES // batch):
            states = world.sample(torch.randint(0, 2, (batch, 1)).bool())
            label = states[0][:, 0].float()
            count += torch.stack([(1 - label).sum(), label.sum()])
            _, pre, inputs = network.forward(states[-1].float())
            jacobian = torch.eye(WIDTH).expand(1, batch, WIDTH, WIDTH)
            for level in range(DEPTH):
                if level > 0:
                    above = jacobian.reshape(nodes(level - 1), batch * WIDTH, WIDTH)
                    j = torch.matmul(above, network.weight[level - 1].transpose(1, 2))
                    j = j.view(nodes(level - 1), batch, WIDTH, CHILDREN, WIDTH).permute(0, 3, 1, 2, 4)
                    jacobian = j.reshape(nodes(level), batch, WIDTH, WIDTH) * (pre[level] > 0).unsqueeze(2)
                flat = jacobian.reshape(nodes(level), batch, WIDTH * WIDTH)
                for state, weight in enumerate((1 - label, label)):
                    masked = (inputs[level] * weight[None, :, None]).transpose(1, 2)
                    connection[level][state] += torch.bmm(masked, flat)
                z = states[level].float().t().unsqueeze(2)
                for i, term in enumerate((z, pre[level], pre[level] ** 2, z * pre[level])):
                    sums[level][i] += term.sum(1)
    best, norm = [], []
    for level in range(DEPTH):
        z, f, ff, zf = (s / SAMPLES for s in sums[level])
        r = (zf - z * f) / ((z - z * z) * (ff - f * f)).clamp_min(1e-12).sqrt()
        best.append(r.abs().max(1).values.mean().item())
        mean = connection[level] / count[:, None, None, None]
        k = (mean[1] - mean[0]).view(nodes(level), -1, WIDTH, WIDTH) * (count.prod().sqrt() / SAMPLES)
        k = k.permute(0, 1, 3, 2).reshape(nodes(level), -1, WIDTH)
        norm.append(torch.bmm(k.transpose(1, 2), k).norm(dim=(1, 2)).mean().item())
    return best, norm


def train(world, network):
    optimiser = torch.optim.SGD(network.weight + network.bias, lr=LR)
    for _ in range(SAMPLES // BATCH):
        root, other = (torch.randint(0, 2, (BATCH, 1)).bool() for _ in range(2))
        views = torch.cat([world.sample(r)[-1] for r in (root, root, other)]).float()
        f, _, _ = network.forward(views)
        positive = ((f[:BATCH] - f[BATCH:2 * BATCH]) ** 2).mean()
        negative = ((f[:BATCH] - f[2 * BATCH:]) ** 2).mean()
        loss = -torch.softmax(torch.stack([-positive, -negative]) / TAU, 0)[0]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--measure-batch", type=int, default=1000)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    world, network = World(), Network()
    for _ in range(options.epochs):
        start = time.time()
        best, norm = measure(world, network, options.measure_batch)
        train(world, network)
        print(f"{time.time() - start:.4f}", flush=True)
        if options.verbose:
            print("best", best, "norm", norm)


if __name__ == "__main__":
    main()
