"""xLSTM (Beck et al. 2024, equations 19 to 27): the mLSTM's matrix memory C and its normaliser n, one state [C, n]."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bptt.torch_models.scans.adapters.pieces import logit, no_past
from bptt.torch_models.scans.kinds import Outer
from bptt.torch_models.scans.registry import register
from bptt.torch_models.scans.scan import Scan


@register("transformers.models.xlstm.modeling_xlstm.xLSTMLayer")
@register("xlstm.xlstm_large.model.mLSTMLayer")
def xlstm(module: Any, x: Tensor, state: Any = None) -> Scan:
    """Of the forget gate, the keys times the input gate, and the values; q, the norm and the output gate read.

    The state is C and n themselves, not over e^m: the gates are capped, so that it fits. The cap is the reason why the
    number m, by which the published code divides, matters only in its ε; there it is worked out from the gates.
    """
    no_past(
        module, state if state is not None and any(bool(part.any()) for part in state) else None
    )
    heads, cap, fused = (
        module.config.num_heads,
        module.config.gate_soft_cap,
        module.config.weight_mode == "fused",
    )
    if fused:
        qk, v_dim = module.qk_dim, module.v_dim
        q, k, v, o = module.qkv_opreact(x).split([qk, qk, v_dim, v_dim], dim=-1)
        i, f = _capped(module.ifgate_preact(x), cap).chunk(2, dim=-1)
    else:
        q, k, v, o = module.q(x), module.k(x), module.v(x), module.ogate_preact(x)
        i, f = _capped(module.igate_preact(x), cap), _capped(module.fgate_preact(x), cap)
    q, k, v = (part.reshape(*x.shape[:2], heads, -1) for part in (q, k, v))
    log_f = F.logsigmoid(f)
    m = _largest(log_f, i)[..., None]
    ones = torch.ones_like(v[..., :1])

    def read(states: Tensor) -> Tensor:
        read_off = (q[..., None, :] @ states).squeeze(-2) * q.shape[-1] ** -0.5
        top, below = read_off[..., :-1], read_off[..., -1:].abs()
        h = top / (torch.maximum(below, torch.ones_like(below)) + module.config.eps * m.exp())
        h = module.multihead_norm(h.to(x.dtype)).reshape(*x.shape[:2], -1)
        out: Tensor = module.out_proj(module.ogate_act_fn(o) * h)
        return out

    facts = {"forget gate f, mean": float(torch.sigmoid(f.detach()).mean())}

    def keep(part: float) -> tuple[str, float, str]:
        bias = logit(part)
        if cap is not None and abs(bias) < cap:
            bias = cap * math.atanh(bias / cap)
        where = f"ifgate_preact.bias.data[{heads}:]" if fused else "fgate_preact.bias.data[:]"
        return (
            f"Initialise the forget gate's bias at {bias:.3g}",
            bias,
            f"module.{where} = {bias:.4g}",
        )

    return Scan(
        Outer(log_f.exp(), i.exp()[..., None] * k, torch.cat([v, ones], -1)), read, facts, keep
    )


def _capped(x: Tensor, cap: float | None) -> Tensor:
    return x if cap is None else cap * torch.tanh(x / cap)


def _largest(log_f: Tensor, i: Tensor) -> Tensor:
    """m_t = max(log f_t + m_{t-1}, i_t) with m_0 = 0."""
    m, every = torch.zeros_like(i[:, 0]), []
    for t in range(i.shape[1]):
        m = torch.maximum(log_f[:, t] + m, i[:, t])
        every.append(m)
    return torch.stack(every, 1)
