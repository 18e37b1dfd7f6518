"""Learning: PyTorch on one thread, and the network written as ONNX with its normalisations folded in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from tests.bench.finder.batches import COLUMNS, HEIGHT, ROWS, WIDTH, Batch

LAYERS = (
    (1, 12, 5, 2, 1),
    (12, 24, 3, 2, 1),
    (24, 40, 3, 2, 1),
    (40, 40, 3, 1, 1),
    (40, 40, 3, 1, 2),
    (40, 40, 3, 1, 3),
    (40, 40, 3, 1, 1),
)
"""Channels in and out, kernel, stride and dilation of each; then a head of one more, without an activation."""
ANSWERS = 6
"""Head, frontal, and the logarithms of the four sides in cells."""


def network() -> nn.Sequential:
    parts: list[nn.Module] = []
    for inward, outward, kernel, stride, dilation in LAYERS:
        padding = dilation * (kernel // 2)
        parts += [
            nn.Conv2d(inward, outward, kernel, stride, padding, dilation, bias=False),
            nn.BatchNorm2d(outward),
            nn.ReLU(),
        ]
    last = nn.Conv2d(LAYERS[-1][1], ANSWERS, 1)
    nn.init.normal_(last.weight, std=0.01)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([-3.0, 0.0, 0.7, 0.9, 0.7, 0.9]))
    return nn.Sequential(*parts, last)


def loss_of(answer: Any, batch: Batch) -> Any:
    head, frontal, sides = (torch.from_numpy(part) for part in batch[1:])
    focal = _focal(answer[:, 0], head)
    here = head == 1
    if not bool(here.any()):
        return focal
    facing = functional.binary_cross_entropy_with_logits(answer[:, 1][here], frontal[here])
    guess, true = answer[:, 2:].permute(0, 2, 3, 1)[here], sides.permute(0, 2, 3, 1)[here]
    apart = functional.smooth_l1_loss(guess, true.log(), beta=0.1)
    return focal + facing + (1 - _overlap(guess.exp(), true)).mean() + 0.5 * apart


def _focal(logits: Any, head: Any) -> Any:
    """Focal loss (Lin et al., arXiv 1708.02002) over the cells that matter, for each cell of a head."""
    matters = (head >= 0).float()
    target = head.clamp(min=0)
    plain = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = torch.exp(-plain)
    weight = torch.where(target > 0.5, 0.4, 0.6)
    return (matters * weight * (1 - right) ** 2 * plain).sum() / target.sum().clamp(min=1)


def _overlap(guess: Any, true: Any) -> Any:
    """Intersection over union of boxes around one point; both (n, 4): left, top, right, bottom."""
    least = torch.minimum(guess, true)
    both = (least[:, 0] + least[:, 2]) * (least[:, 1] + least[:, 3])
    areas = [(box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3]) for box in (guess, true)]
    return both / (areas[0] + areas[1] - both)


def train(source: Iterator[Batch], out: Path, minutes: float, seed: int, start: Path | None = None) -> None:
    """Learn for so many minutes (the rate falls to nothing until then) and write the ONNX file.

    With `start` it goes on from those weights, and what is written is the mean of them and of what was learnt: it
    generalises better than either (Wortsman et al., arXiv 2203.05482).
    """
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    net = network()
    if start is not None:
        net.load_state_dict(torch.load(start))
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    rule = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    began, step, recent = time.monotonic(), 0, 0.0
    while (done := (time.monotonic() - began) / (60 * minutes)) < 1:
        rate = 3e-3 * min(1.0, (step + 1) / 100) * (0.5 * (1 + np.cos(np.pi * done)) + 0.01)
        for group in rule.param_groups:
            group["lr"] = rate
        batch = next(source)
        loss = loss_of(net(torch.from_numpy(batch.images)), batch)
        rule.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        rule.step()
        average.update_parameters(net)
        step, recent = step + 1, 0.98 * recent + 0.02 * float(loss.detach())
        if step % 100 == 0:
            print(f"{step} steps, {done:.0%}, loss {recent / (1 - 0.98**step):.3f}", flush=True)
        if step % 500 == 0:
            write(average.module, out)
            torch.save(average.module.state_dict(), out.with_suffix(".pt"))
    last = average.module
    if start is not None:
        last.load_state_dict(_mean(torch.load(start), last.state_dict()))
    write(last, out)
    torch.save(last.state_dict(), out.with_suffix(".pt"))


def _mean(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {name: (one[name] + other[name]) / 2 if one[name].is_floating_point() else other[name] for name in one}


def write(net: nn.Sequential, out: Path) -> None:
    """The network as ONNX: convolutions (with the batch normalisation behind each folded in) and rectifiers."""
    nodes, weights, name = [], [], "image"
    parts = list(net)
    for number, part in enumerate(parts):
        if not isinstance(part, nn.Conv2d):
            continue
        after = parts[number + 1] if number + 1 < len(parts) else None
        kernel, bias = _folded(part, after)
        weights += [numpy_helper.from_array(kernel, f"w{number}"), numpy_helper.from_array(bias, f"b{number}")]
        to = "answer" if after is None else f"c{number}"
        (pad,), (stride,), (dilation,) = ({*part.padding}, {*part.stride}, {*part.dilation})
        shape = {
            "kernel_shape": list(kernel.shape[2:]),
            "strides": [stride] * 2,
            "pads": [pad] * 4,
            "dilations": [dilation] * 2,
        }
        nodes.append(helper.make_node("Conv", [name, f"w{number}", f"b{number}"], [to], **shape))
        name = to
        if after is not None:
            nodes.append(helper.make_node("Relu", [to], [f"r{number}"]))
            name = f"r{number}"
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, HEIGHT, WIDTH])
    answer = helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, ANSWERS, ROWS, COLUMNS])
    graph = helper.make_graph(nodes, "faces", [image], [answer], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    out.write_bytes(model.SerializeToString())


def _folded(conv: nn.Conv2d, after: nn.Module | None) -> tuple[Any, Any]:
    kernel = conv.weight.detach()
    if after is None:
        return kernel.numpy(), conv.bias.detach().numpy()
    gain = (after.weight / torch.sqrt(after.running_var + after.eps)).detach()
    return (kernel * gain[:, None, None, None]).numpy(), (after.bias - after.running_mean * gain).detach().numpy()
