#!/usr/bin/python3
"""Reference files for `duet crosscheck`: losses, gradients and operators in float64 by autodiff.

    generate.py tree OUT.h5 --depth 2 --children 5 --width 7 --batch 100 --seed 3 --bias 1
    generate.py mlp OUT.h5 --sizes 12,16,9,5 --batch 48 --seed 1
    generate.py --check FILE.h5 ...

The first two draw weights and a batch and write them with what `duet crosscheck` should find; the
same options give the same numbers.  The third computes the expectations of existing files anew from
their weights and batch and compares.

Needs python3-torch and python3-h5py.  The engine has no part in this: all numbers come from the
definitions below.  Arrays of samples are [sample, ...]; level 0 of a tree is its root.
"""
import argparse
import sys

import h5py
import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
VIEWS = ("x", "x_pos", "x_neg")
TOLERANCE = 1e-9  # of --check: largest difference / largest expectation

# ---- networks: weights and input to the pre-activations and inputs of every layer ----


def psi(attributes, below):
    return torch.relu(below) if attributes["activation"] == "relu" else below


def tree_forward(attributes, weights, x):
    """Pre-activations [level][sample, node, neuron] and inputs [level][sample, node, fan_in]."""
    pre, inputs = {}, {}
    below = x
    for d in reversed(range(attributes["depth"])):
        w = weights[f"level_{d}/W"]
        nodes, _, fan_in = w.shape
        inputs[d] = psi(attributes, below).reshape(len(x), nodes, fan_in)
        pre[d] = torch.einsum("nkf,snf->snk", w, inputs[d])
        if attributes["bias"]:
            pre[d] = pre[d] + weights[f"level_{d}/b"]
        below = pre[d]
    return pre, inputs


def tree_output(attributes, weights, x):
    f = tree_forward(attributes, weights, x)[0][0][:, 0]
    return f / (f.norm(dim=1, keepdim=True) + attributes["norm_eps"])


def mlp_output(attributes, weights, x):
    f = x @ weights["layer_1/W"].T
    for layer in range(2, len(attributes["sizes"])):
        f = psi(attributes, f) @ weights[f"layer_{layer}/W"].T
    return f


# ---- losses of the outputs of the three views ----


def softplus(x):
    """log(1 + e^x) to all digits; by default it would be x from 20 on, off by e^-20."""
    return torch.nn.functional.softplus(x, threshold=700)


def labelled_losses(cosine, label):
    """Of the cosines over tau of all outputs, -inf on the diagonal, and of their labels: [SC]."""
    others = ~torch.eye(len(label), dtype=torch.bool)
    positive = (label[:, None] == label) & others
    logs = cosine - cosine.logsumexp(1, keepdim=True)
    count = positive.sum(1)
    outside = logs.masked_fill(~positive, 0).sum(1) / count
    inside = logs.masked_fill(~positive, -np.inf).logsumexp(1) - count.log()
    return {"supcon_out": -outside.mean(), "supcon_in": -inside.mean()}


def all_losses(attributes, label, f, positive, negative):
    tau, beta, margin = (attributes[name] for name in ("tau", "beta", "margin"))
    r_plus = 0.5 * ((f - positive) ** 2).sum(1)
    r_minus = 0.5 * ((f - negative) ** 2).sum(1)
    weight = torch.sigmoid(-r_minus / tau).detach() / tau
    p, n = ((f - positive) ** 2).mean(), ((f - negative) ** 2).mean()
    # cosines of all 2 batch outputs; an output of length 0 has cosine 0 with every other
    u = normalize(torch.cat([f, positive]), dim=1)
    cosine = (u @ u.T / tau).masked_fill(torch.eye(len(u), dtype=torch.bool), -np.inf)
    partner = torch.arange(len(u)).roll(len(f))
    return {
        "simple": (r_plus - r_minus).mean(),
        "simple_beta": ((1 + beta) * r_plus - r_minus).mean(),
        "triplet": (tau * softplus((r_plus - r_minus + margin) / tau)).mean(),
        "infonce": softplus((r_plus - r_minus) / tau).mean(),
        "exact_cov": (weight * (r_plus - r_minus)).mean(),
        "ntxent": cross_entropy(cosine, partner),
        "reference_nce": -torch.exp(-softplus((p - n) / tau)),
        "reference_subtract": p - n,
        **labelled_losses(cosine, label.repeat(2)),
    }


def noncontrastive_losses(predicted, positive, target):
    """Of the prediction for x, and of the online and the target net's outputs for x_pos."""
    def distance(a, b):
        return (0.5 * ((a - b) ** 2).sum(1)).mean()

    return {
        "byol": distance(predicted, target.detach()),
        "simsiam": distance(predicted, positive.detach()),
        "no_stopgrad": distance(predicted, positive),
        "byol_cosine": 2 * distance(normalize(predicted, dim=1), normalize(target.detach(), dim=1)),
    }


def gradients(losses, weights):
    found = {}
    for name, loss in losses.items():
        found[f"loss/{name}"] = loss
        each = torch.autograd.grad(loss, list(weights.values()), retain_graph=True)
        for path, gradient in zip(weights, each):
            found[f"grad/{name}/{path}"] = gradient
    return found


def losses_and_gradients(attributes, weights, label, outputs):
    return {"f": outputs[0], **gradients(all_losses(attributes, label, *outputs), weights)}


def direct_predictor(attributes, f):
    """DirectPred from the batch, with the running correlation begun at I."""
    rho, epsilon = attributes["rho"], attributes["epsilon"]
    correlation = rho * torch.eye(f.shape[1]) + (1 - rho) * f.T @ f / len(f)
    s, u = torch.linalg.eigh(correlation)
    return {"directpred/correlation": correlation,
            "directpred/W": u @ torch.diag(s.sqrt() + epsilon * s.max()) @ u.T}


# ---- what is measured on a tree ----


def correlation(pre, latent):
    """Of each neuron with its node's latent; 0 where either is constant over the batch."""
    z = latent[:, :, None].double()
    g, z_centred = pre - pre.mean(0), z - z.mean(0)
    sd_g, sd_z = (g**2).mean(0).sqrt(), (z_centred**2).mean(0).sqrt()
    constant = (sd_g <= 1e-12 * pre.abs().amax(0)) | (sd_z == 0)
    return torch.where(constant, torch.zeros(()), (g * z_centred).mean(0) / (sd_g * sd_z))


def covariance_operator(connection, labels):
    """V over the labels of E[K | label]; connection maps a choice of samples to E[K]."""
    mean = connection(torch.ones(len(labels), dtype=torch.bool))
    operator = torch.zeros(len(mean), len(mean))
    for label in labels.unique():
        chosen = labels == label
        if not chosen.all():
            difference = connection(chosen) - mean
            operator += chosen.double().mean() * difference @ difference.T
    return operator


def operators(pre, inputs, labels):
    """Of every node.  K = input (x) J^T, J = d output / d pre-activation, before normalisation."""
    outputs = pre[0][:, 0]
    levels = sorted(pre)
    names = ("covop_norm", "covop_trace", "covop_top_eigenvalue", "published_covop_norm")
    found = {f"{name}/level_{d}": [] for name in names for d in levels}
    rows = [torch.autograd.grad(outputs[:, o].sum(), [pre[d] for d in levels], retain_graph=True)
            for o in range(outputs.shape[1])]
    for d in levels:
        jacobian = torch.stack([row[d] for row in rows], 3)  # [sample, node, neuron, output]
        for node in range(jacobian.shape[1]):
            f, j = inputs[d][:, node].detach(), jacobian[:, node]

            def connection(chosen):  # [(neuron, input), output]
                k = torch.einsum("sko,sf->kfo", j[chosen], f[chosen]) / chosen.sum()
                return k.flatten(0, 1)

            def published(chosen):  # [(input, output), neuron]
                k = torch.einsum("sko,sf->fok", j[chosen], f[chosen]) / chosen.sum()
                return k.flatten(0, 1)

            operator = covariance_operator(connection, labels)
            for name, value in zip(names, (operator.norm(), operator.trace(),
                                           torch.linalg.eigvalsh(operator)[-1],
                                           covariance_operator(published, labels).norm())):
                found[f"{name}/level_{d}"].append(value)
    return {path: torch.stack(values) for path, values in found.items()}


# ---- all expectations of a file: {path: array} ----


def tree_expectations(attributes, data):
    weights = read_weights(data)
    views = [torch.tensor(data[f"batch/{view}"]).double() for view in VIEWS]
    label = torch.tensor(data["batch/label"])
    found = losses_and_gradients(attributes, weights, label,
                                 [tree_output(attributes, weights, x) for x in views])
    pre, inputs = tree_forward(attributes, weights, views[0])
    for d in pre:
        latent = torch.tensor(data[f"batch/latent/level_{d}"])
        found[f"preact/level_{d}"] = pre[d]
        found[f"correlation/level_{d}"] = correlation(pre[d].detach(), latent)
    found.update(operators(pre, inputs, label))
    return {f"expect/{path}": value.detach().numpy() for path, value in found.items()}


def mlp_expectations(attributes, data):
    weights, target = read_weights(data), read_weights(data, "target/")
    predictor = torch.tensor(data["predictor/W"], requires_grad=True)
    views = [torch.tensor(data[f"batch/{view}"]) for view in VIEWS]
    label = torch.tensor(data["batch/label"])
    found = {}
    for activation in ("relu", "linear"):
        own = {**attributes, "activation": activation}
        outputs = [mlp_output(own, weights, x) for x in views]
        losses = noncontrastive_losses(outputs[0] @ predictor.T, outputs[1],
                                       mlp_output(own, target, views[1]))
        quantities = {**losses_and_gradients(own, weights, label, outputs),
                      **gradients(losses, {**weights, "predictor/W": predictor}),
                      **direct_predictor(own, outputs[0])}
        for path, value in quantities.items():
            found[f"expect/{activation}/{path}"] = value.detach().numpy()
    return found


def read_weights(data, folder="weights/"):
    return {path[len(folder):]: torch.tensor(value, requires_grad=True)
            for path, value in data.items() if path.startswith(folder)}


# ---- drawing weights and a batch ----


def uniform_weights(random, shape, fan_in):
    return random.uniform(-1, 1, shape) / np.sqrt(fan_in)


def draw_states(random, attributes, polarity, root):
    """States of all levels, given those of the root [sample, 1]: equal with (1 + rho) / 2."""
    states = [root]
    for rho in polarity:
        parent = np.repeat(states[-1], attributes["children"], axis=1)
        same = random.random(parent.shape) < (1 + rho) / 2
        states.append(np.where(same, parent, 1 - parent).astype(np.uint8))
    return states


def draw_tree(options):
    random = np.random.default_rng(options.seed)
    attributes = {name: getattr(options, name) for name in
                  ("depth", "children", "width", "batch", "bias", "tau", "margin", "beta",
                   "norm_eps", "activation")}
    data, polarity = {}, []
    for d in range(options.depth):
        nodes, leaves = options.children**d, d == options.depth - 1
        fan_in = options.children * (1 if leaves else options.width)
        data[f"weights/level_{d}/W"] = uniform_weights(random, (nodes, options.width, fan_in),
                                                       fan_in)
        if options.bias:
            data[f"weights/level_{d}/b"] = uniform_weights(random, (nodes, options.width), fan_in)
        sign = random.choice([-1, 1], nodes * options.children)
        polarity.append(sign * random.uniform(*options.polarity, nodes * options.children))
        data[f"polarity/level_{d + 1}"] = polarity[-1]
    root, other = random.integers(0, 2, (2, options.batch, 1), dtype=np.uint8)
    states = draw_states(random, attributes, polarity, root)
    for d, state in enumerate(states):
        data[f"batch/latent/level_{d}"] = state
    data["batch/label"], data["batch/x"] = root[:, 0], states[-1]
    data["batch/x_pos"] = draw_states(random, attributes, polarity, root)[-1]
    data["batch/x_neg"] = draw_states(random, attributes, polarity, other)[-1]
    return attributes, data


def draw_mlp(options):
    random = np.random.default_rng(options.seed)
    sizes, batch = options.sizes, options.batch
    attributes = {"sizes": sizes, "batch": batch, "bias": 0, "tau": options.tau, "rho": 0.3,
                  "margin": options.margin, "beta": options.beta, "epsilon": 0.1}
    data = {}
    for layer in range(1, len(sizes)):
        shape = (sizes[layer], sizes[layer - 1])
        for net in ("weights", "target"):
            data[f"{net}/layer_{layer}/W"] = random.normal(0, 1.3 / np.sqrt(shape[1]), shape)
    data["predictor/W"] = random.normal(0, 1 / np.sqrt(sizes[-1]), (sizes[-1], sizes[-1]))
    label = random.integers(0, 3, batch, dtype=np.uint8)
    middle, other = random.normal(0, 1, (2, batch, sizes[0]))
    data["batch/label"] = label
    data["batch/x"] = middle + random.normal(0, 0.4, middle.shape)
    data["batch/x_pos"] = middle + random.normal(0, 0.4, middle.shape)
    data["batch/x_neg"] = other
    return attributes, data


# ---- files ----


def write(path, kind, attributes, data):
    # version 1.10 and compression where it helps (few patterns, few states) keep files small
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file.attrs["kind"], file.attrs["source"] = kind, "autodiff, float64, generate.py"
        for name, value in attributes.items():
            file.attrs[name] = value
        for name, value in data.items():
            repeats = name.startswith(("batch/", "expect/preact")) and value.size > 64
            file.create_dataset(name, data=value, track_times=False,
                                compression="gzip" if repeats else None, shuffle=repeats or None)


def check(path):
    """Whether the expectations of a file are those of the definitions above."""
    with h5py.File(path, "r") as file:
        attributes, data = {"activation": "relu", **file.attrs}, {}
        file.visititems(lambda name, entry: data.update({name: entry[()]})
                        if isinstance(entry, h5py.Dataset) else None)
    own = (tree_expectations if attributes["kind"] == "tree" else mlp_expectations)(attributes,
                                                                                   data)
    error = {}
    for name in own.keys() & data.keys():
        scale = np.abs(data[name]).max() or 1
        error[name] = np.abs(own[name] - data[name]).max() / scale
    worst = max(error, key=lambda name: np.nan_to_num(error[name], nan=np.inf))
    other = [name for name in data if name.startswith("expect/") and name not in own]
    print(f"{path}: {len(error)} of {len(own)} quantities; largest relative error "
          f"{error[worst]:.1e} ({worst}); {len(other)} datasets have no definition here")
    return len(error) == len(own) and error[worst] <= TOLERANCE


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", nargs="+", metavar="FILE.h5", help="compare existing files")
    kinds = parser.add_subparsers(dest="kind")
    tree, mlp = kinds.add_parser("tree"), kinds.add_parser("mlp")
    for kind in (tree, mlp):
        kind.add_argument("out", metavar="OUT.h5")
        for name, default in (("seed", 1), ("batch", 32)):
            kind.add_argument(f"--{name}", type=int, default=default)
        for name, default in (("tau", 0.37), ("margin", 0.15), ("beta", 0.4)):
            kind.add_argument(f"--{name}", type=float, default=default)
    for name, default in (("depth", 3), ("children", 2), ("width", 4)):
        tree.add_argument(f"--{name}", type=int, default=default)
    tree.add_argument("--bias", type=int, choices=(0, 1), default=1)
    tree.add_argument("--activation", choices=("relu", "linear"), default="relu")
    tree.add_argument("--polarity", type=float, nargs=2, default=(0.6, 1), metavar=("LOW", "HIGH"))
    tree.add_argument("--norm-eps", type=float, default=1e-4)
    mlp.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")],
                     default=[12, 16, 9, 5], help="inputs, then the width of every layer")
    options = parser.parse_args()
    if bool(options.check) == bool(options.kind):
        parser.error("give tree, mlp or --check")
    return options


def main():
    options = parse()
    if options.check:
        return 0 if all([check(path) for path in options.check]) else 1
    draw, expect = {"tree": (draw_tree, tree_expectations),
                    "mlp": (draw_mlp, mlp_expectations)}[options.kind]
    attributes, data = draw(options)
    write(options.out, options.kind, attributes, {**data, **expect(attributes, data)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
